"""The tokens for Didomi's webhook: asked for in both ways, used, expired, forged."""

from base64 import b64encode
from urllib.parse import quote_plus

import jwt
import orjson
import pytest
from aiohttp import encode_basic_auth

from consent_sync.domain.moments import SECOND
from consent_sync.web.oauth import LIFETIME_SECONDS, Tokens
from tests.services.people import StandingClock, didomi_event
from tests.web.conftest import Client, Visit
from tests.web.parts import CLIENT, JSON, House, body

GRANT = {"grant_type": "client_credentials"}
FORM = {**GRANT, "client_id": CLIENT[0], "client_secret": CLIENT[1]}


async def deliver(client: Client, token: str, route: str = "/webhooks/didomi") -> int:
    headers = {**JSON, "Authorization": f"Bearer {token}"}
    answer = await client.post(route, data=body(didomi_event()), headers=headers)
    return answer.status


async def test_credentials_in_the_form(client: Client) -> None:
    """Credentials in the form body bring a bearer token that the Didomi webhook accepts."""
    answer = await client.post("/oauth/token", data=FORM)
    document = await answer.json()

    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert document["token_type"] == "Bearer"
    assert document["expires_in"] == LIFETIME_SECONDS
    assert await deliver(client, document["access_token"]) == 200


@pytest.mark.parametrize("pair", [CLIENT, tuple(quote_plus(part) for part in CLIENT)])
async def test_credentials_as_basic(client: Client, pair: tuple[str, str]) -> None:
    """Basic is understood as it stands and form-encoded, as the RFC wants it."""
    headers = {"Authorization": encode_basic_auth(*pair)}
    answer = await client.post("/oauth/token", data=GRANT, headers=headers)

    assert await deliver(client, (await answer.json())["access_token"]) == 200


@pytest.mark.parametrize(
    "form",
    [
        {**FORM, "client_secret": "wrong"},
        {**FORM, "client_id": "wrong"},
        {**FORM, "client_secret": ""},
        GRANT,
    ],
)
async def test_wrong_credentials(client: Client, form: dict[str, str]) -> None:
    """Wrong or missing credentials are answered 401 with the RFC's word."""
    answer = await client.post("/oauth/token", data=form)
    document = orjson.loads(await answer.read())

    assert answer.status == 401
    assert document["error"] == "invalid_client"
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


@pytest.mark.parametrize(
    "basic", ["!!!", b64encode(b"\xff:\xff").decode(), b64encode(b"x").decode()]
)
async def test_unreadable_basic(client: Client, basic: str) -> None:
    """Basic that cannot be read is a wrong credential and not an error."""
    headers = {"Authorization": f"Basic {basic}"}
    answer = await client.post("/oauth/token", data=FORM, headers=headers)

    assert answer.status == 401


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({**FORM, "grant_type": "password"}, "unsupported_grant_type"),
        ({"client_id": CLIENT[0], "client_secret": CLIENT[1]}, "invalid_request"),
    ],
)
async def test_wrong_grant_type(client: Client, form: dict[str, str], error: str) -> None:
    """Anything but client credentials is answered 400 with the RFC's word."""
    answer = await client.post("/oauth/token", data=form)

    assert answer.status == 400
    assert orjson.loads(await answer.read())["error"] == error


@pytest.mark.parametrize("garbage", [b"\xff\xfe", b"&".join([b"a=b"] * 30), b"a=b&a=c"])
async def test_unreadable_form(client: Client, garbage: bytes) -> None:
    """A body that is no form is answered 400."""
    answer = await client.post("/oauth/token", data=garbage)

    assert answer.status == 400


async def test_large_form(client: Client) -> None:
    """A token request is small, and a large one is not read."""
    answer = await client.post("/oauth/token", data=b"a" * 20_000)

    assert answer.status == 413


async def test_without_client_credentials(visit: Visit) -> None:
    """Where no client is set, no token is issued."""
    client = await visit(House(oauth=False))
    answer = await client.post("/oauth/token", data=FORM)

    assert answer.status == 404


async def test_token_is_not_for_actito(client: Client, house: House) -> None:
    """A token opens the Didomi webhook only."""
    token = Tokens(*CLIENT, house.clock).issue()

    assert await deliver(client, token, "/webhooks/actito/brand-a") == 401


async def test_token_expires(client: Client, house: House) -> None:
    """A token is accepted until its last second and never after, seen before or not."""
    tokens = Tokens(*CLIENT, house.clock)
    seen, unseen = tokens.issue(), tokens.issue()
    house.clock.moment += (LIFETIME_SECONDS - 1) * SECOND

    assert await deliver(client, seen) == 200
    house.clock.moment += SECOND
    assert await deliver(client, seen) == 401
    assert await deliver(client, unseen) == 401


async def test_restart_keeps_tokens_valid(client: Client, house: House) -> None:
    """Another process with the same settings accepts the same token."""
    assert await deliver(client, Tokens(*CLIENT, house.clock).issue()) == 200


def forged(clock: StandingClock, **changes: object) -> str:
    now = clock.moment // SECOND
    claims: dict[str, object] = {
        "iss": "consent-sync",
        "aud": "didomi-webhook",
        "sub": CLIENT[0],
        "iat": now,
        "exp": now + 60,
    }
    claims.update(changes)
    return jwt.encode({k: v for k, v in claims.items() if v is not None}, b"k" * 32)


async def test_changed_secret_withdraws_tokens(client: Client, house: House) -> None:
    """A token issued under another client secret is worth nothing."""
    assert await deliver(client, Tokens(CLIENT[0], "another", house.clock).issue()) == 401


async def test_forged_tokens(client: Client, house: House) -> None:
    """Tokens of another key, without a signature, or no tokens at all are refused."""
    unsigned = jwt.encode({"sub": CLIENT[0], "exp": 9_999_999_999}, None, algorithm="none")

    for token in (forged(house.clock), unsigned, "a.b.c", "", "é", "x" * 5_000):
        assert await deliver(client, token) == 401


@pytest.mark.parametrize(
    "changes",
    [{"exp": None}, {"aud": "other"}, {"iss": "other"}, {"sub": "other"}, {"exp": "soon"}],
)
def test_claims_are_all_required(changes: dict[str, object]) -> None:
    """A token with the right key but wrong or missing claims is refused."""
    clock = StandingClock()
    tokens = Tokens(*CLIENT, clock)
    token = forged(clock, **changes)
    claims = jwt.decode(token, options={"verify_signature": False})
    resigned = jwt.encode(claims, tokens.key, algorithm="HS256")

    assert not tokens.valid(resigned)


def test_memory_of_tokens_is_bounded() -> None:
    """However many tokens are used, only a few are remembered, and all stay valid."""
    clock = StandingClock()
    tokens = Tokens(*CLIENT, clock)
    issued = []
    for _ in range(200):
        clock.moment += SECOND
        issued.append(tokens.issue())

    assert all(tokens.valid(token) for token in issued)
    assert tokens.remembered < 100
