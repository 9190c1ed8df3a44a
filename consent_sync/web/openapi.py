"""What the API answers, as OpenAPI 3.1; kept next to the routes and checked against them."""

from importlib.metadata import version
from typing import Final

Schema = dict[str, object]

_TEXT: Final[Schema] = {"type": "string"}
_MAYBE_TEXT: Final[Schema] = {"type": ["string", "null"]}
_MAYBE_MOMENT: Final[Schema] = {"type": ["string", "null"], "format": "date-time"}
_MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}
_FLAG: Final[Schema] = {"type": "boolean"}
_NUMBER: Final[Schema] = {"type": "integer"}
_MAYBE_NUMBER: Final[Schema] = {"type": ["integer", "null"]}
_MAYBE_AGE: Final[Schema] = {"type": ["number", "null"], "description": "seconds"}
_CHOICE: Final[Schema] = {"enum": ["granted", "denied", "none"]}


def description() -> dict[str, object]:
    """Return the description of the API."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "consent-sync", "version": version("consent-sync")},
        "paths": _PATHS,
        "components": {
            "schemas": _SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(of: str) -> Schema:
    return {"type": "array", "items": _ref(of)}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _get(summary: str, schema: Schema, *parameters: Schema) -> Schema:
    return {"get": _operation(summary, schema, *parameters)}


def _operation(summary: str, schema: Schema, *parameters: Schema) -> Schema:
    def content(kind: str, of: Schema) -> Schema:
        return {kind: {"schema": of}}

    return {
        "summary": summary,
        "parameters": list(parameters),
        "responses": {
            "200": {"description": summary, "content": content("application/json", schema)},
            "default": {
                "description": "A problem; its codes are listed in docs/errors.md",
                "content": content("application/problem+json", _ref("Problem")),
            },
        },
    }


_OUID: Final[Schema] = {
    "name": "ouid",
    "in": "path",
    "required": True,
    "description": "the person's organisation user id, percent-encoded, slashes too",
    "schema": _TEXT,
}
_LIMIT: Final[Schema] = {
    "name": "limit",
    "in": "query",
    "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 200},
}

_NUMBER_OF_EVENT: Final[Schema] = {
    "name": "number",
    "in": "path",
    "required": True,
    "description": "the number of a stored event or refused request",
    "schema": _NUMBER,
}
_WHOSE: Final[Schema] = {
    "name": "mapping",
    "in": "query",
    "description": "a mapping of the account that the event belongs to, where there are several",
    "schema": _TEXT,
}

_MAPPING: Final[Schema] = {
    "name": "mapping",
    "in": "path",
    "required": True,
    "description": "the name of a mapping in force",
    "schema": _TEXT,
}

_HELD_BY: Final[tuple[Schema, ...]] = (
    {"name": "person", "in": "query", "schema": _TEXT},
    {"name": "mapping", "in": "query", "schema": _TEXT},
    {"name": "line", "in": "query", "schema": _TEXT},
    {"name": "since", "in": "query", "description": "agreed since", "schema": _MOMENT},
    {"name": "until", "in": "query", "description": "agreed before", "schema": _MOMENT},
)

_CONFLICTS: Final[Schema] = {
    "name": "conflicts",
    "in": "query",
    "description": "also where a refusal counts because nobody knows what came last",
    "schema": {"enum": ["true"]},
}

_DEAD_BY: Final[tuple[Schema, ...]] = (
    *_HELD_BY[:3],
    {"name": "error", "in": "query", "description": "a part of the reason", "schema": _TEXT},
    {"name": "since", "in": "query", "description": "failed since", "schema": _MOMENT},
    {"name": "until", "in": "query", "description": "failed before", "schema": _MOMENT},
)


def _word(summary: str, of: str = "lines", one: str = "Chosen") -> Schema:
    chosen = _object(**{of: _list(one)})
    body = {"required": True, "content": {"application/json": {"schema": chosen}}}
    return {**_operation(summary, _ref("Decided")), "requestBody": body}


def _rows() -> Schema:
    return {"application/json": {"schema": {"type": "array", "items": _ref("LoadedRow")}}}


def _pausing(summary: str, **answers: Schema) -> Schema:
    asked = {"type": "object", "properties": {"to": _MAYBE_TEXT, "mapping": _MAYBE_TEXT}}
    body = {"required": True, "content": {"application/json": {"schema": asked}}}
    return {**_operation(summary, _object(**answers)), "requestBody": body}


_PATHS: Final[Schema] = {
    "/api/v1/persons/{ouid}": _get("One person in every mapping", _ref("Person"), _OUID),
    "/api/v1/persons/{ouid}/timeline": _get(
        "What happened to one person, newest first",
        _object(entries=_list("Entry")),
        _OUID,
        _LIMIT,
    ),
    "/api/v1/events/{number}/replay": {
        "post": _operation(
            "Take one stored event once more", _ref("Replayed"), _NUMBER_OF_EVENT, _WHOSE
        )
    },
    "/api/v1/held": _get(
        "What waits for a person's word",
        _object(total=_NUMBER, lines=_list("HeldLine")),
        *_HELD_BY,
        _CONFLICTS,
        _LIMIT,
    ),
    "/api/v1/held/approve": {"post": _word("Lift the doubt about held lines")},
    "/api/v1/held/reject": {"post": _word("Let the refusal stand on held lines")},
    "/api/v1/dead-letters": _get(
        "What was given up",
        _object(total=_NUMBER, letters=_list("DeadLetter")),
        *_DEAD_BY,
        _LIMIT,
    ),
    "/api/v1/dead-letters/replay": {
        "post": _word("Try dead letters again", "letters", "ChosenLetter")
    },
    "/api/v1/dead-letters/purge": {
        "post": _word("Put dead letters away", "letters", "ChosenLetter")
    },
    "/api/v1/pause": {"post": _pausing("Write nothing to a side", paused=_list("Pause"))},
    "/api/v1/resume": {
        "post": _pausing("Write again", ended=_NUMBER, paused=_list("Pause")),
    },
    "/api/v1/erasures": {
        "post": _operation("Erase a person, or lift an erasure", _ref("Erased"))
        | {
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "properties": {
                                "person": _TEXT,
                                "lift": _FLAG,
                                "policy": {"enum": ["keep", "opt-out", "delete"]},
                            },
                            "required": ["person"],
                        }
                    }
                },
            }
        }
    },
    "/api/v1/choices/{mapping}": {
        "post": _operation("Take rows of a loaded file in", _ref("Receipt"), _MAPPING)
        | {"requestBody": {"required": True, "content": _rows()}}
    },
    "/api/v1/status": _get("How things stand", _ref("Status")),
    "/api/v1/openapi.json": _get("This description", {"type": "object"}),
}

_SCHEMAS: Final[Schema] = {
    "Receipt": _object(accepted=_NUMBER, duplicates=_NUMBER),
    "LoadedRow": _object(
        person=_TEXT,
        lines={"type": "object", "additionalProperties": _CHOICE},
        between={
            "oneOf": [
                {"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2},
                {"type": "null"},
            ]
        },
    ),
    "Problem": _object(type=_TEXT, title=_TEXT, status=_NUMBER, code=_TEXT, detail=_TEXT),
    "Person": _object(person=_TEXT, known=_FLAG, mappings=_list("PersonInMapping")),
    "PersonInMapping": _object(
        mapping=_TEXT,
        file=_TEXT,
        mapping_version=_TEXT,
        known=_FLAG,
        ouid=_MAYBE_TEXT,
        actito_key=_MAYBE_TEXT,
        profile_id=_MAYBE_TEXT,
        profile={"enum": ["unknown", "present", "missing"]},
        user={"enum": ["unknown", "present", "missing"]},
        ouids={"type": "array", "items": _TEXT},
        profiles=_list("Profile"),
        lines=_list("Line"),
        waiting=_list("Waiting"),
    ),
    "Profile": _object(actito_key=_MAYBE_TEXT, profile_id=_MAYBE_TEXT),
    "Line": _object(
        line=_TEXT,
        line_number=_NUMBER,
        sync=_TEXT,
        didomi=_ref("Side"),
        actito=_ref("Side"),
        desired=_CHOICE,
        reason=_TEXT,
        as_of=_MAYBE_MOMENT,
        held=_MAYBE_TEXT,
        word=_MAYBE_TEXT,
    ),
    "Side": _object(
        choice=_CHOICE,
        as_of=_MAYBE_MOMENT,
        confirmed=_FLAG,
        latest={"oneOf": [_ref("Statement"), {"type": "null"}]},
        failed=_MAYBE_TEXT,
    ),
    "Statement": _object(
        choice=_CHOICE,
        not_before=_MAYBE_MOMENT,
        not_after=_MAYBE_MOMENT,
        dated=_MAYBE_MOMENT,
        evidence=_TEXT,
    ),
    "Waiting": _object(event=_NUMBER, side=_TEXT, type=_TEXT, received_at=_MOMENT),
    "Entry": _object(
        at=_MOMENT,
        kind={"enum": ["received", "decided", "sent", "confirmed", "failed"]},
        side=_MAYBE_TEXT,
        mapping=_TEXT,
        line=_MAYBE_TEXT,
        verdict=_MAYBE_TEXT,
        reason=_TEXT,
        choice={"enum": ["granted", "denied", None]},
        file=_TEXT,
        mapping_version=_TEXT,
        line_number=_MAYBE_NUMBER,
        event=_MAYBE_NUMBER,
    ),
    "Replayed": _object(
        number=_NUMBER,
        source=_TEXT,
        refused=_FLAG,
        persons=_NUMBER,
        accepted=_NUMBER,
        duplicates=_NUMBER,
    ),
    "HeldLine": _object(
        mapping=_TEXT,
        person=_TEXT,
        line=_TEXT,
        line_number=_NUMBER,
        verdict=_TEXT,
        side=_TEXT,
        reason=_TEXT,
        agreed_at=_MAYBE_MOMENT,
        ticket=_TEXT,
    ),
    "Chosen": _object(mapping=_TEXT, person=_TEXT, line=_TEXT, ticket=_TEXT),
    "DeadLetter": _object(
        id=_TEXT,
        mapping=_TEXT,
        person=_TEXT,
        line=_MAYBE_TEXT,
        line_number=_MAYBE_NUMBER,
        side=_MAYBE_TEXT,
        choice={"enum": ["granted", "denied", "none", None]},
        event=_MAYBE_NUMBER,
        reason=_TEXT,
        failed_at=_MAYBE_MOMENT,
    ),
    "ChosenLetter": _object(mapping=_TEXT, person=_TEXT, id=_TEXT),
    "Decided": _object(taken=_NUMBER, changed=_NUMBER),
    "Erased": {
        "oneOf": [
            _object(persons=_NUMBER, waiting=_NUMBER, records=_NUMBER, events=_NUMBER),
            _object(lifted=_NUMBER),
        ]
    },
    "Status": _object(
        sides={"type": "object", "additionalProperties": _ref("SideStatus")},
        waiting_turns=_NUMBER,
        backlog_seconds=_MAYBE_AGE,
        retrying_turns=_NUMBER,
        oldest_waiting_age_seconds=_MAYBE_AGE,
        oldest_waiting_optout_age_seconds=_MAYBE_AGE,
        held=_NUMBER,
        failed=_NUMBER,
        persons=_NUMBER,
        mappings=_ref("Standing"),
        paused=_list("Pause"),
        not_called={"type": ["array", "null"], "items": _ref("Break")},
        resting_lines={"type": ["object", "null"], "additionalProperties": _NUMBER},
        alerts=_list("Alert"),
    ),
    "Pause": _object(to=_TEXT, mapping=_MAYBE_TEXT, since=_MAYBE_MOMENT, by=_TEXT),
    "Break": _object(
        side=_TEXT,
        account=_MAYBE_TEXT,
        mapping=_MAYBE_TEXT,
        cause={"enum": ["trouble", "credentials"]},
        writes_only=_FLAG,
        since=_MAYBE_MOMENT,
        why=_TEXT,
    ),
    "Alert": _object(alert=_TEXT, about=_MAYBE_TEXT, since=_MAYBE_MOMENT, detail=_TEXT),
    "Standing": _object(
        in_force=_list("MappingStanding"),
        problems={"type": "array", "items": _TEXT},
        warnings={"type": "array", "items": _TEXT},
    ),
    "MappingStanding": _object(mapping=_TEXT, file=_TEXT, version=_TEXT, current=_FLAG),
    "SideStatus": _object(
        last_event_at=_MAYBE_MOMENT,
        last_event_age_seconds=_MAYBE_AGE,
        events=_NUMBER,
        refused=_NUMBER,
    ),
}
