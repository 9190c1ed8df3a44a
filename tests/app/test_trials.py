"""Tests in the team's own words: what they can say, and that they run through the real rules."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consent_sync.adapters.mapping_files import Code, Problem, read_folder, read_mapping
from consent_sync.adapters.trial_files import TrialFile, read_trials
from consent_sync.app.trials import TrialGate, TrialResult, run_trials
from consent_sync.domain.identity import Normalise
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.rules import Rules

MAPPING = """\
name: brand-a
contact: privacy@example.com
didomi: {organization_id: acme, regulations: [gdpr]}
actito: {entity_id: acme, table_name: Customers, user_unique_key: customerId}
mappings:
  - id: Newsletter
    value: {channel: email}
  - id: NoCalls
    value: {channel: phone}
    inverted: true
  - id: SportNews
    value: {purpose: marketing, preference: topics, option: sport}
  - id: TechNews
    value: {purpose: marketing, preference: topics, option: tech}
"""

EXAMPLES = Path(__file__).resolve().parents[2] / "mappings"


def mapping(text: str = MAPPING) -> Mapping:
    found = read_mapping("brand-a.yaml", text.encode()).mapping
    assert found is not None
    return found


async def results(folder: Path, text: str, under: Mapping | None = None) -> list[TrialResult]:
    """Run tests given as the lines below `given` and `expect`."""
    (folder / "brand-a.tests.yaml").write_text(text, encoding="utf-8")
    under = under or mapping()
    file = read_trials(folder / "brand-a.tests.yaml", under)
    assert file.problems == ()
    return await run_trials(under, file.trials, Rules())


async def passes(folder: Path, text: str, under: Mapping | None = None) -> bool:
    found = await results(folder, f"tests:\n  - name: one\n{text}", under)
    assert [(one.what, one.found, one.reason) for one in found[0].mismatches] == []
    return found[0].passed


async def test_the_shipped_tests_hold() -> None:
    """The example beside the example passes, every test of it."""
    (reading,) = read_folder(EXAMPLES).files
    assert reading.mapping is not None
    file = read_trials(EXAMPLES / "brand-a.tests.yaml", reading.mapping)
    found = await run_trials(reading.mapping, file.trials, Rules())

    assert file.problems == ()
    assert [one.trial.name for one in found if not one.passed] == []
    assert len(found) == 8


async def test_first_contact_and_what_was_seen_before_differ(tmp_path: Path) -> None:
    """With `known: false` a yes meets a no that nobody has seen before."""
    said = """\
    given:
      known: {known}
      subscriptions: {{Newsletter: false}}
      events:
        - didomi: {{Newsletter: granted}}
          delayed: 1 hour
    expect:
      subscriptions: {{Newsletter: false}}
      verdicts: {{Newsletter: held_review}}
"""
    assert await passes(tmp_path, said.format(known="false"))
    assert await passes(tmp_path, said.format(known="true"))


async def test_a_list_is_sent_whole(tmp_path: Path) -> None:
    """Choosing one option keeps the others that are held, and a raise in Actito keeps them too."""
    assert await passes(
        tmp_path,
        """\
    given:
      didomi: {SportNews: granted}
      subscriptions: {SportNews: true}
      events:
        - didomi: {TechNews: granted}
        - actito: {SportNews: false}
          after: 2 hours
    expect:
      subscriptions: {SportNews: false, TechNews: true}
      didomi: {SportNews: denied, TechNews: granted}
""",
    )


async def test_an_inverted_line_speaks_didomis_sense(tmp_path: Path) -> None:
    """`granted` is what was said in Didomi, `true` is what is ticked in Actito."""
    assert await passes(
        tmp_path,
        """\
    given:
      events:
        - didomi: {NoCalls: granted}
    expect:
      subscriptions: {NoCalls: false}
      didomi: {NoCalls: granted}
""",
    )


@pytest.mark.parametrize(
    ("how", "person"),
    [
        (Normalise.LOWER, "Ada@Example.com"),
        (Normalise.TRIM, "'  ada@example.com '"),
        (Normalise.SHA256, "Ada@Example.com"),
    ],
)
async def test_a_person_is_named_as_the_sides_spell_them(
    tmp_path: Path, how: Normalise, person: str
) -> None:
    """Whatever the mapping does to names, the person of a test is found on both sides."""
    assert await passes(
        tmp_path,
        f"""\
    given:
      person: {person}
      didomi: {{Newsletter: granted}}
      subscriptions: {{Newsletter: true}}
      events:
        - didomi: {{Newsletter: denied}}
    expect:
      subscriptions: {{Newsletter: false}}
""",
        replace(mapping(), normalise=how),
    )


async def test_a_profile_is_created_where_the_mapping_says_so(tmp_path: Path) -> None:
    """Without a profile and with `upsert_mode`, the first yes makes one."""
    assert await passes(
        tmp_path,
        """\
    given:
      profile: false
      events:
        - didomi: {Newsletter: granted}
    expect:
      profile: true
      subscriptions: {Newsletter: true}
""",
        replace(mapping(), upsert_mode=True),
    )


def didomi_body(person: str, *, enabled: bool, at: str) -> dict[str, Any]:
    consents = {"channels": [{"id": "email", "enabled": enabled}]}
    user = {"organization_user_id": person}
    entity = {
        "id": f"event-{at}",
        "created_at": at,
        "status": "confirmed",
        "regulation": "gdpr",
        "user": user,
        "consents": consents,
    }
    return {"type": "event.created", "parameters": {"entity": entity, **user}}


async def test_whole_bodies_go_through_the_real_door(tmp_path: Path) -> None:
    """A payload of each platform does what it would do at the door, at its own time."""
    old = didomi_body("ada@example.com", enabled=True, at="2024-03-01T10:15:00.000Z")
    (tmp_path / "yes.json").write_text(json.dumps(old))
    data = {"profileId": "4711", "Newsletter": "false"}
    (tmp_path / "bodies").mkdir()
    (tmp_path / "bodies" / "no.json").write_text(json.dumps({"tableId": "21", "data": data}))

    assert await passes(
        tmp_path,
        """\
    given:
      person: ada@example.com
      profile_id: 4711
      events:
        - didomi_payload: yes.json
        - actito_payload: bodies/no.json
          after: 3 days
    expect:
      subscriptions: {Newsletter: false}
      didomi: {Newsletter: denied}
      received: [applied, applied]
""",
    )


async def test_a_body_that_is_refused_fails_its_test(tmp_path: Path) -> None:
    """What the door would refuse is told, and where."""
    (tmp_path / "bad.json").write_text('{"type": "event.created"}')
    found = await results(
        tmp_path,
        """\
tests:
  - name: one
    given:
      events:
        - didomi_payload: bad.json
    expect:
      profile: true
""",
    )

    assert not found[0].passed
    assert "a payload was refused at" in found[0].refused


async def test_what_does_not_hold_is_told_with_its_reason(tmp_path: Path) -> None:
    """Each expectation alone: what was wanted, what was found, what decided, and the line."""
    (found,) = await results(
        tmp_path,
        """\
tests:
  - name: one
    given:
      events:
        - didomi: {Newsletter: granted}
        - didomi: {Newsletter: granted}
          regulation: cpra
    expect:
      subscriptions: {Newsletter: false, NoCalls: none}
      attributes: {brand: north}
      received: [applied, applied, applied]
      profile: false
""",
    )

    told = [(one.what, one.expected.wanted, one.found) for one in found.mismatches]
    assert told == [
        ("subscriptions Newsletter", "false", "true"),
        ("attributes brand", "north", "nothing"),
        ("received 2", "applied", "blocked_regulation"),
        ("received 3", "applied", "nothing"),
        ("profile", "false", "true"),
    ]
    assert found.mismatches[0].reason == "agreed in Didomi"
    assert found.mismatches[0].expected.place.line == 9


FAILING = """\
tests:
  - name: one
    given:
      events:
        - didomi: {Newsletter: granted}
    expect:
      subscriptions: {Newsletter: false}
"""


def test_the_gate_remembers_what_it_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same tests of the same mapping are run once; a changed payload counts as a change."""
    (tmp_path / "yes.json").write_text(
        json.dumps(didomi_body("ada@example.com", enabled=True, at="2026-03-01T10:15:00.000Z"))
    )
    text = FAILING.replace("didomi: {Newsletter: granted}", "didomi_payload: yes.json")
    text = text.replace("given:\n", "given:\n      person: ada@example.com\n")
    (tmp_path / "brand-a.tests.yaml").write_text(text)
    runs: list[str] = []
    real = TrialGate._failures

    def counted(gate: TrialGate, file: TrialFile, under: Mapping) -> tuple[Problem, ...]:
        runs.append(file.file)
        return real(gate, file, under)

    monkeypatch.setattr(TrialGate, "_failures", counted)
    gate = TrialGate(Rules())
    found = [gate.judge(tmp_path / "brand-a.yaml", mapping()).problems for _ in range(2)]

    assert found[0] == found[1]
    assert [(one.code, one.place.line) for one in found[0]] == [(Code.TEST_FAILED, 8)]
    assert len(runs) == 1

    (tmp_path / "yes.json").write_text(
        json.dumps(didomi_body("ada@example.com", enabled=False, at="2026-03-01T10:15:00.000Z"))
    )
    assert gate.judge(tmp_path / "brand-a.yaml", mapping()).problems == ()
    (tmp_path / "brand-a.tests.yaml").unlink()
    assert gate.judge(tmp_path / "brand-a.yaml", mapping()).problems == ()


async def test_a_fault_of_ours_is_a_failed_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the program stumbles over, the service that runs the tests goes on."""

    def stumble(*_: object) -> None:
        raise KeyError("nobody thought of it")

    monkeypatch.setattr("consent_sync.app.trial_play.fold_profile_reading", stumble)
    (found,) = await results(tmp_path, FAILING)

    assert not found.passed
    assert found.refused == "the program could not play it (KeyError); report it"
