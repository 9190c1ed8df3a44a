"""The decision: what both sides ought to hold, and what is written, looked at, held or left."""

from dataclasses import replace

import pytest

from consent_sync.domain.consent import Choice, Pick
from consent_sync.domain.identity import Normalise, Side
from consent_sync.domain.mapping import CreateFor, Mapping, SyncMode
from consent_sync.domain.plan import Plan, failed_sides, may_write, plan_changes, with_held
from consent_sync.domain.rules import Rules
from consent_sync.domain.state import HeldList, LineState, PersonState, Presence
from consent_sync.domain.verdicts import Verdict
from tests.domain import kit
from tests.domain.kit import a_context, a_person, at, holds, wrote
from tests.doubles.mappings import SPORT, a_line, a_mapping

YES, NO, NONE = Choice.GRANTED, Choice.DENIED, Choice.NONE
DIDOMI, ACTITO = Side.DIDOMI, Side.ACTITO
BOTH = frozenset({DIDOMI, ACTITO})
NOBODY: frozenset[Side] = frozenset()


def plan(
    known: LineState,
    mapping: Mapping | None = None,
    *,
    looked: frozenset[Side] = NOBODY,
    **person: object,
) -> Plan:
    """Plan one line of one person."""
    mapping = mapping or a_mapping()
    return plan_changes(
        a_person(mapping.lines[0], known, **person), a_context(mapping), looked=looked
    )


def verdict(made: Plan) -> Verdict:
    [decision] = made.decisions
    return decision.verdict


REFUSES = kit.said(DIDOMI, NO, 0)
AGREES = kit.said(DIDOMI, YES, 0)


def test_a_no_goes_straight_out() -> None:
    """It needs no look."""
    made = plan(LineState(latest={DIDOMI: REFUSES}))

    assert made.actito == {"Newsletter": NO}
    assert made.looks == NOBODY
    assert verdict(made) is Verdict.APPLIED


def test_a_no_goes_out_even_where_the_other_side_seems_to_hold_it() -> None:
    """That belief may rest on a webhook that was lost; what it was told it need not hear again."""
    unaware = LineState(latest={DIDOMI: REFUSES}, agreed={ACTITO: holds(NO, -9)})
    aware = LineState(latest={DIDOMI: REFUSES}, agreed={ACTITO: holds(NO, 9, REFUSES)})

    assert plan(unaware).actito == {"Newsletter": NO}
    assert plan(aware).actito == {}


def test_a_yes_looks_first() -> None:
    """It is written only in a turn in which that side was read."""
    before = plan(LineState(latest={DIDOMI: AGREES}))
    after = plan(LineState(latest={DIDOMI: AGREES}), looked=BOTH)

    assert before.looks == {ACTITO}
    assert before.waiting == {"Newsletter"}
    assert before.actito == {}
    assert after.looks == NOBODY
    assert after.actito == {"Newsletter": YES}


def test_a_yes_that_is_held_already_is_not_written() -> None:
    """Only what changes."""
    known = LineState(latest={DIDOMI: AGREES}, agreed={ACTITO: holds(YES, 1)})

    assert plan(known, looked=BOTH) == plan(known)
    assert plan(known).actito == {}


@pytest.mark.parametrize(("delay", "ends"), [(299, Verdict.APPLIED), (301, Verdict.HELD_REVIEW)])
def test_a_late_yes_does_not_wake_the_dead(delay: float, ends: Verdict) -> None:
    """Beside a no seen since it was given, a yes under way for over five minutes is held."""
    late = kit.said(DIDOMI, YES, 0, delay=delay)
    known = LineState(
        latest={DIDOMI: late}, agreed={ACTITO: holds(NO, 100)}, refused_at={ACTITO: at(100)}
    )

    assert verdict(plan(known, looked=BOTH)) is ends


def test_a_late_yes_newer_than_the_no_is_written() -> None:
    """Late alone is no reason to hold it."""
    late = kit.said(DIDOMI, YES, 200, delay=9000)
    known = LineState(
        latest={DIDOMI: late}, agreed={ACTITO: holds(NO, 100)}, refused_at={ACTITO: at(100)}
    )

    assert plan(known, looked=BOTH).actito == {"Newsletter": YES}


def test_a_side_is_not_raised_by_its_own_word() -> None:
    """What it holds instead was chosen there, or by whoever runs it."""
    known = LineState(latest={ACTITO: kit.said(ACTITO, YES, 0)}, agreed={ACTITO: holds(NO, 1)})
    made = plan(known, looked=BOTH)

    assert made.actito == {}
    assert verdict(made) is Verdict.HELD_REVIEW


def test_a_no_of_ours_is_taken_back_where_the_persons_yes_turns_out_newer() -> None:
    """Then their own word raises their own side again."""
    known = LineState(
        latest={ACTITO: kit.said(ACTITO, YES, 20)},
        agreed={ACTITO: holds(NO, 10)},
        writes=(wrote(ACTITO, NO, 10),),
    )

    assert plan(known, looked=BOTH).actito == {"Newsletter": YES}


@pytest.mark.parametrize(
    ("mode", "webhooks", "actito", "didomi"),
    [
        (SyncMode.TWO_WAY, True, True, True),
        (SyncMode.TWO_WAY, False, True, False),
        (SyncMode.TO_ACTITO, True, True, False),
        (SyncMode.TO_DIDOMI, True, False, True),
        (SyncMode.OFF, True, False, False),
    ],
)
def test_which_sides_a_line_writes(
    mode: SyncMode, webhooks: bool, actito: bool, didomi: bool
) -> None:
    """As the line's direction says, and nothing to Didomi where the way back is off."""
    mapping, line = a_mapping(enable_webhooks=webhooks), a_line(sync=mode)

    assert may_write(ACTITO, line, mapping) is actito
    assert may_write(DIDOMI, line, mapping) is didomi


def test_a_line_that_is_off_says_so() -> None:
    """It is recorded, and nothing is written."""
    made = plan(LineState(latest={DIDOMI: REFUSES}), a_mapping(a_line(sync=SyncMode.OFF)))

    assert (made.actito, verdict(made)) == ({}, Verdict.NO_CHANGE)
    assert "switched off" in made.decisions[0].reason


@pytest.mark.parametrize(
    ("upsert", "create_for", "choice", "ends"),
    [
        (False, CreateFor.ANY, YES, Verdict.NO_PROFILE),
        (True, CreateFor.ANY, YES, Verdict.APPLIED),
        (True, CreateFor.ANY, NO, Verdict.APPLIED),
        (True, CreateFor.GRANTED, YES, Verdict.APPLIED),
        (True, CreateFor.GRANTED, NO, Verdict.NO_PROFILE),
    ],
)
def test_who_gets_a_profile(
    upsert: bool, create_for: CreateFor, choice: Choice, ends: Verdict
) -> None:
    """Nobody without upsert mode; a refusal alone only where the file says so."""
    mapping = a_mapping(upsert_mode=upsert, create_for=create_for)
    known = LineState(latest={DIDOMI: kit.said(DIDOMI, choice, 0)})

    assert verdict(plan(known, mapping, looked=BOTH, profile=Presence.MISSING)) is ends


def test_a_profile_is_not_taken_for_missing_without_a_look_in_this_turn() -> None:
    """It may have been created since; a no is simply tried."""
    made = plan(LineState(latest={DIDOMI: REFUSES}), profile=Presence.MISSING)

    assert made.actito == {"Newsletter": NO}


def test_a_person_known_only_by_a_hash_waits_for_the_key() -> None:
    """A hash addresses nobody in Actito."""
    made = plan(LineState(latest={DIDOMI: REFUSES}), a_mapping(normalise=Normalise.SHA256))

    assert verdict(made) is Verdict.NO_PROFILE


def test_actito_creates_nobody_in_didomi() -> None:
    """Who may be unknown there is looked up first, even for a no; who is unknown stays so."""
    known = LineState(latest={ACTITO: kit.said(ACTITO, NO, 0)}, agreed={ACTITO: holds(NO, 0)})
    unknown = plan(known, user=Presence.UNKNOWN)
    missing = plan(known, user=Presence.MISSING, looked=BOTH)
    created = plan(known, a_mapping(create_in_didomi=True), user=Presence.MISSING)

    assert unknown.looks == {DIDOMI}
    assert missing.looks == NOBODY
    assert missing.didomi == {}
    assert created.didomi == {"Newsletter": NO}


def test_a_list_is_sent_only_after_a_look() -> None:
    """It is sent whole, so it says yes to its other options too: they must be fresh."""
    mapping = a_mapping(a_line("SportNews", SPORT))
    known = LineState(latest={ACTITO: kit.said(ACTITO, NO, 0)})

    assert plan(known, mapping).looks == {DIDOMI}
    assert plan(known, mapping, looked=BOTH).didomi == {"SportNews": NO}


def test_a_yes_older_than_a_list_that_leaves_it_out_is_held() -> None:
    """Leaving it out may have been a refusal that nothing ever told us of."""
    mapping = a_mapping(a_line("SportNews", SPORT))
    lists = {Pick("marketing", "topics"): HeldList(frozenset({"news"}), at(50))}
    older = LineState(latest={ACTITO: kit.said(ACTITO, YES, 0)})
    newer = LineState(latest={ACTITO: kit.said(ACTITO, YES, 90)})

    assert verdict(plan(older, mapping, looked=BOTH, picks=lists)) is Verdict.HELD_REVIEW
    assert verdict(plan(newer, mapping, looked=BOTH, picks=lists)) is Verdict.APPLIED


def test_two_didomi_users_of_one_person_are_refused_together_and_never_agreed() -> None:
    """The agreement may have been meant for one of them only."""
    agrees = LineState(latest={ACTITO: kit.said(ACTITO, YES, 0)})
    refuses = LineState(latest={ACTITO: kit.said(ACTITO, NO, 0)})
    spellings = ("ann@example.com", "Ann@example.com")

    assert verdict(plan(agrees, looked=BOTH, spellings=spellings)) is Verdict.AMBIGUOUS_PERSON
    assert plan(refuses, spellings=spellings).didomi == {"Newsletter": NO}


def test_a_write_refused_for_good_is_not_planned_again() -> None:
    """The line says why, and the other side goes on."""
    known = LineState(latest={DIDOMI: REFUSES}, failed={ACTITO: "bad request"})
    made = plan(known)

    assert (made.actito, verdict(made)) == ({}, Verdict.FAILED)
    assert made.decisions[0].reason == "bad request"


def test_a_held_line_is_marked_until_a_plan_holds_it_no_more() -> None:
    """So that it is found by those who decide."""
    known = LineState(latest={ACTITO: kit.said(ACTITO, YES, 0)}, agreed={ACTITO: holds(NO, 1)})
    state = a_person(a_line(), known)
    marked = with_held(state, plan(known, looked=BOTH))
    freed = with_held(marked, Plan())

    assert marked.lines["Newsletter"].held == "held_review"
    assert freed.lines["Newsletter"].held == ""


def test_nobody_has_spoken_and_nothing_is_planned() -> None:
    """None is never written to either side."""
    known = LineState(agreed={ACTITO: holds(YES, 0), DIDOMI: holds(NONE, 0)})

    assert plan(known, looked=BOTH) == Plan()
    assert plan_changes(PersonState(), a_context()) == Plan()


# --- what failed for good ------------------------------------------------------------------------

FAILED = LineState(latest={DIDOMI: REFUSES}, failed={ACTITO: "refused"})


@pytest.mark.parametrize(
    ("known", "mode", "sides"),
    [
        (FAILED, SyncMode.TWO_WAY, (ACTITO,)),
        (FAILED, SyncMode.TO_DIDOMI, ()),
        (FAILED, SyncMode.OFF, ()),
        (replace(FAILED, failed={}), SyncMode.TWO_WAY, ()),
        (replace(FAILED, written_off=frozenset({ACTITO})), SyncMode.TWO_WAY, ()),
        (replace(FAILED, written_off=frozenset({DIDOMI})), SyncMode.TWO_WAY, (ACTITO,)),
        (replace(FAILED, agreed={ACTITO: holds(NO, 9, REFUSES)}), SyncMode.TWO_WAY, ()),
        (replace(FAILED, agreed={ACTITO: holds(NO, 9)}), SyncMode.TWO_WAY, ()),
        (replace(FAILED, agreed={ACTITO: holds(NO, 0)}), SyncMode.TWO_WAY, (ACTITO,)),
        (
            replace(FAILED, agreed={ACTITO: holds(NO, 9, confirmed=False)}),
            SyncMode.TWO_WAY,
            (ACTITO,),
        ),
        (replace(FAILED, agreed={ACTITO: holds(YES, 9)}), SyncMode.TWO_WAY, (ACTITO,)),
        (replace(FAILED, failed={ACTITO: "no", DIDOMI: "no"}), SyncMode.TWO_WAY, (ACTITO, DIDOMI)),
    ],
)
def test_a_side_has_failed_as_long_as_it_lacks_what_it_ought_to_hold(
    known: LineState, mode: SyncMode, sides: tuple[Side, ...]
) -> None:
    """Not where nothing is written, an operator put it away, or a look has shown it since."""
    line = a_line(sync=mode)

    assert failed_sides(line, known, a_mapping(line), Rules()) == sides


@pytest.mark.parametrize("paused", [ACTITO, DIDOMI])
def test_a_paused_side_waits_and_the_other_does_not(paused: Side) -> None:
    """The decision names the side that waits, and by which command it goes on."""
    choice, other = kit.said(DIDOMI if paused is ACTITO else ACTITO, NO, 0), BOTH - {paused}
    person = a_person(a_line(), LineState(latest={choice.side: choice}))
    waits = plan_changes(person, replace(a_context(), paused=frozenset({paused})), looked=BOTH)
    goes_on = plan_changes(person, replace(a_context(), paused=other), looked=BOTH)
    [decision] = waits.decisions

    assert (decision.verdict, decision.side) == (Verdict.WAITING_RETRY, paused)
    assert decision.reason == (
        f"writing to {paused.capitalize()} is paused by an operator; it waits for `resume`"
    )
    assert waits.writes(paused) == {}
    assert goes_on.writes(paused) == {"Newsletter": NO}


def test_nobody_is_created_in_didomi_and_that_is_told() -> None:
    """The line has no other word then than that nothing changes, and why."""
    made = plan(
        LineState(latest={ACTITO: kit.said(ACTITO, NO, 0)}, agreed={ACTITO: holds(NO, 0)}),
        a_mapping(create_in_didomi=False),
        looked=BOTH,
        user=Presence.MISSING,
    )

    assert verdict(made) is Verdict.NO_CHANGE
    assert made.decisions[0].reason == (
        "Didomi does not know this person, and Actito creates nobody there"
    )
