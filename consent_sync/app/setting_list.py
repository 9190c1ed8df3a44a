"""What can be set: each setting once, with its default, its kind and its meaning."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from consent_sync.app import setting_kinds as kinds
from consent_sync.app.setting_kinds import Address, ApiToken
from consent_sync.app.setting_reading import Spec


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Declared:
    """The values of all settings. Times are in the unit that the name says.

    What a side lacks is an empty text or an empty tuple.
    """

    listen: Annotated[
        Address, Spec("127.0.0.1:8080", kinds.address, "host:port to listen on; port 0 picks one")
    ]
    database_url: Annotated[
        str, Spec("sqlite:///consent-sync.db", kinds.database_url, "where everything is kept")
    ]
    mappings_dir: Annotated[Path, Spec("mappings", kinds.folder, "the folder of the mapping files")]

    didomi_api_url: Annotated[
        str, Spec("https://api.didomi.io/v1", kinds.web_url, "address of Didomi's API")
    ]
    didomi_api_key: Annotated[
        str, Spec("", kinds.text, "key ID of a private API key of Didomi", secret=True)
    ]
    didomi_api_secret: Annotated[str, Spec("", kinds.text, "secret of that key", secret=True)]
    didomi_webhook_secrets: Annotated[
        tuple[str, ...],
        Spec(
            "",
            kinds.several,
            "secrets, any of which Didomi may send in X-Webhook-Secret",
            secret=True,
            unset=(),
        ),
    ]
    didomi_webhook_client_id: Annotated[
        str, Spec("", kinds.text, "client ID with which Didomi fetches a token for its webhook")
    ]
    didomi_webhook_client_secret: Annotated[
        str, Spec("", kinds.text, "secret of that client", secret=True)
    ]
    didomi_timeout_seconds: Annotated[
        float, Spec("30", kinds.positive_span, "longest wait for an answer of Didomi")
    ]

    actito_api_url: Annotated[
        str,
        Spec(
            "",
            kinds.web_url,
            "address of Actito's API, for example https://api3.actito.com",
            required=True,
        ),
    ]
    actito_api_key: Annotated[str, Spec("", kinds.text, "API key of Actito", secret=True)]
    actito_profiles_prefix: Annotated[
        str,
        Spec(
            "profiles",
            kinds.prefix,
            "category before the version in addresses of profile data; may be empty",
            may_be_empty=True,
        ),
    ]
    actito_webhook_secrets: Annotated[
        tuple[str, ...],
        Spec(
            "",
            kinds.several,
            "secrets, any of which Actito may send in X-Webhook-Secret",
            secret=True,
            unset=(),
        ),
    ]
    actito_calls_per_minute: Annotated[
        int, Spec("90", kinds.whole, "most calls to Actito a minute; 0 = no pacing")
    ]
    actito_max_concurrency: Annotated[
        int, Spec("3", kinds.counted, "most calls to Actito at the same time")
    ]
    actito_timezone: Annotated[
        str,
        Spec(
            "Europe/Brussels", kinds.time_zone, "time zone of dates that Actito sends without one"
        ),
    ]
    actito_read_timeout_seconds: Annotated[
        float, Spec("40", kinds.positive_span, "longest wait for an answer of Actito")
    ]
    actito_bulk_above: Annotated[
        int,
        Spec(
            "0",
            kinds.whole,
            "from so many waiting turns on, refusals go to Actito together, as imports; 0 = never",
        ),
    ]
    actito_bulk_rows: Annotated[
        int, Spec("10000", kinds.counted, "most people in one import, all of them in memory")
    ]
    actito_imports_per_day: Annotated[
        int,
        Spec(
            "12",
            kinds.counted,
            "most imports into one table in 24 hours, all replicas together",
        ),
    ]
    actito_webhook_max_delay_seconds: Annotated[
        float,
        Spec("3600", kinds.span, "longest time an Actito webhook is believed to be under way"),
    ]

    retry_first_delay_seconds: Annotated[
        float, Spec("1", kinds.positive_span, "wait before the first new attempt")
    ]
    retry_max_delay_seconds: Annotated[
        float, Spec("900", kinds.positive_span, "longest wait between two attempts")
    ]
    retry_give_up_hours: Annotated[
        float,
        Spec(
            "72",
            kinds.positive_span,
            "how long a call is tried again before it is put aside for a person",
        ),
    ]
    breaker_failures: Annotated[
        int,
        Spec(
            "10",
            kinds.whole,
            "after so many failed calls in a row a platform is left in peace for a while; 0 = never",
        ),
    ]
    late_after_seconds: Annotated[
        float, Spec("300", kinds.span, "a yes that took longer to arrive counts as late")
    ]
    clock_tolerance_seconds: Annotated[
        float, Spec("2", kinds.span, "how far the clocks of the two sides may be apart")
    ]
    confirm_after_seconds: Annotated[
        float,
        Spec(
            "600",
            kinds.span,
            "a write that nothing has confirmed for so long is read back; 0 = never",
        ),
    ]
    guard_raised_lines: Annotated[
        int,
        Spec(
            "0",
            kinds.whole,
            "most lines raised per mapping and window, more are held; 0 = no limit",
        ),
    ]
    guard_created_profiles: Annotated[
        int,
        Spec(
            "0",
            kinds.whole,
            "most profiles created for agreements per mapping and window; 0 = no limit",
        ),
    ]
    guard_raised_share: Annotated[
        float,
        Spec(
            "0.05",
            kinds.share_or_none,
            "largest share of the known people whose lines are raised per mapping and window; 0 = no limit",
        ),
    ]
    guard_created_share: Annotated[
        float,
        Spec(
            "0",
            kinds.share_or_none,
            "most profiles created for agreements, as a share of the known people; 0 = no limit",
        ),
    ]
    guard_window_seconds: Annotated[
        float, Spec("3600", kinds.positive_span, "the window in which those four are counted")
    ]
    guard_changes_an_hour: Annotated[
        int,
        Spec(
            "0",
            kinds.whole,
            "most writes on one line of one person an hour, then its next agreement is held; 0 = no limit",
        ),
    ]
    discover_every_seconds: Annotated[
        float,
        Spec(
            "3600",
            kinds.span,
            "how often the platforms are asked what is new or has vanished there; 0 = never",
        ),
    ]
    turns_concurrency: Annotated[
        int, Spec("32", kinds.counted, "how many people are worked on at the same time")
    ]

    stop_within_seconds: Annotated[
        float,
        Spec(
            "30",
            kinds.positive_span,
            "how long a stop waits for the turns under way; what is cut off is looked at again",
        ),
    ]
    lease_seconds: Annotated[
        float,
        Spec(
            "90",
            kinds.positive_span,
            "with PostgreSQL: how long the people of a replica that died wait for another one",
        ),
    ]
    recover_after_seconds: Annotated[
        float,
        Spec(
            "300",
            kinds.span,
            "at a start, what was missed is pulled from Didomi when its last event is older; 0 = never",
        ),
    ]
    sweep_every_hours: Annotated[
        float,
        Spec(
            "24",
            kinds.span,
            "how long after its last beginning a sweep of everybody begins anew; 0 = no sweep",
        ),
    ]
    sweep_repair: Annotated[
        bool,
        Spec("false", kinds.truth, "true: a sweep hands whoever differs to their turn"),
    ]
    sweep_share: Annotated[
        float,
        Spec("0.25", kinds.share, "share of the calls to Actito that comparing may use"),
    ]

    alert_webhook_urls: Annotated[
        tuple[str, ...],
        Spec("", kinds.web_urls, "where alerts are sent", secret=True, unset=()),
    ]
    alert_webhook_secrets: Annotated[
        tuple[str, ...],
        Spec(
            "",
            kinds.signing_secrets,
            "secrets that alerts are signed with, each whsec_ and base64",
            secret=True,
            unset=(),
        ),
    ]
    alert_every_seconds: Annotated[
        float, Spec("30", kinds.span, "how often is looked for what is worth an alert; 0 = never")
    ]
    alert_silent_hours: Annotated[
        float, Spec("24", kinds.span, "after so long a silent side is an alert; 0 = never")
    ]
    alert_optout_seconds: Annotated[
        float, Spec("600", kinds.span, "after so long a waiting opt-out is an alert; 0 = never")
    ]

    public_url: Annotated[
        str,
        Spec(
            "",
            kinds.web_url,
            "address under which the platforms reach this service; webhooks lead there",
        ),
    ]
    allow_unauthenticated: Annotated[
        bool,
        Spec("false", kinds.truth, "true: a webhook without any secret accepts every delivery"),
    ]
    api_tokens: Annotated[
        tuple[ApiToken, ...],
        Spec(
            "",
            kinds.api_tokens,
            "name:role:token, separated by commas; roles are viewer, operator and admin",
            secret=True,
            unset=(),
        ),
    ]
    fingerprint_key: Annotated[
        str | None,
        Spec(
            "",
            kinds.text,
            "key of the fingerprints that stand for people in logs",
            secret=True,
            unset=None,
            default_words="kept in a file beside the database",
        ),
    ]
    tombstones_file: Annotated[
        Path | None,
        Spec(
            "",
            kinds.folder,
            "a list of the erased apart from the database, of this process alone",
            unset=None,
            default_words="beside a SQLite file, none with PostgreSQL",
        ),
    ]
    keep_contents_days: Annotated[
        float,
        Spec("0", kinds.span, "how long the content of what was received is kept; 0 = for good"),
    ]
    keep_timelines_days: Annotated[
        float,
        Spec("0", kinds.span, "how long what happened to people is kept; 0 = for good"),
    ]
    keep_identifiers_days: Annotated[
        float,
        Spec(
            "0",
            kinds.span,
            "after how long without anything new people are known by a hash alone; 0 = never",
        ),
    ]
    deletion_policy: Annotated[
        str,
        Spec(
            "keep",
            kinds.one_of("keep", "opt-out", "delete"),
            "what a user deleted in Didomi means for Actito: keep, opt-out or delete",
        ),
    ]
    actito_deletion_policy: Annotated[
        str,
        Spec(
            "keep",
            kinds.one_of("keep", "opt-out", "delete"),
            "what a profile deleted in Actito means for Didomi: keep, opt-out or delete",
        ),
    ]
    deletions_an_hour: Annotated[
        int,
        Spec("20", kinds.whole, "how many such deletions are made an hour at most; 0 = any number"),
    ]
    log_format: Annotated[
        str,
        Spec(
            "",
            kinds.one_of("json", "console"),
            "json or console",
            default_words="json, on a terminal console",
        ),
    ]
    log_level: Annotated[
        str,
        Spec(
            "info",
            kinds.one_of("debug", "info", "warning", "error"),
            "the least important lines that are logged: debug, info, warning or error",
        ),
    ]
