"""Fitted models as bytes: JSON in gzip, named by a digest of its content, read without running anything in it.

The digest is of the content alone. When and from what it was fitted stands beside, so that the same answers give the
same model.
"""

import gzip
import zlib
from hashlib import blake2b
from typing import Any

import msgspec

from .domain.learner import LearnerModel
from .domain.learner_history import FEATURES, FEATURES_VERSION
from .domain.learner_tables import COUNTED, LED, TABLES, Count, Tables
from .domain.learner_trees import Node, Trees, tree
from .errors import ModelInvalid

FORM = "mastery-engine/learner-model/1"
MAX_CONTENT = 64 * 1024 * 1024
"""The largest model that is read, in bytes."""

_CHUNK = 1024 * 1024
_encode = msgspec.json.Encoder(order="deterministic").encode


class TreeContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """One tree, node by node: feature, threshold, child below and above; and the values of its leaves."""

    features: tuple[int, ...]
    thresholds: tuple[float, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]
    leaves: tuple[float, ...]


class Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a model is made of."""

    form: str
    features_version: int
    features: tuple[str, ...]
    everything: tuple[int, int]
    tables: dict[str, dict[str, tuple[int, int]]]
    start: float
    trees: tuple[TreeContent, ...]
    about: dict[str, Any]


class _Parts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The same with its large parts not yet read: each is by itself, so that other threads get a turn in between."""

    form: str
    features_version: int
    features: tuple[str, ...]
    everything: tuple[int, int]
    tables: dict[str, msgspec.Raw]
    start: float
    trees: tuple[msgspec.Raw, ...]
    about: dict[str, Any]


class _Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    content: msgspec.Raw
    fitted_at: str
    fitted_from: tuple[str, ...]
    model_id: str


_read_envelope = msgspec.json.Decoder(_Envelope).decode
_read_parts = msgspec.json.Decoder(_Parts).decode
_read_table = msgspec.json.Decoder(dict[str, tuple[int, int]]).decode
_read_tree = msgspec.json.Decoder(TreeContent).decode


def write_artefact(content: Content, fitted_at: str, fitted_from: tuple[str, ...] = ()) -> tuple[str, bytes]:
    """Return the id of a model and its bytes; ``fitted_from`` names where the answers came from."""
    raw = _encode(content)
    model_id = _digest(raw)
    return model_id, gzip.compress(_encode(_Envelope(msgspec.Raw(raw), fitted_at, fitted_from, model_id)), mtime=0)


def read_artefact(data: bytes) -> LearnerModel:
    """Return the model; raises ``ModelInvalid``, which says why, for bytes that are none."""
    try:
        envelope = _read_envelope(_unpacked(data))
        content = _content(_read_parts(envelope.content))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        message = "is not a model as this version writes it"
        raise ModelInvalid(message) from None
    named = _digest(bytes(envelope.content))
    if envelope.model_id != named:  # no secret: whoever can write a model can name it
        message = "was changed after it was written"
        raise ModelInvalid(message)
    _check(content)
    return LearnerModel(
        model_id=envelope.model_id,
        fitted_at=envelope.fitted_at,
        fitted_from=envelope.fitted_from,
        tables=_tables(content),
        trees=Trees(content.start, tuple(_root(one, content.features) for one in content.trees)),
        about=content.about,
    )


def _content(parts: _Parts) -> Content:
    return Content(
        form=parts.form,
        features_version=parts.features_version,
        features=parts.features,
        everything=parts.everything,
        tables={name: _read_table(table) for name, table in parts.tables.items()},
        start=parts.start,
        trees=tuple(map(_read_tree, parts.trees)),
        about=parts.about,
    )


def _unpacked(data: bytes) -> bytes:
    reader = zlib.decompressobj(wbits=31)
    try:
        unpacked = reader.decompress(data, MAX_CONTENT)
    except zlib.error:
        message = "is not readable as gzip"
        raise ModelInvalid(message) from None
    if not reader.eof:
        message = "is cut off or too large"
        raise ModelInvalid(message)
    return unpacked


def _digest(raw: bytes) -> str:
    return blake2b(raw, digest_size=16).hexdigest()


def _check(content: Content) -> None:
    if content.form != FORM or content.features_version != FEATURES_VERSION:
        message = "was fitted by another version of the service; fit it again"
        raise ModelInvalid(message)
    if not set(content.features) <= set(FEATURES) or set(content.tables) != set(TABLES):
        message = "names features or tables that this version does not know"
        raise ModelInvalid(message)
    counts = [count for name, table in content.tables.items() if name in COUNTED for count in table.values()]
    if any(not 0 <= right <= answers for answers, right in [content.everything, *counts]):
        message = "holds numbers that cannot be"
        raise ModelInvalid(message)
    if any(information < 0 for name in LED for information, _ in content.tables[name].values()):
        message = "holds numbers that cannot be"
        raise ModelInvalid(message)


def _tables(content: Content) -> Tables:
    tables = {name: {key: Count(*count) for key, count in content.tables[name].items()} for name in TABLES}
    return Tables(everything=Count(*content.everything), **tables)


def _root(one: TreeContent, names: tuple[str, ...]) -> Node:
    places = {at: FEATURES.index(name) for at, name in enumerate(names)}
    try:
        return tree([places[at] for at in one.features], one.thresholds, one.low, one.high, one.leaves)
    except (ValueError, KeyError):
        message = "holds a tree that is none"
        raise ModelInvalid(message) from None
