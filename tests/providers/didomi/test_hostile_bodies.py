"""Whatever is posted, the receiver answers with events or with a refusal."""

import json

from hypothesis import given
from hypothesis import strategies as st

from consent_sync.adapters.didomi.webhook import DidomiReceiver
from consent_sync.domain.errors import RefusedError
from tests.providers.didomi.bodies import Json, created, event, user

RECEIVER = DidomiReceiver()
CODES = {"not-json", "didomi-not-an-event", "didomi-flattened"}

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
KEYS = (
    "type parameters entity new_entity source user organization_user_id id consents purposes channels "
    "values value preferences enabled metadata created_at regulation entity__id user__x"
)
keys = st.sampled_from([*KEYS.split(), ""])
anything = st.recursive(
    scalars | st.sampled_from(["event.created", "user.updated"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)
consents = st.fixed_dictionaries({"purposes": anything, "channels": anything}) | anything


def survives(raw: bytes) -> None:
    """Fail when anything but a refusal is raised, or when what arrived cannot be understood."""
    try:
        arrivals = RECEIVER.arrivals(raw)
    except RefusedError as refused:
        if refused.code not in CODES or not refused.where:
            raise AssertionError("a refusal without a known code or place") from refused
        return
    for arrival in arrivals:
        RECEIVER.understand(arrival.body)
        assert RECEIVER.arrivals(arrival.body)[0].digest == arrival.digest


def encoded(value: object) -> bytes:
    # This writer also writes NaN, Infinity and integers of any size, which a sender may do too.
    return json.dumps(value).encode()


@given(st.binary(max_size=200))
def test_any_bytes(raw: bytes) -> None:
    """Bytes without any sense are refused, not crashed over."""
    survives(raw)


@given(st.integers(0, len(created())), st.binary(max_size=4))
def test_a_damaged_event(at: int, damage: bytes) -> None:
    """An event with bytes put in anywhere is refused or still an event."""
    whole = created()
    survives(whole[:at] + damage + whole[at:])


@given(anything)
def test_any_json(value: object) -> None:
    """JSON of any shape is refused or understood."""
    survives(encoded(value))


@given(
    st.sampled_from(["event.created", "event.updated", "user.created", "user.updated", "new.type"]),
    consents,
    anything,
)
def test_events_with_odd_parts(kind: str, choices: object, metadata: object) -> None:
    """An event whose consents and metadata have any shape is refused or understood."""
    changes = {"consents": choices, "metadata": metadata}
    parameters: dict[str, Json] = {
        "entity": user(**changes),
        "new_entity": user(**changes),
        "source": event(**changes),
    }
    survives(encoded({"type": kind, "parameters": parameters}))
