"""Tombstones know an erased person again, however spelled, and tell nobody who it was."""

import hashlib

import pytest

from consent_sync.domain.erasure import EVERYWHERE, Marks, folded
from consent_sync.domain.identity import Subject

MARKS = Marks(b"a key of this installation")
ANN = "ann@example.com"


@pytest.mark.parametrize("spelling", [ANN, " Ann@Example.com ", "ANN@EXAMPLE.COM"])
def test_every_spelling_has_the_same_tombstones(spelling: str) -> None:
    """Letter case and space around do not make another person."""
    assert MARKS.of(EVERYWHERE, [spelling]) == MARKS.of(EVERYWHERE, [ANN])


def test_a_person_is_barred_everywhere_or_in_one_mapping() -> None:
    """Either tombstone keeps them out, and the one of another mapping does not."""
    everywhere, here = MARKS.barring(Subject("brand-a", "Ann@example.com"))

    assert everywhere in MARKS.of(EVERYWHERE, [ANN])
    assert here in MARKS.of("brand-a", [ANN])
    assert not {everywhere, here} & set(MARKS.of("brand-b", [ANN]))


def test_the_hash_of_a_person_is_barred_as_well() -> None:
    """A mapping that knows people by their SHA-256 names the same person."""
    name = hashlib.sha256(ANN.encode()).hexdigest()
    everywhere, _ = MARKS.barring(Subject("brand-a", name))

    assert everywhere in MARKS.of(EVERYWHERE, [" Ann@example.com"])


def test_nobody_has_no_tombstone() -> None:
    """Empty spellings would bar everybody without a name."""
    assert MARKS.of(EVERYWHERE, ["", "  "]) == ()


def test_several_spellings_give_each_tombstone_once_and_in_order() -> None:
    """Two per person: one for the name, one for its hash, sixteen bytes each."""
    found = MARKS.of(EVERYWHERE, [ANN, "Ann@example.com", "ben@example.com"])

    assert len(found) == 4
    assert list(found) == sorted(set(found))
    assert {len(one) for one in found} == {16}


def test_tombstones_of_another_key_bar_nobody() -> None:
    """So they are worth nothing to whoever finds them, and a changed key is noticed."""
    other = Marks(b"another key")

    assert not set(other.of(EVERYWHERE, [ANN])) & set(MARKS.of(EVERYWHERE, [ANN]))
    assert other.witness != MARKS.witness
    assert MARKS.witness not in MARKS.of(EVERYWHERE, [ANN, "witness"])


@pytest.mark.parametrize(
    ("spelling", "name"),
    [(" Ann ", "ann"), ("STRASSE", "strasse"), ("Straße", "strasse"), ("\ufb01ne", "fine")],
)
def test_spellings_are_folded(spelling: str, name: str) -> None:
    """Letters that look alike in another case or form are the same."""
    assert folded(spelling) == name
