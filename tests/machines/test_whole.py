"""The promises hold on the whole engine between both platforms, whatever happens to it."""

import asyncio
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from consent_sync.domain.consent import Choice
from consent_sync.domain.identity import Side
from tests.docs.pages import ROOT
from tests.machines.promises import OPEN
from tests.machines.stage import Platforms
from tests.machines.truth import ANN, LINES, NO, TOPICS, YES
from tests.machines.whole import Whole, choices, lines, sides
from tests.tally import TALLY

# How many histories; many more before a release.
HISTORIES = int(os.environ.get("WHOLE_HISTORIES", "10"))

OTHER = {Side.ACTITO: Side.DIDOMI, Side.DIDOMI: Side.ACTITO}


def histories(share: float = 1.0) -> settings:
    """Return settings for a share of the wished number of histories."""
    return settings(
        max_examples=max(3, int(HISTORIES * share)),
        stateful_step_count=50,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        # A history takes so long that making a broken one smaller is for whoever looks into it.
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
        print_blob=True,
    )


class InMemory(Whole):
    """The same without a file, and so without deaths."""

    memory = True


@pytest.fixture(scope="module", autouse=True)
def stage() -> Iterator[None]:
    """Both platforms, running for all histories of this module."""
    with asyncio.Runner() as runner:
        Whole.runner = runner
        Whole.platforms = Platforms()
        runner.run(Whole.platforms.start())
        yield
        runner.run(Whole.platforms.stop())


def test_all_promises_hold_on_a_file() -> None:
    """Clicks amid turns, lost and doubled webhooks, faults, deaths, edits: no promise is broken."""
    before = TALLY["promise 3: nothing is granted without a grant"]
    run_state_machine_as_test(Whole, settings=histories())

    assert TALLY["promise 3: nothing is granted without a grant"] > before


def test_all_promises_hold_in_memory() -> None:
    """The store in memory keeps the same promises."""
    before = TALLY["promise 3: nothing is granted without a grant"]
    run_state_machine_as_test(InMemory, settings=histories(0.5))

    assert TALLY["promise 3: nothing is granted without a grant"] > before


def test_every_history_that_is_excused_is_told() -> None:
    """What the machine lets pass has a name on the page of the rules, and is played there."""
    page = (ROOT / "docs/explanation/consent-rules.md").read_text(encoding="utf-8")
    told = page.partition("\n## Histories that no rule can close\n")[2]

    assert [name for name in OPEN if f"\n### {name}\n" not in told] == []


gaps = st.sampled_from([10, 60, 400, 4000, 90_000])
clicks = st.lists(st.tuples(sides, lines, choices, gaps), min_size=1, max_size=8)


@histories(0.5)
@given(steps=clicks, fan_out=st.sampled_from(["event_then_user", "event_only"]), die=st.booleans())
def test_without_faults_the_newest_choice_wins_and_no_echo_is_answered(
    steps: list[tuple[Side, str, Choice, int]], fan_out: str, die: bool
) -> None:
    """Promises 5 and 8: one write on the other side at most, none on the own, and both agree."""
    scene = Whole()
    try:
        scene.begin(0, fan_out, False, set(), frozenset())
        wanted = known_on_both_sides(scene)
        for side, line, choice, gap in steps:
            # Looks that are due come first: one in the instant of a click cannot say how old it is.
            scene.wait(gap)
            scene.quiet()
            scene.writes.clear()
            scene.click(side, ANN, line, choice)
            if die:
                scene.die(None)
            scene.quiet()
            wanted[line] = choice
            held = {one: scene.truth.holds((ANN, one)) for one in LINES}
            TALLY["promise 5: no echo is answered"] += 1
            TALLY["promise 8: without faults the newest choice wins"] += 1

            assert not scene.writes[side]
            assert scene.writes[OTHER[side]] <= 1
            for one, both in held.items():
                assert {each is YES for each in both.values()} == {wanted[one] is YES}, one
    finally:
        scene.stop()


def known_on_both_sides(scene: Whole) -> dict[str, Choice]:
    """Let both sides know a person who has refused everything so far."""
    for line in (*LINES, *TOPICS):
        wanted = YES if line in TOPICS and not scene.truth.topics(ANN) else NO
        scene.click(Side.DIDOMI, ANN, line, wanted, 60)
        scene.quiet()
    for line in TOPICS:
        scene.click(Side.DIDOMI, ANN, line, NO, 60)
        scene.quiet()
    return dict.fromkeys(LINES, NO)
