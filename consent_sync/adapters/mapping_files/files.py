"""One mapping file: from its bytes to a mapping in force, or to everything that is wrong with it."""

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path

from pydantic import ValidationError

from consent_sync.adapters.mapping_files.checks import across, effects
from consent_sync.adapters.mapping_files.complaints import Complaints, plain
from consent_sync.adapters.mapping_files.documents import read_document
from consent_sync.adapters.mapping_files.problems import (
    MOST_PROBLEMS,
    WHOLE_FILE,
    Code,
    Place,
    Problem,
    at_most,
    in_order,
)
from consent_sync.adapters.mapping_files.schema import AttributesSection, MappingFile
from consent_sync.adapters.mapping_files.text import MAX_BYTES
from consent_sync.adapters.mapping_files.tree import Items, Keys, Kind, Scalar
from consent_sync.domain.mapping import AttributeRules, Line, Mapping


@dataclass(frozen=True, slots=True)
class FileReading:
    """What came of one file: its mapping, or None with the problems that stand against it.

    `name` is the mapping's name as far as it can be read, also in a file with problems; `data` the
    bytes it was read from. `say` makes more problems of this file, with their places; it is None
    when nothing of it could be read.
    """

    file: str
    name: str
    mapping: Mapping | None
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    name_place: Place = WHOLE_FILE
    name_line: str = ""
    data: bytes = b""
    say: Complaints | None = field(default=None, repr=False, compare=False)

    def refused(self, problem: Problem) -> "FileReading":
        """Return the same file without its mapping, because of one more problem."""
        return replace(self, mapping=None, problems=in_order([*self.problems, problem]))


def read_file(path: Path) -> FileReading:
    """Read one file; what keeps it from being read is among its problems. Touches the disk."""
    try:
        if not path.is_file():
            return _unreadable(path.name, "something that is no file")
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        return _unreadable(path.name, f"a file that cannot be read: {error.strerror}")
    return replace(read_mapping(path.name, data), data=data)


def read_mapping(file: str, data: bytes) -> FileReading:
    """Return the mapping in these bytes, or every problem that stands against it."""
    document = read_document(file, data)
    if document.root is None:
        return FileReading(file, "", None, in_order(document.problems), ())
    root, say = document.root, Complaints(file, document.lines, document.root)
    found = at_most([*document.problems, *islice(across(root, say), MOST_PROBLEMS + 1)])
    content: MappingFile | None = None
    try:
        content = MappingFile.model_validate(plain(root))
        found += effects(content, root, say)
    except ValidationError as error:
        found = at_most([*found, *say.of(error)])
    if document.partial:
        found = [problem for problem in found if not _left_by_a_gap(problem)]
    problems = in_order(problem for problem in found if not problem.warning)
    mapping = _mapping(file, content, root) if content is not None and not problems else None
    places = {problem.place for problem in problems}
    # What is wrong with a word says more than that it is bare.
    warnings = in_order(
        problem
        for problem in found
        if problem.warning and not (problem.code is Code.BARE_WORD and problem.place in places)
    )
    name, place = _name(root)
    line = document.lines[place.line - 1] if place.line else ""
    return FileReading(file, name, mapping, problems, warnings, place, line, say=say)


def _left_by_a_gap(problem: Problem) -> bool:
    """Say whether lines that were left out may be the only cause of a problem."""
    nothing = problem.code is Code.WRONG_TYPE and problem.found == "nothing"
    return nothing or problem.code in {Code.MISSING_KEY, Code.EMPTY_LIST, Code.SELECTOR}


def _unreadable(file: str, found: str) -> FileReading:
    problem = Problem(Code.UNREADABLE, file, WHOLE_FILE, found, "a file that this program may read")
    return FileReading(file, "", None, (problem,), ())


def _name(root: Keys) -> tuple[str, Place]:
    entry = root.entries.get("name")
    if entry is None or not isinstance(entry.value, Scalar) or entry.value.kind is not Kind.TEXT:
        return "", WHOLE_FILE
    return entry.value.text, entry.value.place


def _mapping(file: str, content: MappingFile, root: Keys) -> Mapping:
    listed = root.entries["mappings"].value
    places = [item.place.line for item in listed.items] if isinstance(listed, Items) else []
    mapping = Mapping(
        name=content.name,
        version="",
        file=file,
        contact=content.contact,
        organization_id=content.didomi.organization_id,
        regulations=tuple(dict.fromkeys(content.didomi.regulations)),
        entity=content.actito.entity_id,
        table=content.actito.table_name,
        key_attribute=content.actito.user_unique_key,
        lines=tuple(
            Line(line.id, line.node, line.sync, line.inverted, number)
            for line, number in zip(content.mappings, places, strict=True)
        ),
        upsert_mode=content.upsert_mode,
        enable_webhooks=content.enable_webhooks,
        create_for=content.create_for,
        create_in_didomi=content.create_in_didomi,
        normalise=content.identity.normalise,
        attributes=_attribute_rules(content.attributes),
        account=content.account or "",
    )
    return replace(mapping, version=_version(mapping))


def _attribute_rules(section: AttributesSection | None) -> AttributeRules:
    if section is None:
        return AttributeRules()
    allow = frozenset(section.allow) if section.allow is not None else None
    return AttributeRules(allow, frozenset(section.deny or ()), dict(section.rename))


def _version(mapping: Mapping) -> str:
    """Return the hash of what the mapping says and of where its lines stand.

    The line numbers count because decisions name them beside the version; the name of the file,
    comments and layout that move no line do not.
    """
    content = asdict(mapping)
    del content["version"], content["file"]
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=sorted)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
