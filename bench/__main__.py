"""`python -m bench`: measures everything and prints Markdown tables, each with its goals."""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import (
    audit,
    beside,
    calls,
    choices,
    growth,
    growth_postgres,
    intake,
    latency,
    plan,
    postgres,
    quota,
    turns,
    validate,
)
from bench.effort import effort
from bench.machine import come_first, described, missing

PARTS = {
    "intake": intake.measure,
    "turns": turns.measure,
    "calls": calls.measure,
    "growth": growth.measure,
    "growth-postgres": growth_postgres.measure,
    "postgres": postgres.measure,
    "latency": latency.measure,
    "beside": beside.measure,
    "audit": audit.measure,
    "choices": choices.measure,
    "validate": validate.measure,
    "plan": plan.measure,
    "quota": quota.measure,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"any of {', '.join(PARTS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="a look while developing")
    parser.add_argument("--rounds", type=int, help="rounds per comparison (5; quick: 1)")
    parser.add_argument("--folder", type=Path, help="where databases are kept meanwhile")
    options = parser.parse_args()
    unknown = [name for name in options.parts if name not in PARTS]
    for line in (*(f"no part is called {name}" for name in unknown), *missing()):
        print(f"bench: {line}", file=sys.stderr)
    if unknown or missing():
        return 2
    come_first()
    how = effort(quick=options.quick, rounds=options.rounds)
    with TemporaryDirectory(dir=options.folder, prefix="bench-") as folder:
        for line in described(Path(folder)):
            print(f"- {line}")
        print()
        for name in options.parts or PARTS:
            print(PARTS[name](how, Path(folder)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
