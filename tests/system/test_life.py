"""The process itself: settings, secrets and files that change, starts, stops and what they leave."""

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.system.harness import (
    ACTITO_SECRET,
    AT_DIDOMI,
    CLIENT_ID,
    CLIENT_SECRET,
    DIDOMI_SECRET,
    JSON,
    MAPPING,
    Town,
    didomi_event,
    moment,
    town,
    until,
)

NO = {"channels": {"email": False}}
YES = {"channels": {"email": True}}


# --- stopping and starting ---


async def test_asked_to_stop_under_load_it_finishes_and_loses_nothing(tmp_path: Path) -> None:
    """SIGTERM lets the turns under way end; what still waits is done after the next start."""
    async with town(tmp_path) as place:
        people = [place.person(f"ada_{n}", Newsletter=True) for n in range(60)]
        place.actito.switches.latency_ms = 20
        for person in people:
            place.didomi.click(person.ouid, NO)
        await until("some are written", lambda: place.calls()["actito profiles.put"] >= 5)

        code = await place.service.stop()
        written = place.calls()["actito profiles.put"]

        assert code == 0
        assert written < len(people)
        assert place.service.events("stopped")
        # Nothing was cut off: each write was answered, and no turn is in doubt.
        async with place.service.store() as store:
            assert [turn.in_flight for turn in await store.claim(1_000) if turn.in_flight] == []

        await place.service.start()
        await until("Didomi delivers what it stored", lambda: delivered(place))
        await place.all_agree(people, "Newsletter", False)

        assert place.calls()["actito profiles.put"] == len(people)


def delivered(place: Town) -> bool:
    return not place.didomi.sender.replay_stored() and not place.didomi.sender.waiting


async def test_what_waits_for_a_platform_is_done_after_a_restart(tmp_path: Path) -> None:
    """With both platforms down events are accepted; after a restart everybody gets their choice."""
    async with town(tmp_path) as place:
        people = [place.person(f"bo_{n}", Newsletter=True) for n in range(10)]
        await place.actito.stop()
        for number, person in enumerate(people):
            said = didomi_event(person.ouid, f"down-{number}", moment(), Newsletter=False)
            assert (await place.didomi_says(said)).status == 200
        await until("they wait", lambda: waiting(place, len(people)))
        await place.service.stop()

        await place.actito.start(port=place.actito.port)
        await place.service.start()

        await place.all_agree(people, "Newsletter", False)


async def waiting(place: Town, people: int) -> bool:
    status = await place.status()
    return bool(status["retrying_turns"] >= people)


async def test_second_process_on_the_same_database_is_refused(tmp_path: Path) -> None:
    """Two processes would take turns of one person at the same time; the second one says so."""
    async with town(tmp_path) as place:
        first, place.service.process = place.service.process, None
        with pytest.raises(AssertionError, match="in use by another consent-sync process"):
            await place.service.start(LISTEN="127.0.0.1:0")
        place.service.process = first

        assert (await place.get("/readyz")).status == 200


async def test_wrong_settings_end_with_a_sentence(tmp_path: Path) -> None:
    """Settings that cannot be used are named, all of them, and nothing is started."""
    async with town(tmp_path, started=False) as place:
        with pytest.raises(AssertionError) as caught:
            await place.service.start(ACTITO_API_URL="not an address", RETRY_GIVE_UP_HOURS="soon")

        assert "it ended with 78" in str(caught.value)
        assert "ACTITO_API_URL" in str(caught.value)
        assert "RETRY_GIVE_UP_HOURS" in str(caught.value)
        assert "Traceback" not in str(caught.value)


# --- secrets ---


async def test_secrets_are_rotated_without_a_gap(tmp_path: Path) -> None:
    """Old and new secret are both taken while both are set; then the old one is refused."""
    new = "didomi-hook-secret-of-forty-characters-02"
    statuses = []
    async with town(tmp_path, started=False) as place:
        for number, setting in enumerate((DIDOMI_SECRET, f"{DIDOMI_SECRET},{new}", new)):
            await place.service.start(DIDOMI_WEBHOOK_SECRETS=setting)
            for secret in (DIDOMI_SECRET, new):
                said = didomi_event("x@example.com", f"{number}-{secret[-2:]}", moment())
                headers = {**AT_DIDOMI, "X-Webhook-Secret": secret}
                statuses.append((await place.didomi_says(said, headers)).status)
            await place.service.stop()

        assert statuses == [200, 401, 200, 200, 401, 200]
        assert place.leaks(place.service.output(), [new]) == []


async def test_side_without_a_secret_refuses_everything_and_says_why(tmp_path: Path) -> None:
    """Nobody could tell who sends, so nothing is taken, the log says why, the other side works."""
    async with town(tmp_path, variables={"DIDOMI_WEBHOOK_SECRETS": ""}) as place:
        reply = await place.didomi_says(didomi_event("x@example.com", "x-1", moment()))
        other = await place.actito_says({"data": {"profileId": "1"}})

        assert (reply.status, reply.body["code"]) == (503, "side-not-configured")
        assert other.status == 200
        assert [one["side"] for one in place.service.events("webhook_refuses_everything")] == [
            "didomi"
        ]


@pytest.mark.parametrize("client_auth", ["form", "basic"])
@pytest.mark.parametrize("token", ["cached", "per_call"])
async def test_didomi_webhook_with_oauth(tmp_path: Path, client_auth: str, token: str) -> None:
    """Didomi fetches a token with its client credentials, either way, and delivers with it."""
    credentials = {
        "DIDOMI_WEBHOOK_SECRETS": "",
        "DIDOMI_WEBHOOK_CLIENT_ID": CLIENT_ID,
        "DIDOMI_WEBHOOK_CLIENT_SECRET": CLIENT_SECRET,
    }
    async with town(tmp_path, started=False, variables=credentials) as place:
        await place.service.start()
        place.connect(oauth=True)
        place.didomi.turn(oauth_client_auth=client_auth, oauth_token=token)
        cleo = place.person("cleo", Newsletter=True)

        place.didomi.click(cleo.ouid, NO)
        await place.agree(cleo, "Newsletter", False)
        forged = {**JSON, "Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."}
        reply = await place.didomi_says(didomi_event(cleo.ouid, "f", moment()), forged)

        assert reply.status == 401
        token_now = next(iter(place.didomi.sender.connections.values())).token
        assert place.leaks(place.service.output(), [str(token_now)]) == []


# --- mapping files ---


async def test_mapping_file_edited_while_running(tmp_path: Path) -> None:
    """A good edit counts without a restart; a bad one is told and changes nothing."""
    async with town(tmp_path) as place:
        file = place.service.mappings / "brand-a.yaml"
        dora = place.person("dora", Newsletter=True, DailyDeals=True)

        file.write_text(MAPPING.replace("{purpose: marketing}\n", "{purpose: marketing\n", 1))
        await noticed(file, lambda: bool(place.service.events("mapping_problem")))
        place.didomi.click(dora.ouid, {**NO, "purposes": {"marketing": False}})
        await place.agree(dora, "Newsletter", False)
        await place.agree(dora, "DailyDeals", False)

        assert place.service.events("mapping_kept")
        assert (await place.get("/readyz")).status == 200

        lines = MAPPING.index("  - id: DailyDeals"), MAPPING.index("  - id: SportNews")
        file.write_text(MAPPING[: lines[0]] + MAPPING[lines[1] :])
        await noticed(file, lambda: len(place.service.events("mapping_changed")) == 2)
        place.didomi.click(dora.ouid, {**YES, "purposes": {"marketing": True}})
        await place.agree(dora, "Newsletter", True)

        assert place.in_actito(dora, "DailyDeals") is False


async def test_mapping_that_goes_and_comes_back_loses_nothing(tmp_path: Path) -> None:
    """While a mapping is away its webhook answers 404, which Actito tries again."""
    async with town(tmp_path) as place:
        file = place.service.mappings / "brand-a.yaml"
        eva = place.person("eva", Newsletter=True)
        other = place.service.mappings / "brand-b.yaml"
        other.write_text("name: brand-b\n")
        await noticed(other, lambda: bool(place.service.events("mapping_problem")))
        file.unlink()
        await until("it is gone", lambda: not_ready(place))
        place.actito.people.unsubscribe(eva.profile, "Newsletter")
        await until("it was refused", lambda: place.actito.sender.tally.attempts > 2)

        file.write_text(MAPPING)

        await place.agree(eva, "Newsletter", False)


async def test_what_came_before_any_mapping_is_applied_by_itself(tmp_path: Path) -> None:
    """Started with a file that is still wrong: the choices wait, also for the next start."""
    async with town(tmp_path, mappings={"brand-a": "name: brand-a\n"}) as place:
        gus = place.person("gus", Newsletter=True)
        reply = await place.didomi_says(didomi_event(gus.ouid, "gus-1", moment(), Newsletter=False))
        await place.service.stop()
        await place.service.start()
        file = place.service.mappings / "brand-a.yaml"
        file.write_text(MAPPING)
        await until("it is in force", lambda: ready(place))

        await place.agree_in_actito(gus, "Newsletter", False)

    assert reply.status == 200


async def noticed(file: Path, told: Callable[[], bool]) -> None:
    """Wait until a change is noticed; a watch that was just beginning may have missed the first."""
    for _ in range(100):
        os.utime(file)
        with suppress(AssertionError):
            await until("it is noticed", told, 0.5)
            return
    raise AssertionError(f"{file.name} was never noticed")


async def not_ready(place: Town) -> bool:
    return (await place.get("/readyz")).status == 503


async def ready(place: Town) -> bool:
    return not await not_ready(place)


# --- what it leaves behind ---


async def test_files_belong_to_their_owner_alone(tmp_path: Path) -> None:
    """Whatever the process writes nobody else on the machine may read, while it runs and after."""
    async with town(tmp_path) as place:
        finn = place.person("finn", Newsletter=True)
        place.didomi.click(finn.ouid, NO)
        await place.agree(finn, "Newsletter", False)
        folder = place.service.database.parent
        during = {one.name: stat.S_IMODE(one.stat().st_mode) for one in folder.iterdir()}
        await place.service.stop()
        after = {one.name: stat.S_IMODE(one.stat().st_mode) for one in folder.iterdir()}

        assert set(during.values()) | set(after.values()) == {0o600}
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert len(during) >= 4


async def test_nobody_is_named_in_logs_and_metrics(tmp_path: Path) -> None:
    """People, keys and tokens stand neither in the log, at its most talkative, nor in metrics."""
    async with town(tmp_path, variables={"LOG_LEVEL": "debug"}) as place:
        gerda = place.person("gerda.secretive@example.com", Newsletter=True)
        hugo = place.person("CRM-0047110815", Newsletter=True)
        for person in (gerda, hugo):
            place.actito.revoke_tokens()
            place.didomi.click(person.ouid, NO, user_metadata={"city": "Hidden-On-Sea"})
            await place.agree(person, "Newsletter", False)
        await place.didomi_says(b'{"type": "event.created", "who": "gerda.secretive@example.com"')
        await place.didomi_says(
            {"type": "x", "parameters": []}, {**AT_DIDOMI, "X-Webhook-Secret": "gerdas-own-secret"}
        )
        await place.get(f"/api/v1/persons/{gerda.ouid}")
        metrics = (await place.get("/metrics")).text.encode()
        health = (await place.get("/readyz")).text.encode()
        await place.service.stop()
        tokens = [call.path for call in place.actito.calls.select("token")]

        written = place.service.output()
        more = ["Hidden-On-Sea", "gerdas-own-secret", hugo.ouid, "CRM-00471"]

        assert tokens
        assert place.leaks(written, more) == []
        assert place.leaks(metrics + health, more) == []
        assert b"turn_settled" in written


async def test_nobody_is_named_when_everything_fails(tmp_path: Path) -> None:
    """Errors quote nothing of what platforms and people said."""
    async with town(tmp_path, variables={"LOG_LEVEL": "debug"}) as place:
        ina = place.person("ina.secretive@example.com", Newsletter=True)
        place.actito.switches.change({"error_body": "json", "rights": {"profiles": "none"}})
        place.didomi.click(ina.ouid, NO)
        await until("it fails", lambda: bool(place.service.events("turn_trouble")))
        await place.didomi.stop()
        place.actito.people.unsubscribe(ina.profile, "Newsletter")
        await place.service.kill()

        assert place.leaks(place.service.output(), [ACTITO_SECRET]) == []


# --- a table that hides ---


async def test_rights_lost_before_a_restart_make_nobody_missing(tmp_path: Path) -> None:
    """A key that may not see profiles is answered 404 for all; nobody's refusal is given up."""
    async with town(tmp_path) as place:
        jan, other = place.person("jan", Newsletter=True), place.person("other")
        for person in (jan, other):
            place.didomi.click(person.ouid, {"purposes": {"partners": True}})
            await place.agree(person, "PartnerMail", True)
        await place.service.stop()
        place.actito.switches.change({"rights": {"profiles": "none"}, "hide_403_as_404": True})
        await place.service.start()

        said = didomi_event(jan.ouid, "hidden-1", moment(), Newsletter=False)
        assert (await place.didomi_says(said)).status == 200
        await until("it was tried", lambda: place.actito.calls.counters["profiles.get"] > 0)
        await until("it waits", lambda: waiting(place, 1))
        place.actito.switches.change({"rights": {}})

        await place.agree_in_actito(jan, "Newsletter", False)
