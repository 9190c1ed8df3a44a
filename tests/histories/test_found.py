"""Histories that once went wrong, each as small as it could be made."""

import pytest

from consent_sync.domain.events import DidomiItem, EventKind
from consent_sync.domain.identity import Normalise, Side
from consent_sync.domain.mapping import SyncMode
from tests.doubles.engine import Engine
from tests.doubles.mappings import EMAIL, SMS, a_line
from tests.doubles.platforms import Profile
from tests.histories.story import ANN, LINES, NO, NONE, TOPICS, YES, Story

NEWSLETTER, SPORTS, WORLD, TEXTS = LINES


@pytest.fixture
def story() -> Story:
    """Ann with an empty profile and four lines: a channel, two topics, one inverted."""
    return Story.start()


@pytest.fixture
def engine(story: Story) -> Engine:
    """Return the engine of the story."""
    return story.engine


def ticks(story: Story, *options: str) -> None:
    """Let Ann save the page of topics with these ticked."""
    story.engine.didomi.click(ANN, {}, {TOPICS: frozenset(options)})


async def test_a_topic_that_nobody_chose_is_not_refused_by_a_list_of_ours(
    story: Story, engine: Engine
) -> None:
    """A shown list that we wrote for one topic says nothing about the other topics."""
    engine.didomi.click(ANN, {EMAIL: YES})
    story.click("actito", SPORTS, YES)
    engine.didomi.fanout = ("bare user", "event")

    await engine.run()

    assert story.holds(SPORTS) == (YES, YES)
    assert "News" not in engine.actito.profiles[ANN].subscriptions


async def test_a_topic_taken_back_is_not_granted_by_the_older_list_that_comes_later(
    story: Story, engine: Engine
) -> None:
    """An emptied list counts against an older list, even when it was the first one we saw."""
    ticks(story, "sport")
    older = engine.didomi.outbox.pop()
    engine.clock.advance(60)
    ticks(story)
    await engine.run()
    engine.receive(older)

    await engine.run()

    assert story.holds(SPORTS)[1] is not YES
    assert not [write for write in engine.actito.written if write.value]


async def test_a_topic_that_stays_ticked_is_no_new_yes(story: Story, engine: Engine) -> None:
    """While Didomi is down, a page saved with an old tick does not overrule a no from Actito."""
    ticks(story, "sport")
    await engine.run()
    engine.clock.advance(600)
    engine.didomi.faults.queue.extend(["temporary"] * 3)
    story.click("actito", SPORTS, NO)
    engine.deliver_all()
    await engine.take(ANN)
    engine.clock.advance(600)
    ticks(story, "sport", "news")

    await engine.run()

    assert story.holds(SPORTS) == (NONE, NO)
    assert story.holds(WORLD) == (YES, YES)


async def test_a_topic_ticked_again_after_our_refusal_is_a_new_yes(
    story: Story, engine: Engine
) -> None:
    """Once the no has reached Didomi, ticking the topic again is the newest choice."""
    ticks(story, "sport")
    await engine.run()
    engine.clock.advance(600)
    story.click("actito", SPORTS, NO)
    await engine.run()
    engine.clock.advance(600)
    ticks(story, "sport")

    await engine.run()

    assert story.holds(SPORTS) == (YES, YES)


async def test_a_user_shown_between_two_events_of_ours_makes_no_choice_up(
    story: Story, engine: Engine
) -> None:
    """A no and a yes that go to Didomi together are dated so that neither hides the other."""
    ticks(story)
    engine.clock.advance(7200)
    engine.didomi.fanout = ("event", "user")
    story.click("actito", NEWSLETTER, NO)
    engine.clock.advance(5)
    story.click("actito", SPORTS, YES)

    await engine.run()

    assert story.holds(NEWSLETTER) == (NO, NO)
    assert story.holds(SPORTS) == (YES, YES)


async def test_yes_and_back_to_no_in_actito_is_a_new_refusal(story: Story, engine: Engine) -> None:
    """A reading that shows what we wrote is a choice where a webhook shows the opposite between."""
    engine.didomi.click(ANN, {EMAIL: NO})
    await engine.run()
    engine.clock.advance(10)
    engine.didomi.click(ANN, {EMAIL: YES})
    engine.clock.advance(10)
    story.click("actito", NEWSLETTER, YES)
    engine.clock.advance(10)
    story.click("actito", NEWSLETTER, NO)

    await engine.run()

    assert story.holds(NEWSLETTER) == (NO, NO)


async def test_a_cleared_list_that_is_left_out_is_not_written_for_ever(
    story: Story, engine: Engine
) -> None:
    """A refused topic that Didomi no longer lists is settled, even while another line looks."""
    story.click("didomi", NEWSLETTER, NO)
    engine.didomi.outbox.clear()
    ticks(story, "sport")
    engine.clock.advance(10)
    story.click("actito", NEWSLETTER, YES)
    await engine.run()
    engine.didomi.calls.clear()
    engine.didomi.picks[ANN].clear()
    engine.actito.click(ANN, "Other", subscribe=True)

    await engine.run()

    assert story.line(NEWSLETTER).held
    assert "send" not in engine.didomi.calls


async def test_a_refused_topic_that_waits_for_a_look_is_a_waiting_opt_out(
    story: Story, engine: Engine
) -> None:
    """A no that cannot be written before Didomi was read shows among the waiting opt-outs."""
    ticks(story, "sport")
    await engine.run()
    engine.clock.advance(600)
    engine.didomi.faults.queue.extend(["temporary"])
    story.click("actito", SPORTS, NO)
    engine.deliver_all()
    settlement = await engine.take(ANN)

    assert settlement is not None
    assert settlement.summary.optout_waiting_since is not None


async def test_a_user_shown_before_its_event_arrives_does_not_make_a_yes_late(
    story: Story, engine: Engine
) -> None:
    """The user alone says only that she agreed since the last sight; the event says when."""
    engine.didomi.click(ANN, {EMAIL: NO})
    await engine.run()
    engine.clock.advance(4000)
    engine.didomi.fanout = ("bare user", "event")
    engine.didomi.click(ANN, {EMAIL: YES})

    await engine.run()

    assert story.holds(NEWSLETTER) == (YES, YES)
    known = story.line(NEWSLETTER).latest[Side.DIDOMI]
    assert known.not_before == known.not_after


async def test_a_topic_outside_of_an_old_list_can_be_agreed_to_in_actito(
    story: Story, engine: Engine
) -> None:
    """What a list left out long before is no refusal seen just now; nothing is held."""
    ticks(story, "culture")
    engine.didomi.outbox.clear()
    engine.clock.advance(90_000)
    story.click("actito", SPORTS, YES)

    await engine.run()

    assert story.holds(SPORTS) == (YES, YES)
    assert engine.didomi.picks[ANN][TOPICS][0] == {"culture", "sport"}


async def test_a_refusal_on_a_profile_that_is_gone_is_not_lost_with_it() -> None:
    """Ann refuses in Actito, her profile is deleted, and an older yes would create it anew."""
    story = Story.start(upsert_mode=True)
    engine = story.engine
    engine.didomi.click(ANN, {EMAIL: YES})
    engine.clock.advance(5)
    story.click("actito", NEWSLETTER, NO)
    del engine.actito.profiles[ANN]

    await engine.run()

    assert story.holds(NEWSLETTER) == (NO, NO)


async def test_an_agreement_in_one_table_reaches_the_other_table_in_time() -> None:
    """An engine's event is dated early; that does not make the agreement late for another one."""
    north, south = Story.start(name="north"), Story.start(name="south")
    south.engine.didomi, south.engine.clock = north.engine.didomi, north.engine.clock
    south.engine.actito.clock = north.engine.clock
    first = north.engine.didomi.click(ANN, {EMAIL: NO})
    await north.engine.run()
    south.engine.receive(first)
    await south.engine.run()
    north.engine.clock.advance(900)
    north.click("actito", NEWSLETTER, YES)
    north.engine.deliver_all()
    await north.engine.take(ANN)
    await south.engine.run()

    assert south.holds(NEWSLETTER) == (YES, YES)


async def test_a_refusal_goes_to_didomi_while_actito_is_down(story: Story, engine: Engine) -> None:
    """One side that cannot be written holds nothing up on the other side."""
    engine.didomi.click(ANN, {EMAIL: YES, SMS: YES})
    await engine.run()
    engine.clock.advance(600)
    story.click("actito", NEWSLETTER, NO)
    engine.clock.advance(10)
    story.click("didomi", TEXTS, NO)
    engine.deliver_all()
    engine.actito.faults.queue.extend(["", *["temporary"] * 5])
    await engine.take(ANN)

    assert engine.didomi.holds(ANN, EMAIL) is NO


async def test_a_refusal_whose_profile_could_never_be_read_still_counts(
    story: Story, engine: Engine
) -> None:
    """When looking at Actito is given up, what the webhooks refused is refused in Didomi too."""
    engine.didomi.click(ANN, {EMAIL: YES})
    engine.didomi.outbox.clear()
    story.click("actito", NEWSLETTER, NO)
    engine.actito.faults.queue.extend(["temporary"] * 1000)

    await engine.run(rounds=1000)

    assert engine.didomi.holds(ANN, EMAIL) is NO


async def test_a_failed_refusal_is_tried_again_when_its_event_is_replayed(
    story: Story, engine: Engine
) -> None:
    """What was given up is tried again when the same event comes once more."""
    item = engine.didomi.click(ANN, {EMAIL: NO})
    engine.actito.faults.queue.extend(["temporary"] * 1000)
    await engine.run(rounds=1000)
    engine.actito.faults.queue.clear()
    engine.receive(item)

    await engine.run()

    assert story.holds(NEWSLETTER) == (NO, NO)
    assert not story.line(NEWSLETTER).failed


async def test_a_failed_refusal_is_tried_again_when_its_hint_is_replayed(
    story: Story, engine: Engine
) -> None:
    """The same for a webhook of Actito whose choice could not be written to Didomi."""
    engine.didomi.click(ANN, {EMAIL: YES})
    await engine.run()
    engine.clock.advance(600)
    story.click("actito", NEWSLETTER, NO)
    hint = engine.actito.outbox[0]
    engine.didomi.faults.queue.extend(["temporary"] * 1000)
    await engine.run(rounds=1000)
    engine.didomi.faults.queue.clear()
    engine.receive(hint)

    await engine.run()

    assert story.holds(NEWSLETTER) == (NO, NO)


async def test_one_of_two_records_deleted_in_didomi_hides_nobody(
    story: Story, engine: Engine
) -> None:
    """Didomi merges records and deletes one; the person is still there and can be refused."""
    engine.didomi.click(ANN, {EMAIL: YES})
    await engine.run()
    engine.receive(DidomiItem(EventKind.CONSENT_USER_DELETED, "user.deleted", ANN, "gdpr"))
    await engine.run()
    engine.clock.advance(600)
    story.click("actito", NEWSLETTER, NO)

    await engine.run()

    assert story.holds(NEWSLETTER) == (NO, NO)


async def test_somebody_who_came_to_didomi_unheard_is_refused_there(
    story: Story, engine: Engine
) -> None:
    """That Didomi did not know a person once does not keep a later refusal from them."""
    story.click("actito", NEWSLETTER, YES)
    await engine.run()
    engine.didomi.click(ANN, {EMAIL: YES})
    engine.didomi.outbox.clear()
    engine.clock.advance(600)
    story.click("actito", NEWSLETTER, NO)

    await engine.run()

    assert story.holds(NEWSLETTER) == (NO, NO)


async def test_a_deleted_spelling_no_longer_makes_a_person_ambiguous() -> None:
    """Of two Didomi users of one person the deleted one is forgotten."""
    story = Story.start(normalise=Normalise.LOWER)
    engine = story.engine
    engine.didomi.click(ANN, {EMAIL: NO})
    engine.didomi.click("Ann@example.com", {EMAIL: NO})
    await engine.run()
    del engine.didomi.nodes["Ann@example.com"]
    gone = DidomiItem(EventKind.CONSENT_USER_DELETED, "user.deleted", "Ann@example.com", "gdpr")
    engine.receive(gone)
    await engine.run()
    engine.clock.advance(600)
    story.click("actito", NEWSLETTER, YES)

    await engine.run()

    assert story.holds(NEWSLETTER) == (YES, YES)


async def test_a_refusal_right_after_our_agreement_counts_where_only_the_user_is_posted(
    story: Story, engine: Engine
) -> None:
    """A yes that may be older than our no is no news; a no beside our yes always is."""
    engine.didomi.click(ANN, {})
    story.click("actito", NEWSLETTER, YES)
    await engine.run()
    engine.didomi.fanout = ("bare user",)
    engine.clock.advance(1)
    engine.didomi.click(ANN, {EMAIL: NO})

    await engine.run()

    assert story.holds(NEWSLETTER) == (NO, NO)


async def test_a_refusal_told_before_a_crash_is_not_taken_for_our_own(
    story: Story, engine: Engine
) -> None:
    """The refusal is written to Actito, and the process dies before Didomi has it too."""
    engine.didomi.click(ANN, {EMAIL: YES})
    await engine.run()
    engine.clock.advance(600)
    story.click("actito", NEWSLETTER, NO)
    engine.actito.profiles[ANN].subscriptions["Newsletter"] = True  # our yes ran over it
    engine.clock.advance(1)
    engine.didomi.faults.queue.append("crash before")

    await engine.run()

    assert story.holds(NEWSLETTER) == (NO, NO)


async def test_an_agreement_older_than_a_refusal_that_was_seen_is_not_raised(
    story: Story, engine: Engine
) -> None:
    """The webhook of the no is lost, a look shows it, and the older yes arrives after that."""
    older = engine.didomi.click(ANN, {EMAIL: YES})
    engine.clock.advance(10)
    engine.didomi.click(ANN, {EMAIL: NO})
    engine.didomi.outbox.clear()
    story.click("actito", SPORTS, YES)
    await engine.run()
    engine.receive(older)

    await engine.run()

    assert story.holds(NEWSLETTER)[0] is NO
    assert story.holds(NEWSLETTER)[1] is not YES


async def test_a_topic_cleared_before_we_ever_saw_it_is_not_granted_from_actito(
    story: Story, engine: Engine
) -> None:
    """An empty list may be a refusal: an agreement that is not certainly newer is held."""
    story.click("actito", SPORTS, YES)
    engine.clock.advance(5)
    ticks(story, "sport")
    engine.clock.advance(5)
    ticks(story)
    engine.didomi.outbox.clear()

    await engine.run()

    assert story.holds(SPORTS) == (NONE, YES)
    assert story.line(SPORTS).held


async def test_an_unclear_agreement_stays_a_possible_cause_after_another_one_took(
    story: Story, engine: Engine
) -> None:
    """Our yes gets no answer, is written again, and the first one lands after the person's no."""
    engine.actito.faults.queue.extend(["", "unclear, lands later"])
    engine.didomi.click(ANN, {EMAIL: YES})
    await engine.run()
    engine.clock.advance(600)
    engine.didomi.click(ANN, {EMAIL: NO})
    await engine.run()
    engine.actito.late.pop()()

    await engine.run()

    assert story.holds(NEWSLETTER) == (NO, NO)


async def test_a_refusal_of_ours_that_did_not_take_is_not_undone_by_a_user_shown_later(
    story: Story, engine: Engine
) -> None:
    """Didomi answers well, does nothing, and posts its user because of another line."""
    engine.didomi.wall_dates, engine.didomi.fanout = True, ("event", "user")
    engine.didomi.click(ANN, {EMAIL: YES})
    await engine.run()
    engine.clock.advance(600)
    engine.didomi.faults.queue.append("did nothing")
    story.click("actito", NEWSLETTER, NO)
    await engine.run()
    engine.clock.advance(60)
    engine.didomi.click(ANN, {SMS: NO})

    await engine.run()

    assert story.holds(NEWSLETTER) == (NO, NO)


async def test_a_write_is_looked_after_even_while_webhooks_keep_coming(
    story: Story, engine: Engine
) -> None:
    """The look that finds a write without effect does not wait for a turn without items."""
    engine.didomi.click(ANN, {EMAIL: YES})
    await engine.run()
    engine.clock.advance(60)
    engine.actito.echoes = False
    engine.actito.faults.queue.append("did nothing")
    engine.didomi.click(ANN, {EMAIL: NO})
    engine.deliver_all()
    await engine.take(ANN)
    engine.clock.advance(700)
    engine.didomi.click(ANN, {SMS: NO})
    await engine.run()

    assert story.holds(NEWSLETTER) == (NO, NO)


async def test_a_refusal_seen_before_its_webhook_is_not_lost_with_the_profile(
    story: Story, engine: Engine
) -> None:
    """A look shows the refusal, the profile is made anew, and then the webhook arrives."""
    engine.didomi.click(ANN, {SMS: YES})
    engine.clock.advance(5)
    story.click("actito", NEWSLETTER, NO)
    hint = engine.actito.outbox.pop()
    await engine.run()
    engine.clock.advance(5)
    engine.actito.profiles[ANN] = Profile("1043")
    engine.didomi.click(ANN, {EMAIL: YES})
    engine.receive(hint)

    await engine.run()

    assert story.holds(NEWSLETTER)[1] is not YES
    assert story.holds(NEWSLETTER)[0] is NO


async def test_a_refusal_under_way_in_a_crash_is_still_a_refusal_after_it(
    story: Story, engine: Engine
) -> None:
    """Both sides were refused just before the crash; nothing else remembers why."""
    ticks(story, "news")
    await engine.run()
    engine.clock.advance(5)
    story.click("actito", NEWSLETTER, YES)
    hint = engine.actito.outbox.pop()
    engine.clock.advance(5)
    story.click("actito", WORLD, NO)
    engine.didomi.fanout = ("bare user",)
    engine.receive(hint)
    engine.clock.advance(5)
    ticks(story)
    engine.crash_at_settle = True
    await engine.take(ANN)

    await engine.run()

    assert story.holds(WORLD) == (NONE, NO)


async def test_a_refusal_beside_a_lost_agreement_is_told_from_an_echo(
    story: Story, engine: Engine
) -> None:
    """Her yes in Didomi is lost, her yes and no in Actito come while the echo of our no may come."""
    story.click("didomi", NEWSLETTER, NO)
    engine.receive(engine.didomi.outbox.pop())
    await engine.take(ANN)
    engine.clock.advance(5)
    story.click("didomi", NEWSLETTER, YES)
    engine.didomi.outbox.clear()
    engine.clock.advance(5)
    story.click("actito", NEWSLETTER, YES)
    engine.clock.advance(5)
    story.click("actito", NEWSLETTER, NO)

    await story.rest()

    assert YES not in story.holds(NEWSLETTER)


async def test_a_choice_seen_before_its_user_webhook_is_not_lost(
    story: Story, engine: Engine
) -> None:
    """A look for another line showed it first; no event ever tells of it, only the user does."""
    engine.didomi.fanout = ("bare user",)
    story.click("didomi", WORLD, YES)
    engine.clock.advance(5)
    story.click("actito", NEWSLETTER, YES)
    engine.receive(engine.actito.outbox.pop())
    await engine.take(ANN)

    await engine.run()

    assert story.holds(WORLD)[1] is YES


async def test_a_refusal_on_both_sides_at_once_is_a_refusal_of_each() -> None:
    """On a strict line our own no does not hide that the person refused there as well."""
    strict = a_line("Newsletter", EMAIL, SyncMode.TWO_WAY_STRICT)
    story = Story.start(strict)
    engine = story.engine
    engine.actito.faults.queue.append("temporary")
    story.click("didomi", strict, NO)
    engine.clock.advance(5)
    story.click("actito", strict, NO)
    await engine.run()
    engine.clock.advance(600)
    story.click("didomi", strict, YES)

    await engine.run()

    assert story.holds(strict)[1] is NO


async def test_an_agreement_that_waited_is_asked_for_again_before_it_is_carried_over(
    story: Story, engine: Engine
) -> None:
    """While she had no profile she agreed and refused in Didomi; only the agreement was heard of."""
    profile = engine.actito.profiles.pop(ANN)
    story.click("didomi", NEWSLETTER, YES)
    await engine.run()
    engine.clock.advance(600)
    story.click("didomi", NEWSLETTER, NO)
    engine.didomi.outbox.clear()
    engine.clock.advance(600)
    engine.actito.profiles[ANN] = profile
    engine.actito.touch(ANN)

    await engine.run()

    assert engine.actito.raises == []
    assert story.holds(NEWSLETTER)[1] is not YES


async def test_an_agreement_that_waited_for_didomi_is_asked_for_again_in_actito(
    story: Story, engine: Engine
) -> None:
    """Didomi did not answer for a while; meanwhile she unsubscribed, and that webhook was lost."""
    story.click("didomi", NEWSLETTER, NO)
    await engine.run()
    engine.clock.advance(4000)
    engine.didomi.faults.queue += ["temporary"] * 3
    story.click("actito", NEWSLETTER, YES)
    engine.receive(engine.actito.outbox.pop())
    await engine.take(ANN)
    engine.clock.advance(600)
    story.click("actito", NEWSLETTER, NO)
    engine.actito.outbox.clear()
    engine.didomi.faults.queue.clear()

    await engine.run()

    assert engine.didomi.raises == []
    assert story.holds(NEWSLETTER) == (NO, NO)


@pytest.mark.parametrize("whole", [True, False])
async def test_an_agreement_that_waited_is_held_where_didomi_shows_it_no_more(
    story: Story, engine: Engine, whole: bool
) -> None:
    """Her user was deleted there, or only that choice; the webhook of it was lost."""
    profile = engine.actito.profiles.pop(ANN)
    story.click("didomi", NEWSLETTER, YES)
    await engine.run()
    engine.clock.advance(600)
    if whole:
        del engine.didomi.nodes[ANN]
    else:
        engine.didomi.nodes[ANN].clear()
    engine.actito.profiles[ANN] = profile
    engine.actito.touch(ANN)

    await engine.run()

    assert engine.actito.raises == []
    assert engine.line(ANN, "Newsletter").held == "held_review"


async def test_an_agreement_that_waited_and_is_still_shown_is_carried_over(
    story: Story, engine: Engine
) -> None:
    """Waiting alone takes nothing from it."""
    profile = engine.actito.profiles.pop(ANN)
    story.click("didomi", NEWSLETTER, YES)
    await engine.run()
    engine.clock.advance(600)
    engine.actito.profiles[ANN] = profile
    engine.actito.touch(ANN)

    await engine.run()

    assert story.holds(NEWSLETTER) == (YES, YES)
