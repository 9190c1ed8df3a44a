"""Which side is read before an agreement raises one."""

import pytest

from consent_sync.domain.consent import Choice
from consent_sync.domain.grants import to_be_read
from consent_sync.domain.identity import Side
from tests.domain import kit
from tests.domain.kit import a_context

DIDOMI, ACTITO = Side.DIDOMI, Side.ACTITO


@pytest.mark.parametrize(
    ("age", "looked", "reads"),
    [
        (300, set(), ACTITO),
        (300, {ACTITO}, None),
        (301, set(), DIDOMI),
        (301, {DIDOMI}, ACTITO),
        (301, {ACTITO}, DIDOMI),
        (301, {ACTITO, DIDOMI}, None),
    ],
)
def test_an_agreement_that_waited_is_looked_for_on_its_own_side_first(
    age: int, looked: set[Side], reads: Side | None
) -> None:
    """A fresh one is not: only the side that it raises is read."""
    agreed = kit.said(DIDOMI, Choice.GRANTED, 0)
    context = a_context(now=age)

    assert to_be_read(ACTITO, [agreed], frozenset(looked), context) is reads


def test_the_newest_of_several_agreements_counts() -> None:
    """A side is not read again for an agreement that has been repeated since."""
    said = [kit.said(DIDOMI, Choice.GRANTED, 0), kit.said(DIDOMI, Choice.GRANTED, 200)]

    assert to_be_read(ACTITO, said, frozenset({ACTITO}), a_context(now=400)) is None


def test_a_word_of_the_raised_side_itself_needs_no_second_look() -> None:
    """That side is read before the write anyhow."""
    own = kit.said(ACTITO, Choice.GRANTED, 0)

    assert to_be_read(ACTITO, [own], frozenset({ACTITO}), a_context(now=900)) is None
