"""How urgent a Didomi webhook is, judged at the door by what it says and nothing else."""

from collections.abc import Iterator
from typing import Final

from consent_sync.adapters.didomi.models import Channel, Consents, Envelope, Preference
from consent_sync.domain.urgency import Urgency

_DELETIONS: Final = frozenset({"event.deleted", "user.deleted"})

_Place = tuple[str, ...]


def urgency_of(envelope: Envelope) -> Urgency:
    """Return opt-out for whatever may hold a new no, opt-in for a yes, and the rest for no choice.

    A list of chosen values may leave something out, which is a no. An update shows the state
    before as well; what stood there is not new.
    """
    subject, before = envelope.subject(), envelope.parameters.old_entity
    if envelope.type in _DELETIONS or subject is None:
        return Urgency.OPT_OUT
    said = subject.consents
    earlier = before.consents if before is not None else None
    if said is None or said == earlier:
        return Urgency.REST
    # One no is enough, so the rest need not be found where nothing stood before.
    before_noes = frozenset(_noes(earlier)) if earlier is not None else frozenset()
    if any(no not in before_noes for no in _noes(said)):
        return Urgency.OPT_OUT
    return Urgency.OPT_IN if said.purposes or said.channels else Urgency.REST


def _noes(consents: Consents) -> Iterator[_Place]:
    """Give every place that says no, or may: a list goes with what it holds."""
    yield from _channels((), consents.channels)
    for purpose in consents.purposes or ():
        here = (purpose["id"],)
        if purpose.get("enabled") is False:
            yield here
        yield from _channels(here, purpose.get("channels"))
        for preference in purpose.get("preferences") or ():
            yield from _preference(here, preference)
        for key, chosen in (purpose.get("values") or {}).items():
            yield *here, key, (chosen and chosen.get("value")) or ""


def _preference(above: _Place, preference: Preference) -> Iterator[_Place]:
    here = (*above, preference["id"])
    if preference.get("enabled") is False:
        yield here
    yield from _channels(here, preference.get("channels"))
    for field in ("value", "values"):
        held = preference.get(field)
        if held:
            yield *here, field, repr(held)


def _channels(above: _Place, channels: list[Channel] | None) -> Iterator[_Place]:
    for channel in channels or ():
        if channel.get("enabled") is False:
            yield *above, channel["id"]
