"""The pages about HTTP forget no route, no code and no metric."""

import re
from pathlib import Path

import pytest

from consent_sync.adapters.metrics import Metrics
from consent_sync.domain.errors import RefusedError
from consent_sync.web.problems import CODES, Problem
from consent_sync.web.routes import http_application
from tests.web.parts import House

ROOT = Path(__file__).resolve().parents[2]
HTTP = (ROOT / "docs/reference/http.md").read_text(encoding="utf-8")
METRICS = (ROOT / "docs/reference/metrics.md").read_text(encoding="utf-8")
ERRORS = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
SOURCES = "".join(
    path.read_text(encoding="utf-8") for path in (ROOT / "consent_sync/adapters").rglob("*.py")
)

METRIC_NAMES = sorted(
    {
        metric.name + ("_total" if metric.type == "counter" else "")
        for metric in Metrics("0").registry.collect()
    }
)


async def test_every_route_is_described() -> None:
    """Each method and address stands in the reference."""
    routes = {
        f"{route.method} {route.resource.canonical}"
        for route in http_application(House().parts()).router.routes()
        if route.resource is not None and route.method not in {"HEAD", "*"}
    }

    assert {route for route in routes if f"`{route}`" not in HTTP} == set()


@pytest.mark.parametrize(("code", "status"), [(code, CODES[code][0]) for code in CODES])
def test_every_code_is_listed_with_its_status(code: str, status: int) -> None:
    """Each code of an answer stands in the list of errors, with the status it comes with."""
    assert f"| `{code}` | {status} |" in ERRORS


def test_no_code_is_listed_that_does_not_exist() -> None:
    """The HTTP part of the list names no code that the program does not have."""
    part = ERRORS.split("## HTTP\n", 1)[1].split("\n## ", 1)[0]

    assert set(re.findall(r"(?m)^\| `([a-z-]+)` \|", part)) == set(CODES)


@pytest.mark.parametrize(
    "code", sorted(set(re.findall(r'code="([a-z-]+)"', SOURCES)) - {"settings-refused"})
)
def test_every_refusal_of_a_body_is_listed(code: str) -> None:
    """What a receiver refuses a body for can be looked up, too."""
    assert f"`{code}`" in ERRORS


@pytest.mark.parametrize("name", METRIC_NAMES)
def test_every_metric_is_explained(name: str) -> None:
    """Each metric has a row of its own."""
    assert re.search(rf"(?m)^\| `{name}` \| (counter|gauge|histogram) \|.* \| .+ \|$", METRICS)


def test_no_metric_is_explained_that_does_not_exist() -> None:
    """The page names no metric that the program does not have."""
    assert set(re.findall(r"(?m)^\| `(consent_sync_\w+)` \| ", METRICS)) == set(METRIC_NAMES)


def test_refusals_are_answered_400() -> None:
    """A refused body is answered 400 with the code of its refusal."""
    problem = Problem.of(RefusedError("Not JSON.", code="not-json", where="line 1"))

    assert (problem.status, problem.code, problem.extra) == (400, "not-json", {"where": "line 1"})
