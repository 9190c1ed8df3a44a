"""The image, the compose file and the manifests: sound for their own tools, and true to the program."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from consent_sync.app.settings import Settings, specs
from consent_sync.cli.main import app
from consent_sync.web.routes import http_application
from tests.deploy.judges import DEPLOY, ROOT, documents, judged
from tests.web.parts import House

DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8")
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
CLUSTER = [one for one in MANIFESTS if one.name != "kustomization.yaml"]
COMMANDS: dict[str, Any] = vars(typer.main.get_command(app))["commands"]
KNOWN = {spec.variable for spec in specs()}


def named_settings(file: Path) -> set[str]:
    return set(re.findall(r"CONSENT_SYNC_[A-Z_]+", file.read_text("utf-8")))


def containers() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield every pod of the manifests with each of its containers."""
    for file in CLUSTER:
        for one in documents(file):
            if "template" in one.get("spec", {}):
                pod = one["spec"]["template"]["spec"]
                yield from ((pod, container) for container in pod["containers"])


def known_command(words: list[str]) -> bool:
    """Say whether the program has this command with these options."""
    command = COMMANDS[words[0]]
    options = {option for parameter in command.params for option in parameter.opts}
    return set(words[1:]) <= options


def test_the_image_is_built_as_its_judge_likes() -> None:
    """Every rule of the linter holds."""
    assert judged("hadolint", "--strict-labels", "Dockerfile") == ""


def test_the_image_is_pinned_and_runs_as_nobody() -> None:
    """A release of Python by name, a user by number, and a look at its health."""
    assert re.search(r"(?m)^ARG PYTHON=\d+\.\d+\.\d+-slim-\w+$", DOCKERFILE)
    assert re.search(r"(?m)^USER (?!0)\d+:(?!0)\d+$", DOCKERFILE)
    assert "/healthz" in DOCKERFILE.partition("HEALTHCHECK")[2]


def test_what_the_image_needs_reaches_its_build() -> None:
    """Whatever is copied exists, and the ignore file lets it through."""
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    copied = [
        source
        for line in re.findall(r"(?m)^COPY (?!--from)(.+)$", DOCKERFILE)
        for source in shlex.split(line)[:-1]
    ]

    assert copied
    assert [one for one in copied if not (ROOT / one).exists()] == []
    assert [one for one in copied if f"!{one}" not in ignored] == []


def test_the_settings_of_the_image_are_good() -> None:
    """They are read as the program reads them, and leave nothing odd."""
    given = dict(re.findall(r"(CONSENT_SYNC_[A-Z_]+)=(\S+)", DOCKERFILE))
    settings = Settings.from_variables(
        {**given, "CONSENT_SYNC_ACTITO_API_URL": "https://actito.example.com"}
    )

    assert settings.warnings == ()
    assert str(settings.listen) == "0.0.0.0:8080"


def test_the_compose_file_is_one() -> None:
    """It is what its specification asks for."""
    judged("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml")


@pytest.mark.parametrize("version", ["1.29", "1.37"])
def test_a_cluster_takes_the_manifests(version: str) -> None:
    """Checked strictly against the published schemas of the oldest and the newest version we name."""
    judged("kubernetes-validate", "--strict", "--no-warn", "-k", version, *CLUSTER)


def test_every_manifest_is_applied() -> None:
    """The list of the whole names each file, and no other."""
    [whole] = documents(DEPLOY / "kubernetes/kustomization.yaml")

    assert sorted(whole["resources"]) == [one.name for one in CLUSTER]


@pytest.mark.parametrize(
    "file",
    [*MANIFESTS, DEPLOY / "compose.yaml", DEPLOY / "settings.env.example", DEPLOY / "Dockerfile"],
    ids=lambda file: file.name,
)
def test_every_setting_exists(file: Path) -> None:
    """No file names a variable that the program does not read."""
    assert named_settings(file) - KNOWN == set()


def test_every_command_exists() -> None:
    """Whatever is started is a command of the program with its options."""
    [compose] = documents(DEPLOY / "compose.yaml")
    started = [one["command"] for one in compose["services"].values() if "command" in one]
    started += [container["args"] for _, container in containers()]

    assert len(started) == 5
    assert [words for words in started if not known_command(words)] == []


def test_probes_ask_what_the_program_answers() -> None:
    """A restart follows the life of the process, traffic follows its parts."""
    routes = {
        route.resource.canonical
        for route in http_application(House().parts()).router.routes()
        if route.resource is not None
    }
    asked = {
        name: container[name]["httpGet"]["path"]
        for _, container in containers()
        for name in ("startupProbe", "livenessProbe", "readinessProbe")
        if name in container
    }

    assert asked == {
        "startupProbe": "/healthz",
        "livenessProbe": "/healthz",
        "readinessProbe": "/readyz",
    }
    assert set(asked.values()) <= routes


def test_no_pod_can_do_more_than_it_must() -> None:
    """Not root, nothing to write but its volumes, no token of the cluster, a bound on its memory."""
    loose = [
        container["name"]
        for pod, container in containers()
        if not pod["securityContext"]["runAsNonRoot"]
        or pod["automountServiceAccountToken"]
        or not container["securityContext"]["readOnlyRootFilesystem"]
        or container["securityContext"]["allowPrivilegeEscalation"]
        or container["securityContext"]["capabilities"]["drop"] != ["ALL"]
        or "memory" not in container["resources"]["limits"]
    ]

    assert loose == []


def test_selectors_find_their_pods() -> None:
    """Each deployment, budget and service speaks of pods that exist."""
    every = [one for file in CLUSTER for one in documents(file)]
    pods = [
        one["spec"]["template"]["metadata"]["labels"]
        for one in every
        if one["kind"] == "Deployment"
    ]
    selectors = [
        one["spec"]["selector"].get("matchLabels", one["spec"]["selector"])
        for one in every
        if "selector" in one.get("spec", {})
    ]

    assert len(selectors) == 5
    assert [s for s in selectors if not any(s.items() <= labels.items() for labels in pods)] == []


def test_webhooks_are_taken_until_nobody_leads_them_here() -> None:
    """A pod that goes answers some seconds more, and has time for that and for its end."""
    [[pod, container]] = [
        (pod, container) for pod, container in containers() if "--intake-only" in container["args"]
    ]
    [word, seconds] = container["lifecycle"]["preStop"]["exec"]["command"]

    assert word == "sleep"
    assert 5 <= int(seconds) <= pod["terminationGracePeriodSeconds"] - 45


def test_logs_of_containers_have_a_bound() -> None:
    """Nobody is woken by a disk that logs have filled."""
    [compose] = documents(DEPLOY / "compose.yaml")

    assert {one["logging"]["options"]["max-size"] for one in compose["services"].values()}


def test_turns_have_time_to_end() -> None:
    """Whoever stops the process waits longer than the process does."""
    [compose] = documents(DEPLOY / "compose.yaml")
    graces = [
        pod["terminationGracePeriodSeconds"]
        for pod, container in containers()
        if container["args"][0] == "serve"
    ]

    assert graces == [60, 60]
    assert compose["services"]["serve"]["stop_grace_period"] == "60s"
