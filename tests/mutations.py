"""Adds up a run of mutmut: `python -m tests.mutations PERCENT`, exit 1 when fewer were noticed.

A mutation is a small change of the rules that some test ought to notice. Reads the folder
`mutants`, which the run leaves behind.
"""

import json
import sys
from collections import Counter
from pathlib import Path

NOTICED, SURVIVED, UNTESTED = "noticed", "survived", "in no test"
ENDINGS = {0: SURVIVED, 5: UNTESTED, 33: UNTESTED, 34: "left out", None: "not tried"}
"""What mutmut's exit codes of the tests mean; every other is a failure, a crash or a timeout."""


def counts(folder: Path) -> dict[str, Counter[str]]:
    """Return, by module, how the mutations ended."""
    found: dict[str, Counter[str]] = {}
    for file in sorted(folder.rglob("*.py.meta")):
        endings = json.loads(file.read_text(encoding="utf-8"))["exit_code_by_key"].values()
        tally = Counter(ENDINGS.get(ending, NOTICED) for ending in endings)
        if tally:
            found[file.name.removesuffix(".py.meta")] = tally
    return found


def score(tally: Counter[str]) -> float:
    """Return how many percent of the tried mutations were noticed; 0 where none was tried."""
    tried = tally[NOTICED] + tally[SURVIVED] + tally[UNTESTED]
    return 100 * tally[NOTICED] / tried if tried else 0.0


def main(wanted: float, folder: Path = Path("mutants")) -> int:
    """Print a table of all modules and their sum; return 1 when it is below what is wanted."""
    found = counts(folder)
    found["all"] = sum(found.values(), Counter())
    for name, tally in found.items():
        ends = ", ".join(f"{count} {ending}" for ending, count in sorted(tally.items()))
        sys.stdout.write(f"{score(tally):5.1f} % {name}: {ends}\n")
    return 0 if score(found["all"]) >= wanted else 1


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
