"""The models of ``event_schema`` as msgspec structs: they tell a valid event in a fraction of the time, no more.

Whatever a form does not take is left to the models, which know the reasons (ADR 0016). So a form may refuse what
the models accept, and never the other way round; it is derived from the models, and does not state the format again.
"""

import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
from pydantic import BaseModel, Strict, WithJsonSchema
from pydantic.fields import FieldInfo

from .domain.events import EventType
from .event_schema import ID_PATTERN, PAYLOADS, Envelope, Payload, calendar_date, unsigned

_ID_CHARACTERS = (string.ascii_letters + string.digits + "._-").encode()
_BOUNDS = ("ge", "le", "min_length", "max_length")
_encode = msgspec.json.Encoder(enc_hook=lambda model: model.__dict__).encode


@dataclass(frozen=True, slots=True)
class Form:
    """How events of one type are recognised as valid."""

    struct: type[msgspec.Struct]
    missing: Callable[[dict[str, Any]], Sequence[tuple[str, str]]]
    within: Callable[[Any], tuple[int | None, int | None]] | None

    def read(self, plain: dict[str, Any]) -> Any:  # noqa: ANN401  # with the fields of Envelope and of the payload
        """Return the event in this form, None where the models have to judge; its content is left to ``is_plain``."""
        try:
            event: Any = msgspec.convert(plain, self.struct)
        except ValueError:
            return None
        if event.data is None or self.missing(plain["data"]):
            return None
        if self.within is not None:
            part, whole = self.within(event.data)
            if part is not None and whole is not None and part > whole:
                return None
        # All at once, since the characters of a whole are those of its parts.
        ids = f"{event.event_id}{event.student_id}"
        source_is_plain = event.source is None or event.source.isascii()
        return event if source_is_plain and ids.isascii() and not ids.encode().translate(None, _ID_CHARACTERS) else None


def encode_content(kind: EventType, occurred_us: int, topic: str | None, payload: Any) -> bytes:  # noqa: ANN401  # or a form
    """Return everything but the ids and the source as bytes, the same for a model and its form.

    Raises ``UnicodeEncodeError`` for half a character, which JSON cannot hold but a dict can.
    """
    return _encode((kind, occurred_us, topic, payload))


def is_plain(content: bytes) -> bool:
    """Tell whether every text in an encoded content consists of the characters of ids, and no zero has a sign."""
    # Of a text without other characters two quotes are left that touch. Any other keeps its first quote to itself.
    rest = content.translate(None, _ID_CHARACTERS)
    return rest.count(b'"') == 2 * rest.count(b'""') and b":-0.0" not in content


def _form(payload: type[Payload]) -> Form:
    fields = [*_fields(Envelope, but="data"), ("data", struct_of(payload) | None, None)]
    struct = msgspec.defstruct(f"{payload.__name__}Event", fields, kw_only=True, frozen=True, gc=False)
    return Form(struct, payload.missing, payload.within and attrgetter(*payload.within))


def struct_of(model: type[BaseModel]) -> type[msgspec.Struct]:
    """Return the struct that a model is as a form; raises ``TypeError`` for a rule that it cannot hold."""
    return msgspec.defstruct(model.__name__, _fields(model), kw_only=True, frozen=True, gc=False)


def _fields(model: type[BaseModel], but: str = "") -> list[Any]:
    hints = get_type_hints(model, include_extras=True)
    return [(name, _type(hints[name]), *_default(field)) for name, field in model.model_fields.items() if name != but]


def _default(field: FieldInfo) -> tuple[Any, ...]:
    if field.is_required():
        return ()
    return (tuple(field.default) if isinstance(field.default, list) else field.default,)


def _type(annotation: Any) -> Any:  # noqa: ANN401  # types are values here
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        rules = [rule for extra in inner[1:] for rule in (extra.metadata if isinstance(extra, FieldInfo) else [extra])]
        bounds = dict(bound for rule in rules for bound in _bounds(rule))
        return Annotated[_type(inner[0]), msgspec.Meta(**bounds)] if bounds else _type(inner[0])
    if origin in (Union, UnionType):
        return Union[tuple(map(_type, inner))]  # noqa: UP007  # of a tuple
    if origin is list:
        return tuple[_type(inner[0]), ...]  # type: ignore[misc]
    return struct_of(annotation) if isinstance(annotation, type) and issubclass(annotation, BaseModel) else annotation


def _bounds(rule: object) -> list[tuple[str, Any]]:
    """Return a rule as limits of msgspec's; one that is unknown here must not be left out in silence."""
    bounds = [(name, getattr(rule, name)) for name in _BOUNDS if getattr(rule, name, None) is not None]
    if not (
        bounds
        or isinstance(rule, Strict | WithJsonSchema)  # forms are strict, and read a timestamp as it is
        or getattr(rule, "pattern", None) == ID_PATTERN  # is_plain
        or getattr(rule, "func", None) in (unsigned, calendar_date)  # is_plain; the only form of a date
    ):
        message = f"no form for the rule {rule}"
        raise TypeError(message)
    return bounds


FORMS: dict[EventType, Form] = {kind: _form(payload) for kind, payload in PAYLOADS.items()}
