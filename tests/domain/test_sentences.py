"""What a mapping does, said in sentences that a lay reader can check."""

import pytest

from consent_sync.domain.consent import Node
from consent_sync.domain.identity import Normalise
from consent_sync.domain.mapping import AttributeRules, CreateFor, SyncMode
from consent_sync.domain.sentences import (
    arrow_of,
    line_in_words,
    mapping_in_words,
    place_in_words,
)
from tests.doubles.mappings import MARKETING, a_line, a_mapping


def test_two_way_line_is_told_with_its_way_back() -> None:
    """The sentence of the usual case."""
    said = line_in_words(a_line(), a_mapping())

    assert said == (
        "When someone agrees to email in Didomi, they are subscribed to Newsletter in Actito, "
        "and back. A refusal travels the same ways. The newest choice counts on both sides."
    )


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (Node(channel="email"), "email"),
        (Node("ads"), "the purpose ads"),
        (Node("ads", channel="sms"), "sms for the purpose ads"),
        (Node("ads", "deals"), "the preference deals of the purpose ads"),
        (Node("ads", "deals", channel="sms"), "sms for the preference deals of the purpose ads"),
        (Node("ads", "topics", "sport"), "sport in the preference topics of the purpose ads"),
    ],
)
def test_every_place_has_its_words(node: Node, words: str) -> None:
    """Each of the six forms of a selector can be said."""
    assert place_in_words(node) == words


@pytest.mark.parametrize(
    ("sync", "webhooks", "arrow", "words"),
    [
        (SyncMode.TWO_WAY, True, "<->", "The newest choice counts on both sides"),
        (SyncMode.TWO_WAY, False, "-->", "Nothing is written to Didomi"),
        (SyncMode.TWO_WAY_STRICT, True, "<->", "comes back only by agreeing on that same side"),
        (SyncMode.TO_ACTITO, True, "-->", "a refusal made in Actito is respected"),
        (SyncMode.TO_DIDOMI, True, "<--", "Nothing is written to Actito"),
        (SyncMode.TO_DIDOMI, False, "x", "closes that way"),
        (SyncMode.OFF, True, "x", "nothing is sent"),
    ],
)
def test_every_way_of_a_line_is_told(
    sync: SyncMode, webhooks: bool, arrow: str, words: str
) -> None:
    """Who may say yes, and where nothing is written, is part of the sentence."""
    mapping = a_mapping(enable_webhooks=webhooks)
    line = a_line(sync=sync)

    assert arrow_of(line, mapping) == arrow
    assert words in line_in_words(line, mapping)


@pytest.mark.parametrize(
    ("sync", "words"),
    [
        (SyncMode.TWO_WAY, "are unsubscribed from Ban"),
        (SyncMode.TO_DIDOMI, "unsubscribes from Ban"),
    ],
)
def test_inverted_line_is_told_the_other_way_round(sync: SyncMode, words: str) -> None:
    """A list that means the opposite is said to."""
    assert words in line_in_words(a_line("Ban", MARKETING, sync, inverted=True), a_mapping())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "gets none"),
        ({"upsert_mode": True}, "even a refusal"),
        ({"upsert_mode": True, "create_for": CreateFor.GRANTED}, "with the first agreement"),
        ({"create_in_didomi": True}, "is made known by a choice in Actito"),
        ({"normalise": Normalise.SHA256}, "is the SHA-256 hash of customerId"),
        ({"account": "north"}, "with the credentials of the account north"),
        ({"regulations": ("gdpr", "cpra", "cpa")}, "under gdpr, cpra and cpa count"),
        ({}, "All metadata of a Didomi user reaches Actito as attributes of the same names."),
        ({"attributes": AttributeRules(frozenset())}, "reaches Actito: none."),
        ({"attributes": AttributeRules(deny=frozenset({"a"}))}, "reaches Actito, but a."),
        (
            {"attributes": AttributeRules(frozenset({"a", "b"}), rename={"a": "x"})},
            "reaches Actito: a and b; a is called x there.",
        ),
    ],
)
def test_what_holds_for_all_lines_is_told(changes: dict[str, object], words: str) -> None:
    """Each key of the file that changes what happens to people changes a sentence."""
    assert any(words in sentence for sentence in mapping_in_words(a_mapping(**changes)))
