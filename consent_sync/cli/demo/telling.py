"""How the demo is told: to a person, step by step, or as one JSON document at the end."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from consent_sync.cli.demo.checks import Condition, until
from consent_sync.cli.output import say, show_table


@dataclass(slots=True)
class Step:
    """One step of the story: what people did, and what was found to hold afterwards."""

    number: int
    title: str
    did: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(slots=True)
class Telling:
    """Takes the story down, and tells it at once unless it is `silent`."""

    silent: bool
    steps: list[Step] = field(default_factory=list)

    def step(self, title: str) -> None:
        """Begin a step."""
        self.steps.append(Step(len(self.steps) + 1, title))
        self.say()
        self.say(f"{len(self.steps)}. {title}", "bold")

    def did(self, sentence: str) -> None:
        """Tell what somebody does."""
        self.steps[-1].did.append(sentence)
        self.say(f"   {sentence}")

    async def holds(self, sentence: str, condition: Condition) -> None:
        """Wait until it holds, and tell so; raise NotHeldError naming it."""
        took = await until(sentence, condition)
        self.steps[-1].held.append(sentence)
        self.steps[-1].seconds = round(self.steps[-1].seconds + took, 3)
        self.say(f"   {_tick()} {sentence}", "green")

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show a table."""
        if not self.silent:
            say()
            show_table(columns, rows, styles={"yes": "green", "no": "red"}, title=title)

    def say(self, text: str = "", style: str = "") -> None:
        """Print a line, unless silent; at once, because a pipe may be watched."""
        if not self.silent:
            say(text, style)
            sys.stdout.flush()


def _tick() -> str:
    # A stream of another encoding could not show the mark.
    return "✓" if "utf" in (sys.stdout.encoding or "").lower() else "ok:"
