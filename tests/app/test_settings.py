"""The settings: one value from the variables that are handed in."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pytest

from consent_sync.app.accounts import calls_a_minute
from consent_sync.app.settings import (
    Address,
    ApiToken,
    Settings,
    SettingsError,
    one_setting,
    specs,
)
from consent_sync.domain.errors import RefusedError

NEEDED = {"CONSENT_SYNC_ACTITO_API_URL": "https://api3.actito.example.com"}
LONG = "0123456789abcdef"


def settings(dotenv: Mapping[str, str | None] | None = None, /, **variables: str) -> Settings:
    given = {f"CONSENT_SYNC_{name}": value for name, value in variables.items()}
    return Settings.from_variables(NEEDED | given, dotenv)


def refused(**variables: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        settings(**variables)
    return [str(problem) for problem in caught.value.problems]


def warnings(**variables: str) -> list[str]:
    return [str(warning) for warning in settings(**variables).warnings]


def row(of: Settings, name: str) -> tuple[str, str]:
    found = next(row for row in of.rows() if row.name == f"CONSENT_SYNC_{name}")
    return found.value, found.origin


def test_defaults_are_the_documented_ones() -> None:
    """One variable is enough to start."""
    plain = settings()

    assert plain.listen == Address("127.0.0.1", 8080)
    assert plain.database_url == "sqlite:///consent-sync.db"
    assert plain.mappings_dir == Path("mappings")
    assert plain.didomi_api_url == "https://api.didomi.io/v1"
    assert (plain.didomi_api_key, plain.didomi_webhook_secrets) == ("", ())
    assert plain.didomi_timeout_seconds == 30
    assert plain.actito_profiles_prefix == "profiles"
    assert (plain.actito_calls_per_minute, plain.actito_max_concurrency) == (90, 3)
    assert (plain.actito_timezone, plain.actito_read_timeout_seconds) == ("Europe/Brussels", 40)
    assert plain.retry_first_delay_seconds == 1
    assert (plain.retry_max_delay_seconds, plain.retry_give_up_hours) == (900, 72)
    assert (plain.late_after_seconds, plain.actito_webhook_max_delay_seconds) == (300, 3600)
    assert (plain.clock_tolerance_seconds, plain.confirm_after_seconds) == (2, 600)
    assert plain.turns_concurrency == 32
    assert plain.allow_unauthenticated is False
    assert (plain.api_tokens, plain.fingerprint_key) == ((), None)
    assert (plain.log_format, plain.log_level) == ("", "info")
    assert (plain.warnings, plain.accounts) == ((), ())


def test_every_problem_is_told_at_once() -> None:
    """Nobody starts the program five times to find five mistakes, and it is a refusal."""
    with pytest.raises(RefusedError) as caught:
        Settings.from_variables(
            {"CONSENT_SYNC_LISTEN": "here", "CONSENT_SYNC_LATE_AFTER_SECONDS": "soon"}
        )

    assert str(caught.value).splitlines() == [
        "the settings are wrong:",
        "  CONSENT_SYNC_LISTEN: found `here`, "
        "expected host:port, for example 127.0.0.1:8080 or [::1]:8080",
        "  CONSENT_SYNC_ACTITO_API_URL: found nothing, "
        "expected address of Actito's API, for example https://api3.actito.com",
        "  CONSENT_SYNC_LATE_AFTER_SECONDS: found `soon`, expected a number, 0 or more",
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("LISTEN", "8080"),
        ("LISTEN", ":8080"),
        ("LISTEN", "localhost:99999"),
        ("LISTEN", "localhost:http"),
        ("LISTEN", "::1:8080"),
        ("DATABASE_URL", "consent-sync.db"),
        ("DATABASE_URL", "sqlite://file.db"),
        ("DATABASE_URL", "sqlite:///"),
        ("DATABASE_URL", "mysql://h/d"),
        ("DATABASE_URL", "postgresql:///d"),
        ("DATABASE_URL", "postgresql://u:a@b@h/d"),
        ("DIDOMI_API_URL", "api.didomi.io/v1"),
        ("DIDOMI_API_URL", "ftp://api.didomi.io"),
        ("DIDOMI_API_URL", "https://"),
        ("DIDOMI_API_URL", "https://h:port/"),
        ("DIDOMI_API_URL", "https://h/?a=b"),
        ("DIDOMI_API_URL", "https://h /x"),
        ("ACTITO_PROFILES_PREFIX", "pro files"),
        ("ACTITO_CALLS_PER_MINUTE", "-1"),
        ("ACTITO_CALLS_PER_MINUTE", "1.5"),
        ("ACTITO_CALLS_PER_MINUTE", "²"),
        ("ACTITO_MAX_CONCURRENCY", "0"),
        ("ACTITO_TIMEZONE", "Europe/Brussel"),
        ("ACTITO_TIMEZONE", "../zone"),
        ("ACTITO_READ_TIMEOUT_SECONDS", "0"),
        ("RETRY_GIVE_UP_HOURS", "nan"),
        ("RETRY_MAX_DELAY_SECONDS", "inf"),
        ("LATE_AFTER_SECONDS", "-1"),
        ("ALLOW_UNAUTHENTICATED", "maybe"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "loud"),
        ("API_TOKENS", "just-a-token"),
        ("API_TOKENS", "ann:admin:"),
        ("API_TOKENS", f"ann:boss:{LONG}"),
        ("API_TOKENS", f"ann:admin:{LONG},ann:viewer:{LONG}x"),
        ("API_TOKENS", f"ann:admin:{LONG},bob:viewer:{LONG}"),
    ],
)
def test_unusable_value_is_refused_by_its_name(name: str, text: str) -> None:
    """A mistake is told with the variable it stands in."""
    assert [line.split(":")[0] for line in refused(**{name: text})] == [f"CONSENT_SYNC_{name}"]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("LISTEN", "0.0.0.0:0", Address("0.0.0.0", 0)),  # noqa: S104 - an address to read, none to open
        ("LISTEN", "[::1]:80", Address("::1", 80)),
        ("DATABASE_URL", "sqlite:////var/lib/c.db", "sqlite:////var/lib/c.db"),
        ("DATABASE_URL", "postgresql://u:p@h/d", "postgresql://u:p@h/d"),
        ("MAPPINGS_DIR", "/etc/maps", Path("/etc/maps")),
        ("DIDOMI_API_URL", "https://h/v1/", "https://h/v1"),
        ("DIDOMI_WEBHOOK_SECRETS", f" {LONG}1 , {LONG}2,,", (f"{LONG}1", f"{LONG}2")),
        ("ACTITO_PROFILES_PREFIX", "", ""),
        ("ACTITO_PROFILES_PREFIX", "/profiles/", "profiles"),
        ("ACTITO_CALLS_PER_MINUTE", "0", 0),
        ("ACTITO_TIMEZONE", "UTC", "UTC"),
        ("CONFIRM_AFTER_SECONDS", "0", 0.0),
        ("RETRY_FIRST_DELAY_SECONDS", "0.5", 0.5),
        ("ALLOW_UNAUTHENTICATED", "Yes", True),
        ("ALLOW_UNAUTHENTICATED", "0", False),
        ("LOG_FORMAT", "Console", "console"),
        ("LOG_LEVEL", "debug", "debug"),
        ("FINGERPRINT_KEY", LONG, LONG),
        (
            "API_TOKENS",
            f"ann:admin:{LONG},bob:viewer:a:{LONG}",
            (ApiToken("ann", "admin", LONG), ApiToken("bob", "viewer", f"a:{LONG}")),
        ),
    ],
)
def test_text_becomes_its_value(name: str, text: str, value: object) -> None:
    """Each kind of setting is read into what the program uses."""
    assert getattr(settings(**{name: text}), name.lower()) == value


def test_address_says_whether_it_is_local() -> None:
    """Without tokens the console answers only on this machine, so the address must tell."""
    assert Address("127.0.0.1", 1).loopback
    assert not Address("192.0.2.1", 1).loopback
    assert str(Address("::1", 80)) == "[::1]:80"


def test_environment_beats_dotenv_beats_default() -> None:
    """Each value says where it comes from."""
    both = {"CONSENT_SYNC_LATE_AFTER_SECONDS": "5", "CONSENT_SYNC_LOG_LEVEL": "debug"}
    mixed = settings(both, LATE_AFTER_SECONDS="7")

    assert row(mixed, "LATE_AFTER_SECONDS") == ("7", "environment")
    assert row(mixed, "LOG_LEVEL") == ("debug", ".env")
    assert row(mixed, "CLOCK_TOLERANCE_SECONDS") == ("2", "default")
    assert (mixed.late_after_seconds, mixed.log_level) == (7, "debug")


def test_empty_variable_means_the_default() -> None:
    """An empty variable, as compose files make them, hides the `.env` file and sets nothing."""
    emptied = settings({"CONSENT_SYNC_LOG_LEVEL": "debug"}, LOG_LEVEL=" ")

    assert row(emptied, "LOG_LEVEL") == ("info", "default")


def test_name_without_a_value_in_dotenv_is_ignored() -> None:
    """A bare name in a `.env` file says nothing."""
    assert settings({"CONSENT_SYNC_LOG_LEVEL": None}).log_level == "info"


@pytest.mark.parametrize(
    "variable",
    [spec.variable for spec in specs()],
    ids=lambda name: name.removeprefix("CONSENT_SYNC_"),
)
def test_misspelled_variable_is_pointed_out(variable: str) -> None:
    """A variable that has no effect is told with the name that was probably meant."""
    typo = variable[:-2] + variable[-1] + variable[-2]
    (warning,) = Settings.from_variables(NEEDED | {typo: "x"}).warnings

    assert (warning.variable, warning.nearest) == (typo, variable)


def test_foreign_variables_are_left_alone() -> None:
    """Only names that start like ours are looked at."""
    assert Settings.from_variables({**NEEDED, "PATH": "/bin", "CONSENT": "x"}).warnings == ()


def test_unknown_name_in_dotenv_is_pointed_out() -> None:
    """The `.env` file is read as carefully as the environment."""
    (warning,) = settings({"CONSENT_SYNC_COLOUR": "red"}).warnings

    assert str(warning) == (
        "CONSENT_SYNC_COLOUR: found a variable that is no setting, expected a known name"
    )


# These have a form of their own, so each has a test of its own.
FORMED = {"API_TOKENS", "ALERT_WEBHOOK_URLS", "ALERT_WEBHOOK_SECRETS"}
SECRETS = [spec.name for spec in specs() if spec.secret and spec.name not in FORMED]


@pytest.mark.parametrize("name", SECRETS)
def test_secret_never_shows(name: str) -> None:
    """Neither a listing nor the representation holds a secret, not even a part of one."""
    pair = (
        {"DIDOMI_API_KEY": LONG, "DIDOMI_API_SECRET": LONG} if name.startswith("DIDOMI_A") else {}
    )
    client = {"DIDOMI_WEBHOOK_CLIENT_ID": "id"} if "CLIENT" in name else {}
    made = settings(**{**pair, **client, name: "open-sesame-1234"})

    assert row(made, name) == ("********", "environment")
    assert "sesame" not in f"{made!r}{made.rows()}{made.entries}{made.warnings}"


def test_tokens_show_who_they_belong_to() -> None:
    """Names and roles may be listed, tokens may not."""
    made = settings(API_TOKENS="ann:admin:open-sesame-1234,bob:viewer:open-sesame-5678")

    assert row(made, "API_TOKENS")[0] == "ann:admin:********,bob:viewer:********"
    assert "sesame" not in f"{made!r}{made.api_tokens}{made.entries}"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:sesame@h:5432/d", "postgresql://ann:********@h:5432/d"),
        ("postgresql://ann@h/d", "postgresql://ann@h/d"),
        ("postgresql://h/d?password=sesame", "postgresql://h/d?********"),
        ("sqlite:///a.db", "sqlite:///a.db"),
    ],
)
def test_password_in_the_database_address_never_shows(url: str, shown: str) -> None:
    """The address may be listed, the password in it may not."""
    assert row(settings(DATABASE_URL=url), "DATABASE_URL")[0] == shown


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("API_TOKENS", "open-sesame-1234"),
        ("API_TOKENS", "ann:open-sesame-1234"),
        ("API_TOKENS", "ann:boss:open-sesame-1234"),
        ("API_TOKENS", "a:admin:open-sesame-1234,b:admin:open-sesame-1234"),
        ("DATABASE_URL", "postgres://u:open-sesame@h:x/d"),
        ("DATABASE_URL", "postgres://u:open@sesame@h/d"),
        ("DIDOMI_API_URL", "https://u:open-sesame@h/"),
    ],
)
def test_refusal_never_shows_a_secret(name: str, text: str) -> None:
    """A mistake beside a secret does not bring the secret into a log."""
    assert "sesame" not in "".join(refused(**{name: text}))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ACTITO_API_KEY", "short"),
        ("ACTITO_WEBHOOK_SECRETS", f"{LONG},short"),
        ("API_TOKENS", "ann:admin:short"),
        ("FINGERPRINT_KEY", "short"),
    ],
)
def test_short_secret_is_warned_about(name: str, text: str) -> None:
    """A secret that can be guessed is used, but not silently."""
    assert warnings(**{name: text}) == [
        f"CONSENT_SYNC_{name}: found a secret shorter than 16 characters, "
        "expected a longer one, made by chance"
    ]


def test_long_secrets_are_fine() -> None:
    """Sixteen characters are enough."""
    assert warnings(ACTITO_API_KEY=LONG, API_TOKENS=f"ann:admin:{LONG}") == []


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("http://actito.example.com", True),
        ("http://localhost.example.com", True),
        ("http://localhost:9000", False),
        ("http://127.0.0.1:9000", False),
        ("http://[::1]:9000", False),
        ("https://actito.example.com", False),
    ],
)
def test_plain_http_is_for_this_machine_only(url: str, warned: bool) -> None:
    """Secrets that travel unencrypted over a network are pointed out."""
    assert bool(warnings(ACTITO_API_URL=url)) is warned


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("postgresql://u@db.example.com/d", True),
        ("postgresql://u@db.example.com/d?sslmode=verify-full", False),
        ("postgresql://u@db.example.com/d?sslmode=disable", False),
        ("postgresql://u@localhost/d", False),
        ("postgresql:///d?host=/run/postgresql", False),
    ],
)
def test_whether_a_database_elsewhere_is_reached_encrypted_has_to_be_said(
    url: str, warned: bool
) -> None:
    """Everything about everybody goes that way."""
    assert bool(warnings(DATABASE_URL=url)) is warned


def test_alerts_without_encryption_are_pointed_out() -> None:
    """One of several addresses is enough; it may carry a token of its receiver."""
    urls = "https://on-call.example.com/a,http://on-call.example.com/b"

    assert len(warnings(ALERT_WEBHOOK_URLS=urls, ALERT_WEBHOOK_SECRETS=SIGNING)) == 1


def test_open_webhooks_are_warned_about() -> None:
    """Who lets anyone in is reminded at every start."""
    assert len(warnings(ALLOW_UNAUTHENTICATED="true")) == 1


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ("DIDOMI_API_KEY", "DIDOMI_API_SECRET"),
        ("DIDOMI_API_SECRET", "DIDOMI_API_KEY"),
        ("DIDOMI_WEBHOOK_CLIENT_ID", "DIDOMI_WEBHOOK_CLIENT_SECRET"),
        ("DIDOMI_WEBHOOK_CLIENT_SECRET", "DIDOMI_WEBHOOK_CLIENT_ID"),
    ],
)
def test_half_a_pair_is_refused(given: str, missing: str) -> None:
    """A key without its secret would fail at the first call, so it fails at the start."""
    assert refused(**{given: LONG}) == [
        f"CONSENT_SYNC_{missing}: found nothing, "
        f"expected a value, because CONSENT_SYNC_{given} has one"
    ]


def test_first_wait_is_not_longer_than_the_longest() -> None:
    """Waits between attempts grow up to their limit and cannot start above it."""
    (problem,) = refused(RETRY_FIRST_DELAY_SECONDS="60", RETRY_MAX_DELAY_SECONDS="30")

    assert problem.startswith("CONSENT_SYNC_RETRY_FIRST_DELAY_SECONDS: found `60`")


@pytest.mark.parametrize(("contents", "timelines"), [("0", "90"), ("30", "0"), ("30", "500")])
def test_identifiers_are_the_last_to_go(contents: str, timelines: str) -> None:
    """What names people elsewhere goes at the latest with the identifiers."""
    lives = {"KEEP_CONTENTS_DAYS": contents, "KEEP_TIMELINES_DAYS": timelines}
    (problem,) = refused(**lives, KEEP_IDENTIFIERS_DAYS="400")

    assert problem.startswith("CONSENT_SYNC_KEEP_IDENTIFIERS_DAYS: found `400`")


def test_lives_that_fit_and_lives_that_cannot_be_read() -> None:
    """A life that is no number is told once, as such."""
    made = settings(KEEP_CONTENTS_DAYS="30", KEEP_TIMELINES_DAYS="400", KEEP_IDENTIFIERS_DAYS="400")
    (problem,) = refused(KEEP_CONTENTS_DAYS="long", KEEP_IDENTIFIERS_DAYS="400")

    assert made.keep_identifiers_days == 400
    assert problem.startswith("CONSENT_SYNC_KEEP_CONTENTS_DAYS: found `long`")


def test_account_uses_its_own_variables_and_the_plain_ones_otherwise() -> None:
    """`account: brand-a` reads CONSENT_SYNC_BRAND_A_… first."""
    made = settings(
        ACTITO_API_KEY=f"{LONG}-plain",
        BRAND_A_ACTITO_API_KEY=f"{LONG}-a",
        BRAND_A_ACTITO_CALLS_PER_MINUTE="5",
        BRAND_A_ACTITO_PROFILES_PREFIX="",
    )
    account = made.account("brand-a")

    assert (account.actito_api_key, account.actito_calls_per_minute) == (f"{LONG}-a", 5)
    assert account.actito_profiles_prefix == ""
    assert account.actito_api_url == made.actito_api_url
    assert made.account("").actito_api_key == f"{LONG}-plain"
    assert made.account("brand-b").actito_api_key == f"{LONG}-plain"
    assert made.accounts == ("BRAND_A",)
    assert row(made, "BRAND_A_ACTITO_API_KEY") == ("********", "environment")


def test_empty_variable_of_an_account_falls_back_to_the_plain_one() -> None:
    """An account without a value of its own uses the plain one."""
    made = settings(ACTITO_API_KEY=LONG, BRAND_A_ACTITO_API_KEY="")

    assert made.account("brand-a").actito_api_key == LONG


def test_variables_of_accounts_are_checked_too() -> None:
    """A mistake in an account's variable stops the start like any other."""
    found = refused(
        BRAND_A_ACTITO_MAX_CONCURRENCY="0", BRAND_B_DIDOMI_API_KEY=LONG, X_LISTEN="nonsense"
    )

    assert found == [
        "CONSENT_SYNC_BRAND_A_ACTITO_MAX_CONCURRENCY: found `0`, expected a whole number, 1 or more",
        "CONSENT_SYNC_BRAND_B_DIDOMI_API_SECRET: found nothing, "
        "expected a value, because CONSENT_SYNC_BRAND_B_DIDOMI_API_KEY has one",
    ]


def test_what_is_no_matter_of_an_account_cannot_be_set_for_one() -> None:
    """Only the settings of the two platforms exist once for each account."""
    assert "X_LISTEN: found a variable that is no setting" in warnings(X_LISTEN="x")[0]


def test_every_row_has_a_meaning() -> None:
    """The listing explains each setting."""
    assert all(row.meaning and row.name.startswith("CONSENT_SYNC_") for row in settings().rows())


def test_defaults_without_a_text_are_described() -> None:
    """A default that depends on something is told in words."""
    assert row(settings(), "LOG_FORMAT")[0] == "json, on a terminal console"
    assert row(settings(), "FINGERPRINT_KEY")[0] == "kept in a file beside the database"


def test_settings_cannot_be_changed() -> None:
    """What was read at the start holds until the end."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings().log_level = "debug"  # type: ignore[misc]  # the attempt is the test


def test_one_setting_can_be_read_alone() -> None:
    """A command that needs only the folder is not stopped by a missing address."""
    dotenv = {"CONSENT_SYNC_MAPPINGS_DIR": "maps"}

    assert one_setting("MAPPINGS_DIR", {}) == "mappings"
    assert one_setting("MAPPINGS_DIR", {}, dotenv) == "maps"
    assert one_setting("MAPPINGS_DIR", {"CONSENT_SYNC_MAPPINGS_DIR": "m"}, dotenv) == "m"


def test_long_value_is_cut_when_shown() -> None:
    """A listing stays readable."""
    assert len(row(settings(MAPPINGS_DIR="m" * 200), "MAPPINGS_DIR")[0]) == 80


SIGNING = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_alerts_go_to_several_addresses() -> None:
    """Addresses and secrets stand between commas; both are shown as secrets."""
    urls = "https://on-call.example.com/hook?token=sesame, http://chat.example.com/x"
    made = settings(ALERT_WEBHOOK_URLS=urls, ALERT_WEBHOOK_SECRETS=SIGNING)

    assert made.alert_webhook_urls == tuple(urls.split(", "))
    assert made.alert_webhook_secrets == (SIGNING,)
    assert row(made, "ALERT_WEBHOOK_URLS")[0] == "********,********"
    assert "sesame" not in f"{made!r}{made.rows()}{made.entries}{made.warnings}"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ALERT_WEBHOOK_URLS", "https://on-call.example.com, sesame"),
        ("ALERT_WEBHOOK_URLS", "https://u:sesame@on-call.example.com"),
        ("ALERT_WEBHOOK_URLS", "ftp://sesame.example.com"),
        ("ALERT_WEBHOOK_URLS", "https://sesame.example.com/#part"),
        ("ALERT_WEBHOOK_URLS", "https://sesame.example.com:port/"),
        ("ALERT_WEBHOOK_SECRETS", f"{SIGNING},open-sesame-1234"),
        ("ALERT_WEBHOOK_SECRETS", "whsec_sesame"),
        ("ALERT_WEBHOOK_SECRETS", "whsec_c2VzYW1l"),
        ("ALERT_WEBHOOK_SECRETS", "whsec_" + "sesa" * 24),
    ],
)
def test_wrong_addresses_and_secrets_of_alerts_are_refused(name: str, text: str) -> None:
    """With what was expected, and without showing them."""
    both = {"ALERT_WEBHOOK_URLS": "https://a.example.com", "ALERT_WEBHOOK_SECRETS": SIGNING}
    problems = refused(**{**both, name: text})

    assert any("expected" in one and name in one for one in problems)
    assert "sesame" not in "".join(problems)


def test_alerts_are_never_sent_without_a_signature() -> None:
    """An address without a secret is refused at the start."""
    assert refused(ALERT_WEBHOOK_URLS="https://a.example.com") == [
        "CONSENT_SYNC_ALERT_WEBHOOK_SECRETS: found nothing, "
        "expected a value, because CONSENT_SYNC_ALERT_WEBHOOK_URLS has one"
    ]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, 90),
        # The same key is the same account, and is counted once.
        ({"CONSENT_SYNC_NORTH_ACTITO_WEBHOOK_SECRETS": "a-secret"}, 90),
        ({"CONSENT_SYNC_NORTH_ACTITO_API_KEY": "another"}, 180),
        (
            {
                "CONSENT_SYNC_NORTH_ACTITO_API_KEY": "another",
                "CONSENT_SYNC_NORTH_ACTITO_CALLS_PER_MINUTE": "0",
            },
            0,
        ),
    ],
)
def test_the_pace_of_all_accounts_is_added(more: dict[str, str], expected: int) -> None:
    """An account without a limit makes it none."""
    variables = {"CONSENT_SYNC_ACTITO_API_URL": "https://actito.example.com", **more}

    assert calls_a_minute(Settings.from_variables(variables)) == expected
