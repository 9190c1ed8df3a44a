"""What the settings say about rules, guards, deletions and retries, in the domain's terms and units."""

from consent_sync.app.settings import Settings
from consent_sync.domain.erasure import DeletionPolicy
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import HOUR, SECOND, Micros
from consent_sync.domain.retry import RetryPolicy
from consent_sync.domain.rules import Rules
from consent_sync.ports.mappings import MappingSource
from consent_sync.services.deletion import DeletionPace, Departures
from consent_sync.services.guard import Limits


def rules_of(settings: Settings) -> Rules:
    """Return the times of the rules of consent as the settings say."""
    return Rules(
        late_after=_micros(settings.late_after_seconds),
        webhook_max_delay=_micros(settings.actito_webhook_max_delay_seconds),
        tolerance=_micros(settings.clock_tolerance_seconds),
        confirm_after=_micros(settings.confirm_after_seconds),
    )


def limits_of(settings: Settings) -> Limits:
    """Return the limits of the guards."""
    return Limits(
        raised=settings.guard_raised_lines,
        created=settings.guard_created_profiles,
        window=_micros(settings.guard_window_seconds),
        changes=settings.guard_changes_an_hour,
        raised_share=settings.guard_raised_share,
        created_share=settings.guard_created_share,
    )


def departures_of(settings: Settings, mappings: MappingSource) -> Departures:
    """Return what a deletion on one side means for the other one."""

    def shared(mapping: Mapping) -> bool:
        here = mapping.place
        there = [one.place for one in mappings.current().values() if one.place != here]
        return any(one.didomi == here.didomi or one.actito == here.actito for one in there)

    return Departures(
        user=DeletionPolicy(settings.deletion_policy),
        profile=DeletionPolicy(settings.actito_deletion_policy),
        pace=DeletionPace(settings.deletions_an_hour),
        shared=shared,
    )


def retry_of(settings: Settings, *, started_at: Micros = 0) -> RetryPolicy:
    """Return how calls are tried again; in the first hour after a start nothing is given up."""
    give_up_after = round(settings.retry_give_up_hours * HOUR)
    return RetryPolicy(
        first_delay=_micros(settings.retry_first_delay_seconds),
        max_delay=_micros(settings.retry_max_delay_seconds),
        give_up_after=give_up_after,
        not_before=started_at + min(HOUR, give_up_after),
    )


def _micros(seconds: float) -> Micros:
    return round(seconds * SECOND)
