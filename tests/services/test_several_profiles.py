"""Several Actito profiles that come to one person: a refusal goes to all, an agreement to none."""

import pytest

from consent_sync.domain.consent import Choice
from consent_sync.domain.errors import PermanentError
from consent_sync.domain.events import ProfileHint, ProfileMissing, ProfileReading
from consent_sync.domain.identity import Names, Normalise, Side
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.profile import ProfileChange
from consent_sync.domain.values import replaced
from consent_sync.domain.verdicts import Verdict
from consent_sync.services.looking import beside
from tests.doubles.platforms import Profile
from tests.histories.story import ANN, NO, YES, Story
from tests.histories.test_review import recomputed

TWIN = "Ann@Example.com"


def holds(story: Story, key: str) -> Choice:
    """Return what one profile holds on the first line."""
    held = story.engine.actito.profiles[key].subscriptions.get(story.lines[0].id)
    return Choice.NONE if held is None else YES if held else NO


async def with_twin(choice: Choice) -> Story:
    """Return a story in which Ann's second profile is heard of with this choice."""
    story = Story.start(normalise=Normalise.LOWER)
    story.engine.actito.profiles[TWIN] = Profile("1043")
    story.engine.clock.advance(5)
    story.click("didomi", story.lines[0], YES)
    await story.engine.run()
    story.engine.clock.advance(4000)
    if choice is not Choice.NONE:
        story.engine.actito.click(TWIN, story.lines[0].id, subscribe=choice is YES)
    else:
        story.engine.actito.touch(TWIN)
    await story.engine.run()
    return story


def state_of(story: Story) -> tuple[Names, ...]:
    """Return the further profiles that are known of Ann."""
    several = story.engine.lane(ANN).state.several
    return several.twins if several is not None else ()


async def test_a_second_profile_is_found_by_its_webhook() -> None:
    """Its key comes to the same person and its number is another one; the ledger tells the same."""
    story = await with_twin(Choice.NONE)

    assert state_of(story) == (Names("", TWIN, "1043"),)
    assert (holds(story, ANN), holds(story, TWIN)) == (YES, Choice.NONE)
    assert recomputed(story) == story.engine.lane(ANN).state


async def test_a_webhook_with_nothing_but_a_number_finds_it_too() -> None:
    """The profile is read by its number, and its key says whose it is."""
    story = Story.start(normalise=Normalise.LOWER)
    engine = story.engine
    story.click("actito", story.lines[0], YES)
    await engine.run()
    engine.actito.profiles[TWIN] = Profile("1043")
    engine.receive_for(ANN, ProfileHint(Names(profile_id="1043")))
    await engine.take(ANN)

    assert state_of(story) == (Names("", TWIN, "1043"),)
    assert recomputed(story) == engine.lane(ANN).state


async def test_a_refusal_goes_to_all_profiles_and_an_agreement_to_none() -> None:
    """What is refused in Didomi is refused in both; what is agreed there afterwards waits."""
    story = await with_twin(YES)
    engine = story.engine
    engine.clock.advance(4000)
    story.click("didomi", story.lines[0], NO)
    await engine.run()

    assert (holds(story, ANN), holds(story, TWIN)) == (NO, NO)
    engine.clock.advance(4000)
    story.click("didomi", story.lines[0], YES)
    await engine.run()
    [doubt] = engine.doubts(ANN)
    assert doubt.verdict is Verdict.AMBIGUOUS_PERSON
    assert (holds(story, ANN), holds(story, TWIN)) == (NO, NO)
    assert recomputed(story) == engine.lane(ANN).state


@pytest.mark.parametrize("key", [ANN, TWIN])
async def test_a_refusal_in_either_profile_is_the_persons(key: str) -> None:
    """Whichever of the two she clears: the other one and Didomi follow."""
    story = await with_twin(YES)
    engine = story.engine
    engine.clock.advance(4000)
    engine.actito.click(key, story.lines[0].id, subscribe=False)
    await engine.run()

    assert (holds(story, ANN), holds(story, TWIN)) == (NO, NO)
    assert story.holds(story.lines[0])[0] is NO
    assert engine.doubts(ANN) == ()
    writes = len(engine.actito.written)
    await story.rest()
    assert len(engine.actito.written) == writes
    assert recomputed(story) == engine.lane(ANN).state


async def test_the_first_word_of_a_second_profile_may_be_a_refusal() -> None:
    """Nobody had heard of that profile: its refusal counts for the one that was known."""
    story = await with_twin(NO)

    assert (holds(story, ANN), holds(story, TWIN)) == (NO, NO)
    assert story.holds(story.lines[0])[0] is NO


async def test_an_agreement_in_one_of_two_waits_and_is_not_undone() -> None:
    """Both had refused; the agreement stays where it was given until somebody decides."""
    story = await with_twin(YES)
    engine, line = story.engine, story.lines[0]
    engine.clock.advance(4000)
    story.click("didomi", line, NO)
    await engine.run()
    engine.clock.advance(4000)
    engine.actito.click(TWIN, line.id, subscribe=True)
    await engine.run()
    await story.rest()

    assert (holds(story, ANN), holds(story, TWIN), story.holds(line)[0]) == (NO, YES, NO)
    [doubt] = engine.doubts(ANN)
    assert doubt.verdict is Verdict.AMBIGUOUS_PERSON
    assert recomputed(story) == engine.lane(ANN).state


@pytest.mark.parametrize(("approve", "outcome"), [(True, YES), (False, NO)])
async def test_one_word_settles_all_profiles(approve: bool, outcome: Choice) -> None:
    """An approval raises every profile and Didomi; a rejection lowers them all."""
    story = await with_twin(YES)
    engine, line = story.engine, story.lines[0]
    engine.clock.advance(4000)
    story.click("didomi", line, NO)
    await engine.run()
    engine.clock.advance(4000)
    engine.actito.click(TWIN, line.id, subscribe=True)
    await engine.run()
    engine.decide(ANN, *engine.doubts(ANN), approve=approve)
    await engine.run()

    assert {holds(story, ANN), holds(story, TWIN), story.holds(line)[0]} == {outcome}
    assert engine.doubts(ANN) == ()
    assert recomputed(story) == engine.lane(ANN).state


async def test_a_profile_that_goes_leaves_no_choice_behind() -> None:
    """They differed; when the one that refused is gone, the other's yes is nobody's new choice."""
    story = await with_twin(YES)
    engine, line = story.engine, story.lines[0]
    engine.clock.advance(4000)
    engine.actito.click(TWIN, line.id, subscribe=False)
    engine.actito.profiles[ANN].subscriptions[line.id] = False
    await engine.run()
    engine.clock.advance(4000)
    engine.actito.click(ANN, line.id, subscribe=True)
    await engine.run()
    del engine.actito.profiles[TWIN]
    engine.actito.touch(ANN)
    await engine.run()

    assert state_of(story) == ()
    assert story.holds(line)[0] is NO or engine.doubts(ANN)
    assert recomputed(story) == engine.lane(ANN).state


async def test_the_second_profile_may_be_the_only_one_left() -> None:
    """The profile that was known is gone; the person is the other one from then on."""
    story = await with_twin(YES)
    engine, line = story.engine, story.lines[0]
    del engine.actito.profiles[ANN]
    engine.clock.advance(4000)
    story.click("didomi", line, NO)
    await engine.run()

    assert holds(story, TWIN) is NO
    engine.actito.touch(TWIN)
    await engine.run()
    assert engine.lane(ANN).state.names.actito_key == TWIN
    assert state_of(story) == ()


async def test_a_first_look_tries_every_spelling() -> None:
    """Didomi's spelling and the person's key are two profiles: an agreement waits at once."""
    story = Story.start(normalise=Normalise.LOWER)
    engine, line = story.engine, story.lines[0]
    engine.actito.profiles[TWIN] = Profile("1043")
    engine.didomi.click(TWIN, {line.node: YES})
    await engine.run()

    assert [one.verdict for one in engine.doubts(ANN)] == [Verdict.AMBIGUOUS_PERSON]
    assert {holds(story, ANN), holds(story, TWIN)} == {Choice.NONE}


async def test_a_first_refusal_goes_to_every_spelling() -> None:
    """It needs no look: whoever has one of the spellings is refused."""
    story = Story.start(normalise=Normalise.LOWER)
    engine, line = story.engine, story.lines[0]
    engine.actito.profiles[TWIN] = Profile("1043")
    engine.didomi.click(TWIN, {line.node: NO})
    await engine.run()

    assert {holds(story, ANN), holds(story, TWIN)} == {NO}


@pytest.mark.parametrize("fault", ["temporary", "unclear, landed", "unclear, lost"])
async def test_a_refusal_that_reached_only_one_of_them_is_tried_again(fault: str) -> None:
    """The second write fails: after a look both are refused, and nothing is read as a choice."""
    story = await with_twin(YES)
    engine, line = story.engine, story.lines[0]
    engine.clock.advance(4000)
    story.click("didomi", line, NO)
    engine.actito.faults.queue.extend(["", fault])
    await engine.run()
    await story.rest()

    assert {holds(story, ANN), holds(story, TWIN)} == {NO}
    latest = story.line(line).latest
    assert [side.value for side, said in latest.items() if said.choice is NO] == ["didomi"]
    assert recomputed(story) == engine.lane(ANN).state


async def test_a_write_that_takes_in_one_of_them_only_fails_visibly_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Actito answers with success each time; after some times it is said that it fails."""
    story = await with_twin(YES)
    engine, line = story.engine, story.lines[0]
    update = engine.actito.update

    async def half(mapping: Mapping, key: str, change: ProfileChange, *, after_look: bool) -> str:
        return "" if key == TWIN else await update(mapping, key, change, after_look=after_look)

    monkeypatch.setattr(engine.actito, "update", half)
    engine.clock.advance(4000)
    story.click("didomi", line, NO)
    await engine.run()
    for _ in range(8):
        engine.clock.advance(30 * 3600)
        await engine.take(ANN)

    assert (holds(story, ANN), holds(story, TWIN)) == (NO, YES)
    assert Side.ACTITO in story.line(line).failed
    assert recomputed(story) == engine.lane(ANN).state


async def test_the_look_that_cannot_read_one_of_them_is_made_again() -> None:
    """Half of what a person holds is no reading."""
    story = await with_twin(YES)
    engine, line = story.engine, story.lines[0]
    engine.clock.advance(4000)
    engine.actito.click(ANN, line.id, subscribe=False)
    engine.actito.faults.queue.extend(["", "temporary"])
    await engine.run()

    assert {holds(story, ANN), holds(story, TWIN)} == {NO}
    assert engine.observer.troubles == ["read: not now"]


@pytest.mark.parametrize("bad", [ANN, TWIN])
async def test_what_one_profile_cannot_take_the_other_still_does(
    bad: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that one of them refuses for good reaches the other, and has failed visibly."""
    story = await with_twin(YES)
    engine, line = story.engine, story.lines[0]
    update = engine.actito.update

    async def picky(mapping: Mapping, key: str, change: ProfileChange, *, after_look: bool) -> str:
        if key == bad:
            raise PermanentError("bad request", status=400)
        return await update(mapping, key, change, after_look=after_look)

    monkeypatch.setattr(engine.actito, "update", picky)
    engine.clock.advance(4000)
    story.click("didomi", line, NO)
    await engine.run()
    await story.rest()
    other = TWIN if bad == ANN else ANN

    assert (holds(story, bad), holds(story, other)) == (YES, NO)
    assert Side.ACTITO in story.line(line).failed
    assert Side.ACTITO not in story.line(line).latest or story.holds(line)[0] is NO


async def test_two_looks_at_one_profile_are_one_profile() -> None:
    """Where Actito looks up without regard to letter case, both spellings find the same."""
    seen = ProfileReading(1, 2, Names("", ANN, "1042"), {"Newsletter": True})
    again = ProfileReading(3, 4, Names("", ANN, "1042"), {"Newsletter": True})
    nameless = ProfileReading(3, 4, Names("", ANN), {"Newsletter": True})
    other = ProfileReading(3, 4, Names("", TWIN, "1043"), {"Newsletter": False})

    assert beside(seen, again) == seen
    assert beside(seen, nameless) == seen
    assert beside(seen, ProfileMissing(4)) == seen
    assert beside(ProfileMissing(1), other) == other
    assert beside(seen, other) == replaced(seen, read_at=4, others=(other,))
