"""State as bytes: MessagePack, with the types checked on the way back."""

import itertools
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import TypeAlias

import msgspec

from ..domain.aggregates import Aggregates, Series
from ..domain.cohort_statistics import Thresholds
from ..domain.evidence import Component
from ..domain.outcomes import WINDOW_SIZE, Outcome

_Packed: TypeAlias = list[tuple[Component, str | None, list[int], list[int], list[int]]]

_COUNTED, _DIGEST, _DAY_BYTES = struct.Struct(">iq"), struct.Struct(">q"), 4
_ARRAY_HEADER = b"\xdd"
# In MessagePack an array is this byte, the number of its elements in four bytes, and the elements one after another.
_COMPRESSED, _LEVEL = struct.Struct(">BI"), 3
_MARK = 0xC1
# The one byte that MessagePack never uses, then the number of compressed bytes that follow. Higher levels save little.

_encode = msgspec.msgpack.Encoder().encode
_decode_series = msgspec.msgpack.Decoder(_Packed).decode
_decode_outcomes = msgspec.msgpack.Decoder(list[Outcome]).decode


def pack_aggregates(aggregates: Aggregates) -> bytes:
    """Return aggregates as bytes."""
    return _encode([(*key, part.days, part.scores, part.weights) for key, part in aggregates.series.items()])


def unpack_aggregates(body: bytes) -> Aggregates:
    """Return the aggregates that were packed."""
    return Aggregates({(c, topic): Series(d, s, w) for c, topic, d, s, w in _decode_series(body)})


def join_outcomes(outcomes: list[Outcome]) -> bytes:
    """Return outcomes as bytes to which those of more can be appended."""
    return b"".join(map(_encode, outcomes))


def compress_outcomes(outcomes: list[Outcome]) -> bytes:
    """Return outcomes as a sixth of those bytes, to which joined ones can be appended."""
    compressed = zlib.compress(join_outcomes(outcomes), _LEVEL)
    return _COMPRESSED.pack(_MARK, len(compressed)) + compressed


def split_outcomes(body: bytes, number: int) -> list[Outcome]:
    """Return the number of outcomes that were joined, the first of them compressed or not."""
    if body and body[0] == _MARK:
        end = _COMPRESSED.size + _COMPRESSED.unpack_from(body)[1]
        body = zlib.decompress(body[_COMPRESSED.size : end]) + body[end:]
    return _decode_outcomes(_ARRAY_HEADER + number.to_bytes(4, "big") + body)


def newest_outcomes(body: bytes, number: int) -> list[Outcome]:
    """Return a window of what was joined, oldest first; more may be stored, in any order, than a window holds."""
    # The first three fields tell any two apart, so nothing else is ever compared.
    return sorted(split_outcomes(body, number))[-WINDOW_SIZE:]


def pack_counted(counted: Iterable[tuple[int, int]]) -> bytes:
    """Return (day, digest) pairs as bytes of one width, to which more can be appended."""
    return b"".join(itertools.starmap(_COUNTED.pack, counted))


def unpack_counted(body: bytes) -> Iterator[tuple[int, int]]:
    """Yield the (day, digest) pairs that were packed."""
    return _COUNTED.iter_unpack(body)


def is_counted(body: bytes, digest: int) -> bool:
    """Tell whether a digest is among the packed pairs."""
    sought = _DIGEST.pack(digest)
    at = body.find(sought)
    while at >= 0 and (at - _DAY_BYTES) % _COUNTED.size:
        at = body.find(sought, at + 1)
    return at >= 0


def pack_outcomes(outcomes: list[Outcome]) -> bytes:
    """Return one window of outcomes as bytes."""
    return _encode(outcomes)


def unpack_outcomes(body: bytes) -> list[Outcome]:
    """Return the window that was packed."""
    return _decode_outcomes(body)


def pack_thresholds(thresholds: Thresholds) -> str:
    """Return thresholds as JSON, for people to read too."""
    return msgspec.json.encode(thresholds).decode()


def unpack_thresholds(text: str | bytes) -> Thresholds:
    """Return the thresholds that were packed; one that is missing is as usual."""
    return msgspec.json.decode(text, type=Thresholds)
