"""The dashboard and the rules: every question can be asked, of metrics that exist."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest

from consent_sync.adapters.metrics import Metrics
from tests.deploy.judges import DEPLOY, documents, judged_by

RULES = DEPLOY / "prometheus/consent-sync.rules.yaml"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana/consent-sync.json").read_text("utf-8"))
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]


def series() -> set[str]:
    """Return the names of all series that the program has."""
    found = set()
    for metric in Metrics("0").registry.collect():
        endings = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
        found |= {metric.name + ending for ending in endings.get(metric.type, [""])}
    return found


def labels_of(name: str) -> set[str]:
    """Return the labels that series of a metric have, beside those that Prometheus adds."""
    page = (DEPLOY.parent / "docs/reference/metrics.md").read_text("utf-8")
    row = re.search(rf"(?m)^\| `{name}` \| \w+ \| ([^|]*) \|", page)
    return set(re.findall(r"`(\w+)`", row[1])) if row else set()


def questions() -> Iterator[tuple[str, str]]:
    for panel in PANELS:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for rule in documents(RULES)[0]["groups"][0]["rules"]:
        yield rule["alert"], rule["expr"]


QUESTIONS = list(questions())


@pytest.mark.parametrize(("title", "question"), QUESTIONS, ids=[title for title, _ in QUESTIONS])
def test_a_question_can_be_asked(title: str, question: str) -> None:
    """It is PromQL, about series of the program and labels they have."""
    plain = question.replace("$__rate_interval", "5m").replace("$job", ".*")
    names = set(re.findall(r"consent_sync_\w+", plain))
    bare = {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}
    known = {"job", "instance", "pod", "le"}.union(*(labels_of(name) for name in bare))
    inner = re.findall(r"(?:by|on|without) \(([^)]*)\)|\{([^}]*)\}", plain)
    used = {
        word
        for by, braces in inner
        for word in [*re.findall(r"\w+", by), *re.findall(r"(\w+)(?:=~|!~|=|!=)", braces)]
    }
    promql_parser.parse(plain)

    assert names - series() == set()
    assert used - known == set()


def test_every_rule_tells_what_to_do() -> None:
    """Each has a weight, a sentence, and a hint."""
    rules = documents(RULES)[0]["groups"][0]["rules"]

    assert len({rule["alert"] for rule in rules}) == len(rules)
    assert {rule["labels"]["severity"] for rule in rules} == {"critical", "warning"}
    assert all(set(rule["annotations"]) == {"summary", "description"} for rule in rules)


def test_the_page_about_alerts_knows_every_rule() -> None:
    """Whoever is woken by one finds a row that says what to do, and no row is about none."""
    page = (DEPLOY.parent / "docs/how-to/be-alerted.md").read_text("utf-8")
    rules = [rule["alert"] for rule in documents(RULES)[0]["groups"][0]["rules"]]

    assert re.findall(r"(?m)^\| `(ConsentSync\w+)` \|", page) == rules


def test_prometheus_takes_the_rules() -> None:
    """Its own tool finds nothing wrong."""
    assert "SUCCESS" in judged_by("promtool", "check", "rules", RULES)


def test_the_rules_tell_what_they_are_meant_to() -> None:
    """Invented series raise the alerts they ought to, and no others."""
    tests = Path("prometheus/consent-sync.tests.yaml")

    assert "SUCCESS" in judged_by("promtool", "test", "rules", tests)


def test_the_dashboard_hangs_together() -> None:
    """Numbers are unique, every picture asks the chosen source, and none lies over another."""
    numbers = [panel["id"] for panel in PANELS]
    places = [
        {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        for at in (panel["gridPos"] for panel in PANELS)
    ]
    pictures = [panel for panel in PANELS if panel["type"] != "row"]

    assert len(set(numbers)) == len(numbers)
    assert sum(map(len, places)) == len(set().union(*places))
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in PANELS)
    assert all(panel["datasource"]["uid"] == "${datasource}" for panel in pictures)
    assert all(panel["description"] for panel in pictures)
