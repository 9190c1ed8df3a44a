"""Generated histories in which profiles and users appear and vanish, with and without upsert."""

import asyncio
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from consent_sync.domain.mapping import CreateFor
from tests.doubles.mappings import EMAIL, SPORT, a_line
from tests.doubles.platforms import Profile
from tests.histories.story import (
    ANN,
    NO,
    YES,
    Click,
    Meet,
    Step,
    Story,
    histories,
    lists_of,
    play,
    troubles,
    usual,
)

LINES = (a_line("Newsletter", EMAIL), a_line("SportNews", SPORT, number=15))


@dataclass(frozen=True)
class Vanish:
    """The profile is deleted in Actito, without a webhook."""

    async def play(self, story: Story) -> None:
        story.engine.actito.profiles.pop(ANN, None)


@dataclass(frozen=True)
class Appear:
    """The profile is created in Actito by somebody else, whose webhook names no subscription."""

    async def play(self, story: Story) -> None:
        world = story.engine.actito
        if ANN not in world.profiles:
            world.profiles[ANN] = Profile(str(2000 + len(story.said)))
            world.touch(ANN)


steps_of_all_kinds = lists_of(*usual, troubles, st.just(Vanish()), st.just(Appear()))
mappings = st.fixed_dictionaries(
    {
        "upsert_mode": st.booleans(),
        "create_for": st.sampled_from(list(CreateFor)),
        "create_in_didomi": st.booleans(),
    }
)


def tell(steps: list[Step], changes: dict[str, object], *, profile: bool) -> Story:
    """Play a history that begins with or without a profile."""
    story = Story.start(*LINES, profile=profile, **changes)
    asyncio.run(play(story, steps))
    return story


@histories()
@given(steps=steps_of_all_kinds, changes=mappings, profile=st.booleans())
def test_a_withdrawn_consent_does_not_come_back_with_a_new_profile(
    steps: list[Step], changes: dict[str, object], profile: bool
) -> None:
    """However often a profile vanishes and appears: the newest no is not overruled."""
    story = tell(steps, changes, profile=profile)
    for line in story.lines:
        newest = story.newest(line)
        if newest is None or newest.choice is not NO or story.hidden(line):
            continue
        if story.raised_at(line) < newest.at:
            continue

        assert YES not in story.holds(line), line.id


@histories()
@given(steps=steps_of_all_kinds, changes=mappings, profile=st.booleans())
def test_profiles_and_users_are_made_only_where_the_file_says_so(
    steps: list[Step], changes: dict[str, object], profile: bool
) -> None:
    """Without upsert mode no profile is created, and Actito creates nobody in Didomi."""
    story = tell(steps, changes, profile=profile)
    known = any(
        isinstance(step, Meet) or (isinstance(step, Click) and step.side == "didomi")
        for step in steps
    )

    if not changes["upsert_mode"]:
        assert "create" not in story.engine.actito.calls
    if not changes["create_in_didomi"] and not known:
        assert ANN not in story.engine.didomi.nodes


@histories()
@given(steps=steps_of_all_kinds, changes=mappings, profile=st.booleans())
def test_both_sides_agree_once_the_profile_is_there(
    steps: list[Step], changes: dict[str, object], profile: bool
) -> None:
    """In the end both sides hold a yes or neither does, or it is held, failed or without profile."""
    story = tell(steps, changes, profile=profile)
    world = story.engine.actito
    if ANN not in world.profiles or ANN not in story.engine.didomi.nodes:
        return
    for line in story.lines:
        known = story.line(line)
        if not known.latest or known.held or known.failed:
            continue
        vanished = any(isinstance(step, Vanish) for step in steps)
        if vanished and any(said.side == "actito" for said in story.said):
            # What the person said on a profile that is gone is not written to a new one.
            continue
        didomi, actito = story.holds(line)

        assert (didomi is YES) is (actito is YES), line.id
