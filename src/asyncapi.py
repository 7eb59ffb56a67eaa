"""The contract of the topics: what the service reads and writes on Kafka, as an AsyncAPI 3 document."""

from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter

from . import __version__
from .answers import MasteryAnswer
from .domain.levels import Level
from .domain.struggles import Struggle
from .event_schema import PAYLOADS, Envelope
from .ports import Topic
from .results import CONTENT_TYPE, SOURCE, TYPES

VERSION: Final = "3.0.0"
_REF: Final = "#/components/schemas/{model}"
_TEXT: Final = {"type": "string"}
_DESCRIPTION: Final = (
    "Events of LearnFlow come in, results and what can never be applied go out. The key of every record is the id of "
    "the student. To know where a student stands it is enough to keep the newest revision of `updated`."
)


@dataclass(frozen=True, slots=True)
class _Channel:
    """A topic, what is done with it, and what is on it."""

    name: str
    topic: Topic
    action: str
    description: str
    messages: tuple[str, ...]


_CHANNELS: Final = (
    _Channel("events", Topic.EVENTS, "receive", "What happened, from any producer.", ("event",)),
    _Channel(
        "results", Topic.RESULTS, "send", "What follows from it.", ("updated", "levelChanged", "struggleDetected")
    ),
    _Channel("deadLetters", Topic.DEAD_LETTERS, "send", "Records that can never be applied.", ("deadLetter",)),
)


def event_schemas(ref: str = _REF) -> dict[str, Any]:
    """Return the JSON Schemas of events, as the components of a document have them."""
    schemas: dict[str, Any] = {}
    models: list[type[BaseModel]] = [Envelope, *PAYLOADS.values()]
    for model in models:
        schema = model.model_json_schema(ref_template=ref)
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema
    event_schema = schemas.pop("Envelope")
    event_schema["title"] = "Event"
    event_schema["properties"]["data"] = {
        "anyOf": [{"$ref": ref.format(model=m.__name__)} for m in PAYLOADS.values()] + [{"type": "null"}]
    }
    return schemas | {"Event": event_schema}


def document() -> dict[str, Any]:
    """Return the document."""
    return {
        "asyncapi": VERSION,
        "info": {"title": "mastery-engine", "version": __version__, "description": _DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": {channel.name: _shown(channel) for channel in _CHANNELS},
        "operations": {
            f"{channel.action}{channel.name[0].upper()}{channel.name[1:]}": {
                "action": channel.action,
                "channel": {"$ref": f"#/channels/{channel.name}"},
                "summary": channel.description,
            }
            for channel in _CHANNELS
        },
        "components": {"messages": _messages(), "schemas": event_schemas() | _result_schemas()},
    }


def _shown(channel: _Channel) -> dict[str, Any]:
    return {
        "address": channel.topic.value,
        "description": channel.description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in channel.messages},
    }


def _messages() -> dict[str, Any]:
    results = {
        name: {
            "name": TYPES[kind],
            "title": title,
            "summary": summary,
            "contentType": CONTENT_TYPE,
            "payload": _cloud_event(TYPES[kind], schema),
        }
        for name, kind, schema, title, summary in _RESULTS
    }
    event = {
        "name": "event",
        "title": "Event",
        "summary": "In plain form; a CloudEvent 1.0 whose data is this form is understood too.",
        "payload": {"$ref": _REF.format(model="Event")},
    }
    dead_letter = {
        "name": "deadLetter",
        "title": "Dead letter",
        "summary": "The record as it came, byte for byte; why it is here stands in its headers.",
        "payload": {},
        "headers": {
            "type": "object",
            "required": ["dlq-reason"],
            "properties": {
                "dlq-reason": {"enum": ["invalid", "conflict"]},
                "dlq-errors": _TEXT | {"description": "Every reason, by field; never a value."},
                "dlq-event-id": _TEXT,
                "dlq-correlation-id": _TEXT,
            },
        },
    }
    return {"event": event, **results, "deadLetter": dead_letter}


_RESULTS: Final = (
    ("updated", "updated", "Updated", "Mastery updated", "Where a student stands; one for each student and batch."),
    ("levelChanged", "level.changed", "LevelChanged", "Level changed", "Told against the level that was told last."),
    ("struggleDetected", "struggle.detected", "StruggleDetected", "Struggle detected", "A sign that help is needed."),
)


def _cloud_event(kind: str, schema: str) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["id", "source", "specversion", "type", "subject", "time", "datacontenttype", "data"],
        "properties": {
            "id": _TEXT | {"description": "A hash of the content: equal ids mean equal bytes."},
            "source": {"const": SOURCE},
            "specversion": {"const": "1.0"},
            "type": {"const": kind},
            "subject": _TEXT | {"description": "The id of the student."},
            "time": _TEXT | {"format": "date-time", "description": "When the newest of the causes occurred."},
            "datacontenttype": {"const": "application/json"},
            "data": {"$ref": _REF.format(model=schema)},
        },
        "additionalProperties": False,
    }


def _result_schemas() -> dict[str, Any]:
    answer, struggle = _schema_of(MasteryAnswer), _schema_of(Struggle)
    level = {"enum": [*Level, None]}
    detected = struggle["Struggle"]
    return (
        answer
        | struggle
        | {
            "Updated": _object(
                student_id=_TEXT,
                revision={"type": "integer", "minimum": 1, "description": "Keep the highest."},
                causes={"type": "array", "items": _TEXT, "description": "The ids of the events that this answers."},
                mastery={"$ref": _REF.format(model="MasteryAnswer")},
            ),
            "LevelChanged": _object(
                **{
                    "student_id": _TEXT,
                    "topic": {"type": ["string", "null"], "description": "Null is the whole."},
                    "from": level,
                    "to": level,
                }
            ),
            "StruggleDetected": _object(student_id=_TEXT, **detected["properties"]),
        }
    )


def _object(**properties: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON Schemas
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "additionalProperties": False,
    }


def _schema_of(model: type[Any]) -> dict[str, Any]:
    schema = TypeAdapter(model).json_schema(ref_template=_REF, mode="serialization")
    return {**schema.pop("$defs", {}), model.__name__: schema}
