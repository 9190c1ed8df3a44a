"""Logs as data: fixed words and fields, and a last net that keeps secrets and people out of them."""

import logging
import re
import sys
import traceback
from collections.abc import Iterable, Mapping, MutableMapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from consent_sync.adapters.cleaning import MASK
from consent_sync.adapters.metrics import Metrics, write_outcome
from consent_sync.domain.errors import ConsentSyncError
from consent_sync.domain.identity import Subject
from consent_sync.domain.ledger import LedgerRecord, Write

MIN_SECRET: Final = 4
"""Shorter secrets are not searched for: masking every "a" would hide the log, not the secret."""

_ADDRESS = re.compile(r"[^\s\"'<>,;:=()\[\]]+(?:@|%40)[^\s\"'<>,;()\[\]]+")
_FRAMES: Final = 12


class Fingerprint:
    """A short name for a person in logs: the same within one installation, and nowhere else."""

    def __init__(self, key: bytes) -> None:
        self._key = key[:64]

    def __call__(self, person: str) -> str:
        """Return 16 hexadecimal digits that cannot be turned back without the key."""
        text = person.encode("utf-8", "surrogatepass")
        return blake2b(text, key=self._key, digest_size=8).hexdigest()


class Net:
    """A log processor that masks what looks like an address, and every secret that we hold."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = sorted({one for one in secrets if len(one) >= MIN_SECRET}, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, known))) if known else None

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Return the log entry with every text in it masked."""
        return {
            name: self.text(value) if type(value) is str else self._clean(value)
            for name, value in event.items()
        }

    def text(self, said: str) -> str:
        """Return one text, masked."""
        if self._secrets is not None:
            said = self._secrets.sub(MASK, said)
        return _ADDRESS.sub(MASK, said) if "@" in said or "%40" in said else said

    def _clean(self, value: object) -> object:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {str(name): self._clean(inner) for name, inner in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean(inner) for inner in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        # Whatever else lands in a log entry is shown as text, so it is masked as text.
        return self.text(str(value))


class _Lines(structlog.WriteLogger):
    """Writes the lines of the logger of one name."""

    def __init__(self, target: TextIO, name: str) -> None:
        super().__init__(target)
        self.name = name


def configure_logs(
    style: str, secrets: Iterable[str], stream: TextIO | None = None, *, level: str = "info"
) -> None:
    """Send all logs, the libraries' too, to `stream` (default stderr) as `json` or `console`."""
    target = stream or sys.stderr
    net = Net(secrets)
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _without_traceback_text,
        net,
    ]
    console = structlog.dev.ConsoleRenderer(colors=target.isatty())
    render: Processor = console if style == "console" else _as_json
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # Not through the standard library: measured, a line of ours takes a third of the time.
        logger_factory=lambda name="": _Lines(target, name),
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Addresses of requests name persons, so nobody may log them.
    logging.getLogger("aiohttp.access").disabled = True


class LogObserver:
    """Tells logs and metrics how turns and calls end."""

    def __init__(self, metrics: Metrics, fingerprint: Fingerprint) -> None:
        self._metrics = metrics
        self._fingerprint = fingerprint
        # Bound once: otherwise every entry would put its logger together anew.
        self._log = structlog.get_logger("consent_sync.turns").bind()
        self._calls = structlog.get_logger("consent_sync.calls").bind()

    def turn(self, subject: Subject, record: LedgerRecord | None, outcome: str) -> None:
        """Count a settled turn; log it where something was written."""
        self._metrics.turn(subject, record, outcome)
        writes = [fact for fact in record.facts if isinstance(fact, Write)] if record else []
        if not writes:
            return
        self._log.info(
            "turn_settled",
            mapping=subject.mapping,
            person=self._fingerprint(subject.person),
            outcome=outcome,
            writes=[f"{write.side}:{write_outcome(write)}" for write in writes],
        )

    def trouble(self, subject: Subject, what: str, error: Exception) -> None:
        """Count and log what stood in the way of a turn."""
        self._metrics.trouble(subject, what, error)
        # Only our own errors are known to quote nothing; of others the type and the place.
        said = {"error": str(error)} if isinstance(error, ConsentSyncError) else {"exc_info": error}
        self._log.warning(
            "turn_trouble",
            mapping=subject.mapping,
            person=self._fingerprint(subject.person),
            what=what,
            kind=type(error).__name__,
            **said,
        )

    def call(self, route: str, outcome: str, seconds: float) -> None:
        """Count a call to a platform; log it where it did not end in a success."""
        self._metrics.call(route, outcome, seconds)
        if not outcome.startswith("2"):
            self._calls.info("call_failed", route=route, outcome=outcome, seconds=round(seconds, 3))


def _without_traceback_text(
    _logger: WrappedLogger, _method: str, event: MutableMapping[str, Any]
) -> EventDict:
    """Replace an exception by its type and places: its message may quote what a person sent."""
    said = event.pop("exc_info", None)
    event.pop("exception", None)
    if said is True:
        said = sys.exc_info()[1]
    elif isinstance(said, tuple):
        said = said[1]
    if isinstance(said, BaseException):
        event["error_type"] = type(said).__name__
        frames = traceback.extract_tb(said.__traceback__)[-_FRAMES:]
        event["error_at"] = [f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in frames]
    return event


def _as_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    return orjson.dumps(event, default=str).decode()
