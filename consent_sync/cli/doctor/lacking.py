"""What the lines of a mapping name and a platform does not have, as findings."""

from collections.abc import Iterator

from consent_sync.adapters.mapping_files.problems import nearest_word
from consent_sync.cli.doctor.finding import Finding, fail
from consent_sync.domain.inventory import Inventory, lacks
from consent_sync.domain.mapping import Mapping


def lacking(what: str, mapping: Mapping, inventory: Inventory) -> Iterator[Finding]:
    """Yield a failure for each, with its line and the nearest name that exists."""
    for line in mapping.lines:
        for lack in lacks(line, inventory):
            near = nearest_word(lack.name, lack.known)
            hint = f"; did you mean `{near}`?" if near else ""
            where = f"{mapping.file}:{line.line_number}"
            do = f"correct {where}, or make it in {lack.side.capitalize()}"
            yield fail(what, f"{line.id} names {lack.words}{hint}", do)
