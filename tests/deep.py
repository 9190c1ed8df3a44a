"""The long run before a release: `python -m tests.deep KIND STEPS`, exit 1 on a counter-example.

KIND is `pure` (the rules and services between two small worlds in memory) or `whole` (the whole
engine between both simulators). Rounds of generated histories are played until that many steps
have been taken; each round begins with other chance.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

FOLDERS = {"pure": "tests/histories", "whole": "tests/machines"}
ROUND = {"HISTORIES": "500", "WHOLE_HISTORIES": "60"}


def play_round(kind: str, file: Path) -> tuple[bool, Counter[str]]:
    """Play one round; return whether every promise held, and what was counted."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "tests.tally"]
    command += ["-p", "no:cacheprovider", "--show-capture=no", FOLDERS[kind]]
    file.unlink(missing_ok=True)
    done = subprocess.run(
        command,
        env={**ROUND, **os.environ, "TALLY_FILE": str(file)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.stdout.write(done.stdout + done.stderr)
    counted = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return done.returncode == 0, Counter(counted)


def main(kind: str, steps: int) -> int:
    """Play rounds until so many steps have been taken, and tell what came of it."""
    total: Counter[str] = Counter()
    started, rounds, sound = time.monotonic(), 0, True
    with tempfile.TemporaryDirectory() as folder:
        while sound and total["steps"] < steps:
            sound, counted = play_round(kind, Path(folder, "tally.json"))
            if sound and not counted["steps"]:
                raise SystemExit("a round without any step proves nothing")
            total += counted
            rounds += 1
            minutes = (time.monotonic() - started) / 60
            told = f"{total['steps']} steps in {minutes:.1f} minutes"
            sys.stdout.write(f"{kind}: {told}, {total['steps'] / minutes:.0f} a minute\n")
            sys.stdout.flush()
    for name, count in sorted(total.items()):
        sys.stdout.write(f"{count:>9} {name}\n")
    sys.stdout.write(f"{kind}: {'every promise held' if sound else 'A PROMISE WAS BROKEN'}\n")
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
