"""Lists that Actito answers with, and the profiles remembered as witnesses."""

import orjson
import pytest

from consent_sync.adapters.actito.structure import read_entities, read_tables, read_webhooks
from consent_sync.adapters.actito.witnesses import Witnesses
from consent_sync.adapters.http import Answer
from consent_sync.domain.errors import TemporaryError
from consent_sync.domain.identity import Names
from tests.providers.actito.samples import mapping


def answer(body: object) -> Answer:
    return Answer(200, {}, orjson.dumps(body), "actito structure")


@pytest.mark.parametrize("body", [5, {}, {"tables": 5}, [5], [{"id": "21"}], {"tables": [{}]}])
def test_an_answer_that_is_no_list_of_tables(body: object) -> None:
    """What cannot be read as tables is not taken for an entity without tables."""
    with pytest.raises(TemporaryError, match="actito structure"):
        read_tables(answer(body))


@pytest.mark.parametrize("wrap", [lambda list_: list_, lambda list_: {"anyName": list_}])
def test_lists_may_stand_alone_or_in_a_field(wrap: object) -> None:
    """The name of the field that holds a list does not matter, nor do additions."""
    assert callable(wrap)
    tables = read_tables(answer(wrap([{"id": 21, "name": "Customers", "segments": [], "new": 1}])))

    assert tables["Customers"].table_id == "21"
    assert tables["Customers"].subscriptions is None
    assert read_entities(answer(wrap([{"id": 3, "name": "acme", "comment": None}]))) == ["acme"]


def test_webhooks_of_other_tables_are_left_out() -> None:
    """A platform that ignores the filter brings others too; they are counted, not returned."""
    webhooks = [
        {"id": 1, "on": "PROFILE_TABLE", "onElementId": 21, "isActif": "false", "headers": None},
        {"id": 2, "on": "PROFILE_TABLE", "onElementId": "22"},
        {"id": 3, "on": "CUSTOM_TABLE", "onElementId": "21"},
    ]
    ours, listed = read_webhooks(answer(webhooks), "21")

    assert [(each.id, each.active) for each in ours] == [("1", False)]
    assert listed == 3


def test_the_last_three_profiles_are_witnesses() -> None:
    """Memory stays small, the newest comes first, and a profile without a number is no witness."""
    witnesses = Witnesses()
    for number in "12345":
        witnesses.remember(mapping(), Names(f"K-{number}", profile_id=number))
    witnesses.remember(mapping(), Names(profile_id="", actito_key="K-6"))
    found = witnesses.other_than(mapping(), Names())

    assert [names.profile_id for names in found] == ["5", "4", "3"]
    assert witnesses.other_than(mapping(table="Other"), Names()) == []


@pytest.mark.parametrize(
    "asked", [Names(profile_id="2"), Names(actito_key="K-2"), Names(actito_key=" k-2 ")]
)
def test_nobody_is_a_witness_against_themselves(asked: Names) -> None:
    """The person asked for is left out, by number or by key in any letter case."""
    witnesses = Witnesses()
    for number in "12":
        names = Names(actito_key=f"K-{number}", profile_id=number)
        witnesses.remember(mapping(), names)

    assert [names.profile_id for names in witnesses.other_than(mapping(), asked)] == ["1"]
