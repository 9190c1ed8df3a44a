"""Which operation a URL means: categories, versions and percent-encoded segments, without I/O."""

from collections import defaultdict
from typing import NamedTuple
from urllib.parse import unquote

from consent_sync.simulators.actito.refusal import RefusalError
from consent_sync.simulators.actito.switches import Module, Switches
from consent_sync.simulators.actito.table import Key


class Route(NamedTuple):
    """An operation with the still encoded variable segments of its URL; `name` is what faults and the log know."""

    name: str
    module: Module | None
    segments: tuple[str, ...] = ()

    def text(self, position: int) -> str:
        """Decode a variable segment exactly once; raises RefusalError 400 for bytes that are not UTF-8."""
        return decode(self.segments[position])

    def key(self, position: int) -> Key:
        """Read a profile key: an id, or `attribute=value` with a bare `=`; raises RefusalError 400 for bad bytes."""
        attribute, equals, value = self.segments[position].partition("=")
        if equals:
            return Key(decode(attribute), decode(value))
        return Key("profileId", decode(attribute))


class _Pattern(NamedTuple):
    module: Module
    words: tuple[str, ...]
    methods: dict[str, str]


def _pattern(module: Module, path: str, **methods: str) -> _Pattern:
    return _Pattern(module, tuple(path.split("/")), methods)


_PROFILE = "v4/entity/*/table/*/profile"
_WEBHOOK = "v4/entity/*/webhookSubscription"
_EXECUTIONS = "v5/entities/*/etl-executions"
_PATTERNS = [
    _pattern("entities", "v5/entities", GET="entities.list"),
    _pattern("entities", "v4/entity", GET="entities.v4.list"),
    _pattern("structure", "v5/entities/*/profile-tables", GET="structure.list"),
    _pattern("structure", "v5/entities/*/profile-tables/*", GET="structure.get"),
    _pattern("structure", "v4/entity/*/table", GET="structure.v4.list"),
    _pattern("profiles", _PROFILE, POST="profiles.post"),
    _pattern(
        "profiles",
        f"{_PROFILE}/*",
        GET="profiles.get",
        PUT="profiles.put",
        DELETE="profiles.delete",
    ),
    _pattern("profiles", f"{_PROFILE}/*/subscription", GET="profiles.subscriptions.list"),
    _pattern(
        "profiles",
        f"{_PROFILE}/*/subscription/*",
        POST="profiles.subscriptions.add",
        DELETE="profiles.subscriptions.remove",
    ),
    _pattern(
        "profiles",
        "v5/entities/*/profile-tables/*/profiles",
        GET="profiles.v5.list",
        PUT="profiles.v5.put",
    ),
    _pattern("imports", _EXECUTIONS, POST="imports.start"),
    _pattern("imports", f"{_EXECUTIONS}/*", GET="imports.get"),
    _pattern("imports", f"{_EXECUTIONS}/*/result-file", GET="imports.result"),
    _pattern("webhooks", _WEBHOOK, GET="webhooks.list", POST="webhooks.create"),
    _pattern(
        "webhooks",
        f"{_WEBHOOK}/*",
        GET="webhooks.get",
        PUT="webhooks.update",
        DELETE="webhooks.delete",
    ),
    _pattern("webhooks", f"{_WEBHOOK}/*/*", GET="webhooks.errors"),
]

TOKEN = Route("token", None)
UNKNOWN = "unknown"
"""Route name of calls that mean nothing."""


def _by_shape() -> dict[tuple[str, int], list[_Pattern]]:
    shapes: dict[tuple[str, int], list[_Pattern]] = defaultdict(list)
    for pattern in _PATTERNS:
        shapes[pattern.words[0], len(pattern.words)].append(pattern)
    return dict(shapes)


_SHAPES = _by_shape()


def find_route(method: str, path: str, switches: Switches) -> Route:
    """Find the operation of a raw path (no query); raises RefusalError 404 or 405."""
    parts = path.strip("/").split("/")
    if parts == ["auth", "token"]:
        if method != "GET":
            raise RefusalError(405, "the token is asked for with GET")
        return TOKEN
    start = next((at for at, part in enumerate(parts) if part in ("v4", "v5")), None)
    if start is None:
        raise RefusalError(404, "the path has no version")
    prefix, words = "/".join(parts[:start]), parts[start:]
    for pattern in _SHAPES.get((words[0], len(words)), ()):
        if _fits(pattern.words, words):
            _check_prefix(pattern.module, prefix, switches)
            name = pattern.methods.get(method)
            if name is None:
                raise RefusalError(405, f"{method} is not allowed here")
            pairs = zip(pattern.words, words, strict=True)
            segments = tuple(word for expected, word in pairs if expected == "*")
            return Route(name, pattern.module, segments)
    raise RefusalError(404, "no such path")


def decode(segment: str) -> str:
    """Percent-decode one segment; a plus sign stays one; raises RefusalError 400 for bytes that are not UTF-8."""
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise RefusalError(400, "a path segment is not UTF-8") from None


def _fits(expected: tuple[str, ...], words: list[str]) -> bool:
    return all(
        (word != "") if pattern == "*" else pattern == word
        for pattern, word in zip(expected, words, strict=True)
    )


def _check_prefix(module: Module, prefix: str, switches: Switches) -> None:
    configured = {
        "entities": switches.entities_prefix,
        "structure": switches.structure_prefix,
        "profiles": switches.profiles_prefix,
        "webhooks": switches.webhooks_prefix,
        "imports": switches.imports_prefix,
    }[module]
    allowed = {
        "prefixed": (configured,),
        "unprefixed": ("",),
        "both": (configured, ""),
    }[switches.path_style]
    if prefix not in allowed:
        raise RefusalError(404, f"unknown category {prefix!r}")
