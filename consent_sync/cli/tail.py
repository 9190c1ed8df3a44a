"""`consent-sync tail`: what the engine decided last, for everybody, as it happens."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from consent_sync.cli.output import moment, print_json_line, say
from consent_sync.domain.consent import Choice
from consent_sync.domain.identity import Subject, unresolved_profile_id
from consent_sync.domain.ledger import LedgerRecord
from consent_sync.domain.verdicts import Entry, Verdict
from consent_sync.services.lookup import iso

if TYPE_CHECKING:
    from consent_sync.app.database import Reader

LOOK_SECONDS: Final = 0.3
_PAGE: Final = 500

Name = Callable[[str], str]


def command(
    number: Annotated[
        int, typer.Option("-n", "--number", min=0, max=10_000, help="How many turns to begin with.")
    ] = 10,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on with what comes, until Ctrl-C.")
    ] = False,
    persons: Annotated[
        bool, typer.Option("--persons", help="Name people by their keys, not by fingerprints.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document a line.")
    ] = False,
) -> None:
    """Print the newest turns: what was received, decided and written, oldest first."""
    from consent_sync.app.database import fingerprint_of
    from consent_sync.cli.surroundings import reader_of, settings_here

    settings = settings_here()
    reader = reader_of(settings)
    fingerprint = asyncio.run(fingerprint_of(settings))

    def name(person: str) -> str:
        if persons:
            profile = unresolved_profile_id(person)
            return person.lstrip("\0") if profile is None else f"profile {profile}"
        return fingerprint(person) if fingerprint is not None else "-"

    try:
        asyncio.run(_tail(reader, number, name, follow=follow, as_json=as_json))
    except KeyboardInterrupt:
        return


async def _tail(reader: "Reader", number: int, name: Name, *, follow: bool, as_json: bool) -> None:
    after = max(0, await reader.newest_record() - number)
    while True:
        records = await reader.recent(after=after, limit=_PAGE)
        for record in records:
            after = record[0]
            _show(record, name, as_json=as_json)
        if len(records) == _PAGE:
            continue
        if not follow:
            return
        await asyncio.sleep(LOOK_SECONDS)


def _show(found: tuple[int, Subject, LedgerRecord], name: Name, *, as_json: bool) -> None:
    number, subject, record = found
    if as_json:
        print_json_line(
            {
                "record": number,
                "at": iso(record.at),
                "mapping": subject.mapping,
                "person": name(subject.person),
                "file": record.mapping_file,
                "mapping_version": record.mapping_version,
                "entries": [_plain(entry) for entry in record.entries],
            }
        )
        return
    say(f"{moment(record.at)}  {subject.mapping}  {name(subject.person)}", "bold")
    for entry in _worth_showing(record.entries):
        say("  " + _sentence(entry), _colour(entry.verdict))


def _worth_showing(entries: Sequence[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.line != "*"]


def _sentence(entry: Entry) -> str:
    side = entry.side.value.capitalize() if entry.side is not None else ""
    event = f"event {entry.event}" if entry.event else ""
    choice = entry.choice.value if entry.choice is not Choice.NONE else ""
    about = " ".join(part for part in (side, event, entry.line, choice) if part)
    return f"{entry.kind:<9}  {entry.verdict:<18}  {about}: {entry.reason}"


def _colour(verdict: Verdict) -> str:
    if verdict is Verdict.FAILED:
        return "red"
    if verdict in {Verdict.APPLIED, Verdict.CONFIRMED}:
        return "green"
    return "yellow" if verdict.startswith("held") or verdict is Verdict.WAITING_RETRY else ""


def _plain(entry: Entry) -> dict[str, object]:
    return {
        "at": iso(entry.at),
        "kind": entry.kind,
        "verdict": entry.verdict,
        "side": entry.side,
        "line": entry.line or None,
        "line_number": entry.line_number or None,
        "choice": None if entry.choice is Choice.NONE else entry.choice,
        "event": entry.event or None,
        "reason": entry.reason,
    }
