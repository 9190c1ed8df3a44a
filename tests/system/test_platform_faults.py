"""Platforms that fail in every way they can: nothing is lost, and nothing is written that nobody chose."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from consent_sync.simulators.faults import Effect, Fault, FaultKind
from tests.system.harness import Person, Town, town, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

NO = {"channels": {"email": False}}
YES = {"channels": {"email": True}}

WRITE = "profiles.put"
EVENT = "consents.events.create"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """Confirm soon and wait for no slow answer longer than a second."""
    folder = tmp_path_factory.mktemp("town")
    patience = {"ACTITO_READ_TIMEOUT_SECONDS": "0.2", "DIDOMI_TIMEOUT_SECONDS": "0.2"}
    async with town(folder, variables=patience) as place:
        yield place
        leaks = place.leaks(place.service.output())
        assert leaks == [], "people or secrets in the log"


def faults(**where: str) -> dict[str, Fault]:
    """Return every way in which one call may fail, at this place."""

    def once(**how: object) -> Fault:
        return Fault.model_validate({**where, **how})

    def twice(**how: object) -> Fault:
        return once(count=2, **how)

    return {
        "429": once(status=429),
        "429_retry_after": twice(status=429, retry_after="0.05"),
        "500": twice(status=500),
        "502_html": twice(status=502, html=True),
        "503_retry_after": twice(status=503, retry_after="0.05"),
        "504_after_the_work": twice(status=504, effect=Effect.BEFORE),
        "reset": twice(kind=FaultKind.RESET),
        "reset_after_the_work": twice(kind=FaultKind.RESET, effect=Effect.BEFORE),
        "hang": once(kind=FaultKind.HANG),
        "hang_after_the_work": once(kind=FaultKind.HANG, effect=Effect.BEFORE),
        "slow_body": twice(kind=FaultKind.SLOW_BODY, seconds=0.1),
        "endless_body": once(kind=FaultKind.SLOW_BODY, seconds=3600),
        "half_body": twice(kind=FaultKind.TRUNCATED_BODY),
        "200_page": twice(status=200, html=True),
        "302": twice(status=302),
        "401": twice(status=401),
        "403": twice(status=403),
        "404": twice(status=404),
        "408": twice(status=408),
    }


KINDS = list(faults())

UNCLEAR = [kind for kind in KINDS if kind.endswith(("after_the_work", "reset", "body", "hang"))]
"""After these nobody knows whether the write took, which matters most for an agreement."""

WRITES = [(kind, False) for kind in KINDS] + [(kind, True) for kind in UNCLEAR]


@pytest.mark.parametrize(("kind", "choice"), WRITES)
async def test_actito_fails_while_it_is_written(place: Town, kind: str, choice: bool) -> None:
    """A choice made in Didomi reaches Actito although the write fails twice."""
    ada = place.person(f"ada_{kind}_{choice}", **({} if choice else {"Newsletter": True}))
    place.actito.faults.add(faults(route=WRITE)[kind])

    place.didomi.click(ada.ouid, YES if choice else NO)

    await place.agree(ada, "Newsletter", choice)


@pytest.mark.parametrize(("kind", "choice"), WRITES)
async def test_didomi_fails_while_it_is_written(place: Town, kind: str, choice: bool) -> None:
    """A choice made in Actito reaches Didomi although the write fails twice."""
    bo = place.person(f"bo_{kind}_{choice}", **({} if choice else {"Newsletter": True}))
    place.didomi.faults.add(faults(route=EVENT)[kind])

    place.actito.people.choose(bo.profile, {"Newsletter": choice})

    await place.agree(bo, "Newsletter", choice)


# A 404 for one profile among others is Actito's true way to say that there is none.
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "404"])
async def test_reading_fails_on_both_sides(place: Town, kind: str) -> None:
    """A yes that is looked at first arrives although the looks fail twice, in both directions."""
    cleo = place.person(f"cleo_{kind}")
    place.actito.faults.add(faults(method="GET", route="profiles")[kind])
    place.didomi.click(cleo.ouid, YES)
    await place.agree(cleo, "Newsletter", True)

    place.didomi.faults.add(faults(method="GET", route="consents.users")[kind])
    place.actito.people.choose(cleo.profile, {"DailyDeals": True})

    await place.agree(cleo, "DailyDeals", True)


# --- tokens ---


async def test_tokens_that_expire_in_mid_run(place: Town) -> None:
    """Sessions and tokens that end between two calls are renewed, and the call is made again."""
    dirk = place.person("dirk", Newsletter=True)
    for on in (False, True, False):
        place.actito.revoke_tokens()
        place.didomi.expire_sessions()
        place.didomi.click(dirk.ouid, YES if on else NO)
        await place.agree(dirk, "Newsletter", on)
        place.actito.revoke_tokens()
        place.didomi.expire_sessions()
        place.actito.people.choose(dirk.profile, {"DailyDeals": on})
        await place.agree(dirk, "DailyDeals", on)


async def test_new_token_kills_the_old_one(place: Town) -> None:
    """Many people at once share one token, although asking for a new one ends the old."""
    place.actito.switches.change({"new_token_kills_old": True, "unauthorized_every": 7})
    people = [place.person(f"eva_{n}", Newsletter=True) for n in range(20)]

    for person in people:
        place.didomi.click(person.ouid, NO)
    await place.all_agree(people, "Newsletter", False)

    assert place.actito.calls.counters["token"] <= 2 + place.actito.calls.counters["profiles.put"]


async def test_hidden_refusals_of_the_token(place: Town) -> None:
    """An expired token that Actito hides behind 404 is not taken for a missing profile."""
    finn = place.person("finn", Newsletter=True)
    place.didomi.click(finn.ouid, {"purposes": {"partners": False}})
    await place.agree(finn, "PartnerMail", False)
    place.actito.switches.change({"hide_401_as_404": True})
    place.actito.revoke_tokens()

    place.didomi.click(finn.ouid, NO)

    await place.agree(finn, "Newsletter", False)


# --- 404 that lies ---


async def test_404_for_the_whole_table(place: Town) -> None:
    """While the whole table answers 404 people wait; afterwards everybody gets their choice."""
    people = [place.person(f"gerda_{n}", Newsletter=True) for n in range(5)]
    for person in people:
        place.didomi.click(person.ouid, {"purposes": {"partners": False}})
    await place.all_agree(people, "PartnerMail", False)
    place.actito.faults.add(Fault(path="/table/Customers", status=404, count=None))

    for person in people:
        place.didomi.click(person.ouid, NO)
    await until("they wait", lambda: retrying(place, len(people)))

    assert all(place.in_actito(person, "Newsletter") is True for person in people)

    place.actito.faults.clear()
    await place.all_agree(people, "Newsletter", False)


@pytest.mark.parametrize("choice", [False, True], ids=["no", "yes"])
async def test_lost_rights_that_look_like_missing_profiles(place: Town, choice: bool) -> None:
    """A key that may not see profiles any more makes nobody missing."""
    hugo = place.person(f"hugo_{choice}", **({} if choice else {"Newsletter": True}))
    other = place.person(f"witness_{choice}")
    for person in (hugo, other):
        place.didomi.click(person.ouid, {"purposes": {"partners": True}})
        await place.agree(person, "PartnerMail", True)
    place.actito.switches.change({"rights": {"profiles": "none"}, "hide_403_as_404": True})

    place.didomi.click(hugo.ouid, YES if choice else NO)
    await until("it waits", lambda: retrying(place, 1))
    place.actito.switches.change({"rights": {}})

    await place.agree(hugo, "Newsletter", choice)


async def retrying(place: Town, people: int) -> bool:
    return bool((await place.status())["retrying_turns"] >= people)


# --- answers that lie ---


async def test_write_that_lands_late(place: Town) -> None:
    """A timed-out yes that lands after the person's no is put right: the no stands."""
    ina = place.person("ina")
    place.actito.faults.add(
        Fault(route=WRITE, kind=FaultKind.HANG, seconds=0.1, effect=Effect.LATER, effect_after=0.6)
    )
    place.didomi.click(ina.ouid, YES)
    await until("the first write was tried", lambda: not place.actito.faults)

    place.didomi.click(ina.ouid, NO)
    await place.actito.faults.settled()

    await place.agree(ina, "Newsletter", False)


async def test_click_between_a_look_and_a_write(place: Town) -> None:
    """A refusal in Actito that our yes runs over is found by its webhook and stands."""
    jan = place.person("jan", Newsletter=False)
    place.actito.switches.latency_ms = 100
    place.didomi.click(jan.ouid, YES)
    await until("it is looked at", lambda: place.calls()["actito profiles.get"] > 0)
    place.actito.people.choose(jan.profile, {"Newsletter": True})
    place.actito.people.choose(jan.profile, {"Newsletter": False})

    await place.agree(jan, "Newsletter", False)


# --- many at once ---


@pytest.mark.parametrize("side", ["actito", "didomi"])
async def test_platform_that_fails_half_of_the_time(place: Town, side: str) -> None:
    """Under chance failures of every kind each of thirty people ends at their newest choice."""
    people = [place.person(f"kim_{side}_{n}", Newsletter=True) for n in range(30)]
    broken = place.actito.faults if side == "actito" else place.didomi.faults
    # A refused key is not shown again for seconds, so tokens are left in peace here.
    for fault in faults(route="profiles" if side == "actito" else "consents").values():
        quick = fault.kind not in (FaultKind.HANG, FaultKind.SLOW_BODY)
        if quick and fault.status not in (404, 429):
            broken.add(fault.model_copy(update={"count": 8, "chance": 0.2}))

    newest = await click_around(place, people, side)

    await until("all hold their choice", lambda: all(held(place, newest)))
    await place.quiet()


def held(place: Town, newest: dict[Person, bool]) -> list[bool]:
    return [place.both(person, "Newsletter") == (on, on) for person, on in newest.items()]


async def click_around(place: Town, people: list[Person], side: str) -> dict[Person, bool]:
    """Let everybody change their mind three times on the side that does not fail."""
    choose: Callable[[Person, bool], object] = (
        (lambda person, on: place.didomi.click(person.ouid, YES if on else NO))
        if side == "actito"
        else (lambda person, on: place.actito.people.choose(person.profile, {"Newsletter": on}))
    )
    newest: dict[Person, bool] = {}
    for turn in range(3):
        for number, person in enumerate(people):
            newest[person] = (number + turn) % 2 == 0
            choose(person, newest[person])
            await asyncio.sleep(0.002)
    return newest
