"""From bytes or a decoded object to an ``Event``, or to every reason why not. Pure: the time is an argument."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import jiter
from pydantic import ValidationError

from .domain.days import DAY_US, day_of, from_date, parse_date, to_us
from .domain.events import ALIASES, Event, EventType, digest64, first_day
from .domain.evidence import active
from .errors import InvalidJSON, Reason
from .event_effects import EFFECTS
from .event_forms import FORMS, encode_content, is_plain
from .event_schema import PAYLOADS, ActivityRecorded, Envelope, Payload

_TIMESTAMP = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
_NAMES = {
    f"{before}{name}{after}": kind
    for name, kind in ({kind.value: kind for kind in EventType} | ALIASES).items()
    for before in ("", "com.learnflow.")
    for after in ("", ".v1")
}
_CLOUD_ATTRIBUTES = {"event_id": "id", "event_type": "type", "timestamp": "time", "student_id": "subject"}
_EARLIEST_US, _LATEST_US = -62_135_596_800_000_000, 253_402_300_799_999_999

_MINUTES_US = {
    f"T{hour:02}:{minute:02}": (hour * 60 + minute) * 60_000_000 for hour in range(24) for minute in range(60)
}
_SECONDS_US = {f":{second:02}": second * 1_000_000 for second in range(60)}
_RESTS_US = dict.fromkeys(("Z", "+00:00"), 0) | {
    f".{milli:03}{zone}": milli * 1000 for milli in range(1000) for zone in ("Z", "+00:00")
}
_ACTIVITY = EventType.ACTIVITY_RECORDED

_REASONS = {
    "missing": "required",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "string_too_long": "must be at most {max_length} characters",
    "string_pattern_mismatch": "must consist of the characters A-Z a-z 0-9 . _ -",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must not be empty",
    "too_long": "must have at most {max_length} entries",
    "enum": "must be one of {expected}",
    "literal_error": "must be one of {expected}",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a smaller number",
    "float_parsing": "must be a number",
    "bool_parsing": "must be true or false",
    "date_from_datetime_parsing": "must be a date, YYYY-MM-DD",
    "date_parsing": "must be a date, YYYY-MM-DD",
    "date_from_datetime_inexact": "must be a date, YYYY-MM-DD",
}
# Ours, not pydantic's, since its messages may echo the value.


class Invalid(NamedTuple):
    """An event that failed validation, with every reason; the id where it is a usable one."""

    event_id: str | None
    reasons: tuple[Reason, ...]


def decode(content: bytes) -> Any:  # noqa: ANN401  # JSON may be anything
    """Decode JSON strictly: no NaN, no duplicate keys, bounded nesting, valid UTF-8.

    Raises ``InvalidJSON`` with a reason that says nothing of the content.
    """
    try:
        return jiter.from_json(content, allow_inf_nan=False, catch_duplicate_keys=True, cache_mode="keys")
    except ValueError as error:
        text = str(error)
        if "duplicate key" in text:
            reason = "a field is given twice"
        elif "recursion limit" in text:
            reason = "nested too deeply"
        else:
            reason = "not valid JSON"
        raise InvalidJSON(reason) from None


def decode_record(value: bytes | None, headers: Sequence[tuple[str, bytes | None]]) -> Any:  # noqa: ANN401  # JSON may be anything
    """Decode the value of a record; with CloudEvents in the headers (binary mode), in the envelope that they make up.

    Raises ``InvalidJSON``.
    """
    if value is None:
        reason = "there is no value"
        raise InvalidJSON(reason)
    content = decode(value)
    given = {name.lower(): text for name, text in headers}
    if "ce_specversion" not in given or _is_structured(given.get("content-type")):
        return content
    attributes = {name.removeprefix("ce_"): text for name, text in given.items() if name.startswith("ce_")}
    return {name: (text or b"").decode("utf-8", "replace") for name, text in attributes.items()} | {"data": content}


def _is_structured(content_type: bytes | None) -> bool:
    return content_type is not None and content_type.lower().startswith(b"application/cloudevents")


def validate(content: object, received_us: int) -> Event | Invalid:
    """Return the event that a decoded JSON value is, plain or in a CloudEvents 1.0 envelope, or all reasons against it.

    ``received_us`` is when it first arrived, in microseconds since the epoch.
    """
    event = recognise(content, received_us)
    return judge(content, received_us) if event is None else event


def recognise(content: object, received_us: int) -> Event | None:
    """Return the event where a form takes it, as nearly all do; what it is None for has to be judged."""
    if not isinstance(content, dict):
        return None
    reasons: list[Reason] = []
    plain = _unwrap(content, reasons) if "specversion" in content else content
    name = plain.get("event_type")
    kind = _NAMES.get(name) if isinstance(name, str) else None
    event = None if kind is None or reasons else FORMS[kind].read(plain)
    occurred_us = None if event is None else _instant(event.timestamp, received_us, reasons)
    if kind is None or event is None or occurred_us is None:
        return None
    day = occurred_us // DAY_US
    try:
        encoded = encode_content(kind, occurred_us, event.topic, event.data)
    except UnicodeEncodeError:
        return None
    if not is_plain(encoded) or (kind is _ACTIVITY and max(_active_days(event.data, day)) > day):
        return None
    return _event(event, event.data, kind, (occurred_us, received_us), encoded)


def judge(content: object, received_us: int) -> Event | Invalid:
    """Return the event, or all reasons against it, as the models say: the same as ``validate``, in its own time."""
    if not isinstance(content, dict):
        return Invalid(None, (Reason("", "must be an object"),))
    reasons: list[Reason] = []
    plain = _unwrap(content, reasons) if "specversion" in content else content
    envelope = _check(Envelope, plain, "", reasons)
    kind = _event_type(plain.get("event_type"), reasons)
    occurred_us = _instant(plain["timestamp"], received_us, reasons) if "timestamp" in plain else None
    payload = _payload(kind, plain.get("data"), reasons)
    _check_activity(kind, plain.get("data"), occurred_us, reasons)
    if reasons or envelope is None or kind is None or payload is None or occurred_us is None:
        return Invalid(_usable_id(plain), tuple(sorted(set(reasons))))
    encoded = encode_content(kind, occurred_us, envelope.topic, payload)
    return _event(envelope, payload, kind, (occurred_us, received_us), encoded)


def explain(error: ValidationError, prefix: str = "") -> Iterator[Reason]:
    """Yield the field and the reason, in our words and without the value, of everything that pydantic found."""
    for found in error.errors(include_url=False, include_input=False):
        field = ".".join(str(part) for part in (prefix, *found["loc"]) if part != "")
        yield Reason(field, reason_for(found["type"], found["msg"], found.get("ctx", {})))


def reason_for(kind: str, message: str, context: Mapping[str, Any]) -> str:
    """Return our words for an error that pydantic found, by its type; its own are used only where they are ours."""
    return message if kind == "rule" else _REASONS.get(kind, "is not valid").format(**context)


def _unwrap(cloud_event: Mapping[str, Any], reasons: list[Reason]) -> dict[str, Any]:
    if cloud_event["specversion"] != "1.0":
        reasons.append(Reason("specversion", "must be 1.0"))
    data = cloud_event.get("data")
    if not isinstance(data, dict):
        hint = "; data_base64 is not understood" if "data_base64" in cloud_event else ""
        reasons.append(Reason("data", f"must be an object{hint}"))
        data = {}
    taken = {ours: cloud_event[theirs] for ours, theirs in _CLOUD_ATTRIBUTES.items() if theirs in cloud_event}
    return taken | {name: value for name, value in data.items() if name not in taken or value is not None}


def _check(model: type[Any], content: object, prefix: str, reasons: list[Reason]) -> Any:  # noqa: ANN401  # the model
    try:
        return model.model_validate(content)
    except ValidationError as error:
        reasons.extend(explain(error, prefix))
        return None


def _event_type(value: object, reasons: list[Reason]) -> EventType | None:
    if not isinstance(value, str):
        return None  # the envelope has said so already
    kind = _NAMES.get(value)
    if kind is None:
        reasons.append(Reason("event_type", f"must be one of {', '.join(EventType)}, or an alias of one"))
    return kind


def _instant(value: object, received_us: int, reasons: list[Reason]) -> int | None:
    if isinstance(value, str):
        occurred_us = _parse(value)
    else:
        occurred_us = value * 1000 if isinstance(value, int) and not isinstance(value, bool) else None
    if occurred_us is None or not _EARLIEST_US <= occurred_us <= _LATEST_US:
        text = "must be RFC 3339 with an offset, as in 2026-01-15T10:30:00Z, or milliseconds since 1970"
        reasons.append(Reason("timestamp", text))
        return None
    if occurred_us > received_us + DAY_US:
        reasons.append(Reason("timestamp", "must not be more than a day ahead"))
        return None
    return occurred_us


def _parse(text: str) -> int | None:
    # The usual forms, in UTC: the day is one of few.
    minute_us, second_us, rest_us = _MINUTES_US.get(text[10:16]), _SECONDS_US.get(text[16:19]), _RESTS_US.get(text[19:])
    if minute_us is None or second_us is None or rest_us is None:
        return _parse_any(text)
    day_us = _day(text[:10])
    return None if day_us is None else day_us + minute_us + second_us + rest_us


@lru_cache(maxsize=1024)
def _day(text: str) -> int | None:
    return _parse_any(f"{text}T00:00:00Z")


def _parse_any(text: str) -> int | None:
    if not _TIMESTAMP.fullmatch(text):
        return None
    try:
        return to_us(datetime.fromisoformat(text.upper()))
    except ValueError:
        return None


def _payload(kind: EventType | None, data: object, reasons: list[Reason]) -> Payload | None:
    if kind is None or not isinstance(data, dict | None):
        return None
    fields = data or {}
    model = PAYLOADS[kind]
    reasons.extend(Reason(f"data.{name}".rstrip("."), reason) for name, reason in model.missing(fields))
    payload: Payload | None = _check(model, fields, "data", reasons)
    return payload


def _check_activity(kind: EventType | None, data: object, occurred_us: int | None, reasons: list[Reason]) -> None:
    """Check the dates that are dates, even where others are not: every reason is told at once."""
    dates = data.get("activity_dates") if isinstance(data, dict) else None
    if kind is not EventType.ACTIVITY_RECORDED or not isinstance(dates, list) or occurred_us is None:
        return
    day = day_of(occurred_us)
    listed = (parse_date(text) for text in dates if isinstance(text, str))
    if any(date is not None and from_date(date) > day for date in listed):
        reasons.append(Reason("data.activity_dates", "must not be after the day of the timestamp"))


def _event(
    about: Envelope,
    data: Any,  # noqa: ANN401  # a model or its form
    kind: EventType,
    times: tuple[int, int],
    content: bytes,
) -> Event:
    occurred_us, received_us = times
    day, oldest = occurred_us // DAY_US, first_day(received_us // DAY_US)
    piece, outcomes = EFFECTS[kind](about, data, occurred_us, day)
    digest = digest64(about.event_id.encode())
    if kind is _ACTIVITY:
        evidence = tuple(active(listed) for listed in sorted(_active_days(data, day)) if listed >= oldest)
    elif day < oldest:
        evidence = ()
    else:
        evidence = (active(day),) if piece is None else (piece, active(day))
    return Event(
        about.event_id, about.student_id, kind, occurred_us, received_us, digest, digest64(content), evidence, outcomes
    )


def _active_days(activity: ActivityRecorded, day: int) -> set[int]:
    """Return the days that an activity lists, and its own."""
    return {day, *map(from_date, activity.activity_dates or ())}


def _usable_id(plain: Mapping[str, Any]) -> str | None:
    reasons: list[Reason] = []
    _check(Envelope, {"event_id": plain.get("event_id")}, "", reasons)
    return None if any(reason.field == "event_id" for reason in reasons) else plain["event_id"]
