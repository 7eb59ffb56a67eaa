"""State as bytes: MessagePack, with the types checked on the way back."""

from typing import TypeAlias

import msgspec

from ..domain.aggregates import Aggregates, Series
from ..domain.evidence import Component
from ..domain.outcomes import Outcome

_Packed: TypeAlias = list[tuple[Component, str | None, list[int], list[int], list[int]]]

_encode = msgspec.msgpack.Encoder().encode
_decode_series = msgspec.msgpack.Decoder(_Packed).decode
_decode_outcomes = msgspec.msgpack.Decoder(list[Outcome]).decode


def pack_aggregates(aggregates: Aggregates) -> bytes:
    """Return aggregates as bytes."""
    return _encode([(*key, part.days, part.scores, part.weights) for key, part in aggregates.series.items()])


def unpack_aggregates(body: bytes) -> Aggregates:
    """Return the aggregates that were packed."""
    return Aggregates({(c, topic): Series(d, s, w) for c, topic, d, s, w in _decode_series(body)})


def pack_outcomes(outcomes: list[Outcome]) -> bytes:
    """Return one window of outcomes as bytes."""
    return _encode(outcomes)


def unpack_outcomes(body: bytes) -> list[Outcome]:
    """Return the window that was packed."""
    return _decode_outcomes(body)
