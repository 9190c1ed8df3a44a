"""How planned choices are written: to one profile, to one Didomi user, as whole as possible.

One bad value must not stop the rest. So a write that is refused for good is tried again without
attributes, then line by line, until only what is really refused has failed.
"""

from collections.abc import Iterable
from collections.abc import Mapping as MappingView

from consent_sync.domain.attributes import Fitted, fit, missing_mandatory
from consent_sync.domain.confirmation import worn_out, worn_out_reason
from consent_sync.domain.consent import Choice, WriteOutcome
from consent_sync.domain.errors import AbsentError, PermanentError, TemporaryError, UnclearError
from consent_sync.domain.events import ProfileMissing
from consent_sync.domain.identity import Side
from consent_sync.domain.ledger import Write, WrittenLine
from consent_sync.domain.lines import line_state
from consent_sync.domain.plan import Plan
from consent_sync.domain.profile import Scalar, TableStructure
from consent_sync.domain.state import Presence
from consent_sync.domain.values import replaced
from consent_sync.domain.verdicts import Entry, Kind, Verdict
from consent_sync.services.drafts import (
    ProfileDraft,
    actito_keys,
    events_draft,
    profile_draft,
)
from consent_sync.services.progress import Progress

Choices = MappingView[str, Choice]


def attributes_due(progress: Progress) -> dict[str, Scalar]:
    """Return the attributes whose newest value has not been sent to the profile yet."""
    sent = progress.state.sent
    return {
        name: wanted.value
        for name, wanted in progress.state.wanted.items()
        if name not in sent or str(sent[name]).lower() != str(wanted.value).strip().lower()
    }


def give_up_worn_out(progress: Progress, plan: Plan) -> bool:
    """Fail the planned writes whose like were answered again and again without effect, if any."""
    found = False
    now = progress.tools.clock.now()
    for side in Side:
        writes = plan.writes(side)
        if not writes:
            continue
        worn = tuple(
            WrittenLine(line.id, writes[line.id])
            for line in progress.mapping.lines
            if line.id in writes and worn_out(line_state(progress.state, line), side)
        )
        if worn:
            write = Write(side, worn, now, now, WriteOutcome.IN_FLIGHT)
            progress.wrote(write, WriteOutcome.IN_FLIGHT, failure=worn_out_reason(side))
            found = True
    return found


async def write_profile(progress: Progress, choices: Choices) -> bool:
    """Write these choices and all due attributes to the profile; say whether anything was sent.

    Raises TemporaryError (UnclearError when it may have landed). A profile that turns out not to
    exist is noted as missing, for the plan to decide about.
    """
    creating = progress.state.profile is Presence.MISSING and Side.ACTITO in progress.looked
    due = attributes_due(progress)
    asked = creating or (due and not progress.no_structure)
    structure = await _structure(progress, needed=creating) if asked else None
    fitted = fit(due, structure) if structure is not None else Fitted()
    _report_dropped(progress, fitted)
    if creating and (not choices or not _may_create(progress, fitted, structure)):
        return False
    if not choices and not fitted.values:
        return False
    await _send_profile(progress, choices, fitted.values, creating=creating)
    return True


async def write_user(progress: Progress, choices: Choices) -> None:
    """Write these choices to Didomi as events; raises TemporaryError when it has to wait."""
    draft = events_draft(progress.state, choices, progress.context())
    await progress.announce(draft.writes)
    try:
        await progress.tools.consents.send_events(progress.mapping, draft.events)
    except UnclearError:
        for write in draft.writes:
            progress.wrote(write, WriteOutcome.UNCLEAR)
        raise
    except PermanentError as error:
        if len(choices) > 1:
            for line, choice in choices.items():
                await write_user(progress, {line: choice})
            return
        for write in draft.writes:
            progress.wrote(write, WriteOutcome.IN_FLIGHT, failure=_refusal("Didomi", error))
        return
    for write in draft.writes:
        progress.wrote(write, WriteOutcome.SENT)


async def _send_profile(
    progress: Progress, choices: Choices, attributes: MappingView[str, Scalar], *, creating: bool
) -> None:
    draft = profile_draft(progress.state, choices, attributes, progress.context(), created=creating)
    await progress.announce([draft.write])
    try:
        profile_id = await _call(progress, draft, creating=creating)
    except AbsentError:
        if len(actito_keys(progress.state, progress.context())) > 1:
            # It may be there under another spelling; the look tries them all.
            await progress.look(Side.ACTITO)
        else:
            progress.see_profile(ProfileMissing(progress.tools.clock.now()))
            progress.looked.add(Side.ACTITO)
        return
    except UnclearError:
        progress.wrote(draft.write, WriteOutcome.UNCLEAR)
        progress.looked.discard(Side.ACTITO)
        raise
    except PermanentError as error:
        await _send_less(progress, draft, choices, attributes, error, creating=creating)
        return
    progress.wrote(draft.write, WriteOutcome.SENT, profile_id=profile_id)


async def _call(progress: Progress, draft: ProfileDraft, *, creating: bool) -> str:
    profiles, mapping = progress.tools.profiles, progress.mapping
    if creating:
        return await profiles.create(mapping, draft.keys[0], draft.change)
    return await _update_all(progress, draft)


async def _update_all(progress: Progress, draft: ProfileDraft) -> str:
    """Write to every profile that it is for; return the number of the first one that took it."""
    took: list[str] = []
    refused: PermanentError | None = None
    for key in draft.keys:
        try:
            took.append(await _update(progress, draft, key))
        except AbsentError:
            continue
        except TemporaryError as error:
            if took:
                raise UnclearError(str(error), retry_after=error.retry_after) from error
            raise
        except PermanentError as error:
            # What one profile cannot take, the others still have to.
            refused = refused or error
        if not _goes_everywhere(progress, draft):
            break
    if refused is not None:
        if took:
            progress.wrote(draft.write, WriteOutcome.UNCLEAR)
        raise refused
    if not took:
        raise AbsentError("no profile has any of the keys it may have")
    return took[0]


async def _update(progress: Progress, draft: ProfileDraft, key: str) -> str:
    raises = any(one.choice is Choice.GRANTED for one in draft.write.lines)
    profiles, mapping = progress.tools.profiles, progress.mapping
    return await profiles.update(mapping, key, draft.change, after_look=raises)


def _goes_everywhere(progress: Progress, draft: ProfileDraft) -> bool:
    """A refusal goes to every profile that may be the person's, anything else to those known."""
    refuses = any(one.choice is Choice.DENIED for one in draft.write.lines)
    return refuses or progress.state.several is not None


async def _send_less(
    progress: Progress,
    draft: ProfileDraft,
    choices: Choices,
    attributes: MappingView[str, Scalar],
    error: PermanentError,
    *,
    creating: bool,
) -> None:
    """A write was refused for good: find out which part of it, and write the rest."""
    if creating:
        # It may exist by now, created by somebody else: then it is an update, after a look.
        await progress.look(Side.ACTITO)
        if progress.state.profile is Presence.MISSING:
            progress.wrote(draft.write, WriteOutcome.IN_FLIGHT, failure=_refusal("Actito", error))
        return
    if attributes:
        if choices:
            await _send_profile(progress, choices, {}, creating=False)
        refused = replaced(draft.write, lines=())
        progress.wrote(refused, WriteOutcome.IN_FLIGHT, failure=_refusal("Actito", error))
        _drop(progress, attributes, "Actito refused the write that held it")
        return
    if len(choices) > 1:
        for line, choice in choices.items():
            await _send_profile(progress, {line: choice}, {}, creating=False)
        return
    progress.wrote(draft.write, WriteOutcome.IN_FLIGHT, failure=_refusal("Actito", error))


async def _structure(progress: Progress, *, needed: bool) -> TableStructure | None:
    try:
        return await progress.tools.profiles.structure(progress.mapping)
    except (TemporaryError, PermanentError) as error:
        if needed:
            raise TemporaryError(str(error)) from error
        # Attributes wait for the next turn; they never hold a consent up.
        progress.tools.observer.trouble(progress.turn.subject, "structure", error)
        progress.no_structure = True
        return None


def _may_create(progress: Progress, fitted: Fitted, structure: TableStructure | None) -> bool:
    known = frozenset(fitted.values) | {progress.mapping.key_attribute}
    missing = () if structure is None else missing_mandatory(structure, known)
    if not missing:
        return True
    names = ", ".join(missing)
    progress.cannot_create = (
        f"no profile could be created: the table needs {names}, which nobody has told us"
    )
    return False


def _report_dropped(progress: Progress, fitted: Fitted) -> None:
    if progress.state.wanted is progress.turn.state.wanted:
        return
    for name, reason in fitted.dropped.items():
        _drop(progress, [name], reason)


def _drop(progress: Progress, names: Iterable[str], reason: str) -> None:
    for name in names:
        entry = Entry(
            at=progress.tools.clock.now(),
            kind=Kind.DECIDED,
            verdict=Verdict.NO_CHANGE,
            reason=f"attribute {name} was left out: {reason}",
            side=Side.ACTITO,
        )
        if all(entry.reason != one.reason for one in progress.entries):
            progress.entries.append(entry)


def _refusal(platform: str, error: PermanentError) -> str:
    answer = f": {error.answer}" if error.answer else ""
    return f"{platform} refused the write for good (status {error.status}){answer}"
