"""The exit codes, and the error that carries one."""

from typing import Final

DONE: Final = 0
FOUND_SOMETHING: Final = 1
WRONG_USAGE: Final = 2
WRONG_CONFIGURATION: Final = 78
"""`EX_CONFIG` of sysexits: a supervisor need not try again before somebody has changed something."""


class CommandError(Exception):
    """A command cannot go on: a sentence for a person, and the exit code."""

    def __init__(self, sentence: str, code: int = FOUND_SOMETHING) -> None:
        super().__init__(sentence)
        self.code = code
