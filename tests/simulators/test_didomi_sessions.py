"""Sessions, organisations, limits and errors of the simulated Didomi API."""

import pytest

from tests.simulators.didomi_kit import ANA, running


async def test_a_session_opens_with_the_api_key() -> None:
    """The answer repeats the key and holds a token that looks like a JWT."""
    async with running() as bench:
        answer = await bench.api.login()

        assert answer.status == 200
        assert answer.body["type"] == "api-key"
        assert answer.body["key"] == "fake-key-id"
        assert len(answer.body["access_token"].split(".")) == 3


async def test_both_path_styles_are_served() -> None:
    """Calls work with and without the version prefix."""
    async with running() as bench:
        bare = bench.sim.url.removesuffix("/v1")
        answer = await bench.api.call("GET", f"{bare}/consents/users?organization_id=acme")

        assert answer.status == 200
        assert bench.sim.calls.counts["consents.users.query"] == 1


@pytest.mark.parametrize("status", [400, 401])
async def test_wrong_credentials_are_refused(status: int) -> None:
    """A wrong secret is answered with the set status and the platform's error object."""
    async with running(wrong_credentials_status=status) as bench:
        answer = await bench.api.login("wrong")

        assert answer.status == status
        assert answer.body["message"] == "Invalid authentication information"
        assert answer.body["code"] == status
        assert answer.body["errors"] == {}


@pytest.mark.parametrize("body", [{"type": "email", "key": "a", "secret": "b"}, ["x"]])
async def test_a_session_request_of_another_kind_is_refused(body: object) -> None:
    """Only API keys open sessions here."""
    async with running() as bench:
        answer = await bench.api.call("POST", "/sessions", body)

        assert answer.status == 400


async def test_a_missing_or_unknown_token_is_401() -> None:
    """Without a good token nothing is answered."""
    async with running() as bench:
        bench.api.token = ""
        missing = await bench.api.get("/consents/users")
        bench.api.token = "fake.jwt.token"
        unknown = await bench.api.get("/consents/users")

        assert (missing.status, unknown.status) == (401, 401)
        assert missing.body["name"] == "NotAuthenticated"


async def test_a_session_ends_after_its_life() -> None:
    """After `session_life_seconds` calls get 401 until a new session is opened."""
    async with running(session_life_seconds=60) as bench:
        bench.clock.advance(59)
        before = await bench.api.get("/consents/users")
        bench.clock.advance(1)
        after = await bench.api.get("/consents/users")
        await bench.api.login()
        renewed = await bench.api.get("/consents/users")

        assert [before.status, after.status, renewed.status] == [200, 401, 200]


async def test_sessions_can_be_ended_at_once() -> None:
    """Ending all sessions makes the next call a 401."""
    async with running() as bench:
        ended = bench.sim.expire_sessions()

        assert ended == 1
        assert (await bench.api.get("/consents/users")).status == 401


async def test_the_organisation_is_required_and_checked() -> None:
    """A missing organisation is 400, a foreign one 403, a differing one in the body 400."""
    async with running() as bench:
        missing = await bench.api.call("GET", "/consents/users")
        foreign = await bench.api.get("/consents/users", organization_id="other")
        body = {"organization_id": "other", "user": {"organization_user_id": ANA}}
        differing = await bench.api.post("/consents/events", body)

        assert [missing.status, foreign.status, differing.status] == [400, 403, 400]


async def test_routes_outside_consents_are_limited() -> None:
    """The 101st call in 15 seconds is a 429 that says when to come back; `/consents/*` stays free."""
    async with running(rate_limit_calls=3) as bench:
        answers = [await bench.api.get("/preferences") for _ in range(3)]
        free = await bench.api.get("/consents/users")
        bench.clock.advance(15)
        later = await bench.api.get("/preferences")

        # One call of the window went to the session.
        assert [answer.status for answer in answers] == [200, 200, 429]
        assert answers[0].headers["RateLimit"] == "limit=3, remaining=1, reset=15"
        assert answers[0].headers["RateLimit-Policy"] == "3;w=15"
        assert answers[2].headers["Retry-After"] == "15"
        assert answers[2].body["code"] == 429
        assert free.status == 200
        assert "RateLimit" not in free.headers
        assert later.status == 200


async def test_the_full_tree_of_users_is_limited() -> None:
    """Reading users with the whole tree counts against the general limit."""
    async with running(rate_limit_calls=2) as bench:
        path = "/consents/users"
        answers = [await bench.api.get(path, __include_full_tree="true") for _ in range(2)]

        assert [answer.status for answer in answers] == [200, 429]


async def test_limits_can_be_off() -> None:
    """Without limits there are no headers either."""
    async with running(rate_limits=False, rate_limit_calls=1) as bench:
        answers = [await bench.api.get("/preferences") for _ in range(3)]

        assert {answer.status for answer in answers} == {200}
        assert "RateLimit" not in answers[0].headers


async def test_plain_http_may_be_sent_away() -> None:
    """With the switch on every call is answered with 301 to HTTPS."""
    async with running() as bench:
        bench.sim.turn(redirect_to_https=True)
        answer = await bench.api.get("/consents/users")

        assert answer.status == 301
        assert answer.headers["Location"].startswith("https://127.0.0.1")


async def test_unknown_paths_and_bad_json_have_the_error_shape() -> None:
    """Errors are objects with code, name, message and errors."""
    async with running() as bench:
        nowhere = await bench.api.get("/nowhere")
        method = await bench.api.call("PUT", "/consents/events?organization_id=acme")
        garbage = await bench.api.call(
            "POST", "/consents/events?organization_id=acme", raw=b"{not json"
        )

        assert [nowhere.status, method.status, garbage.status] == [404, 405, 400]
        for answer in (nowhere, method, garbage):
            assert set(answer.body) == {"code", "name", "message", "errors"}
        assert [call.body for call in bench.sim.calls][-1] == "not JSON"


async def test_the_catalogue_names_what_the_organisation_has() -> None:
    """Purposes, preferences with their values, and regulations are listed in envelopes."""
    async with running() as bench:
        purposes = (await bench.api.get("/metadata/purposes")).body
        preferences = (await bench.api.get("/preferences")).body
        regulations = (await bench.api.get("/compliance/v1/regulations")).body

        assert purposes["total"] == 4
        assert [item["id"] for item in purposes["data"]] == [
            "marketing",
            "newsletter",
            "partners",
            "analytics",
        ]
        topics = preferences["data"][0]
        assert (topics["id"], topics["type"]) == ("topics", "multi")
        assert [value["id"] for value in topics["values"]] == ["sport", "news", "culture"]
        assert [item["id"] for item in regulations["data"]] == ["gdpr", "cpra"]


async def test_generic_lists_are_paged() -> None:
    """`$limit` and `$skip` choose a part; anything but numbers is refused."""
    async with running() as bench:
        part = await bench.api.get("/metadata/purposes", __limit="1", __skip="2")
        wrong = await bench.api.get("/metadata/purposes", __limit="many")

        assert [item["id"] for item in part.body["data"]] == ["partners"]
        assert wrong.status == 400


async def test_webhooks_are_registered_through_the_marketplace() -> None:
    """An integration is created, listed without secrets, used, and removed."""
    async with running() as bench:
        created = await bench.api.post(
            "/marketplace/integrations",
            {
                "type_id": "webhook-http",
                "authentication": {
                    "token_url": bench.receiver.token_url,
                    "client_id": "fake-client",
                    "client_secret": "fake-client-secret",
                },
                "properties": {
                    "url": f"{bench.receiver.url}/hook",
                    "headers": {"X-Webhook-Secret": "fake-secret"},
                    "event_types": ["event.created"],
                },
            },
        )
        listed = await bench.api.get("/marketplace/integrations")
        bench.sim.click(ANA, {"channels": {"email": True}})
        heard = await bench.heard()
        removed = await bench.api.delete(f"/marketplace/integrations/{created.body['id']}")
        again = await bench.api.delete(f"/marketplace/integrations/{created.body['id']}")

        assert listed.body["data"] == [created.body]
        assert "fake-client-secret" not in str(created.body)
        assert "fake-secret" not in str(created.body)
        assert [item.type for item in heard] == ["event.created"]
        assert heard[0].headers["Authorization"] == "Bearer receiver-token-1"
        assert heard[0].headers["X-Webhook-Secret"] == "fake-secret"
        assert [removed.status, again.status] == [200, 404]


@pytest.mark.parametrize(
    "body",
    [
        {"type_id": "actito", "properties": {"url": "http://hooks.example.com"}},
        {"type_id": "webhook-http", "properties": {}},
        {
            "type_id": "webhook-http",
            "properties": {"url": "http://hooks.example.com", "event_types": ["event.moved"]},
        },
        {
            "type_id": "webhook-http",
            "properties": {"url": "http://hooks.example.com"},
            "authentication": {"client_id": "only"},
        },
    ],
)
async def test_an_unfit_integration_is_refused(body: object) -> None:
    """Unknown types, missing addresses and half credentials are 400."""
    async with running() as bench:
        answer = await bench.api.post("/marketplace/integrations", body)

        assert answer.status == 400
        assert answer.body["errors"]
