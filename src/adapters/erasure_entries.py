"""Entries of the ledger of erasures, as JSON: of a file each is a line, of a topic each is a value."""

import logging
from collections.abc import Iterable

import msgspec

from ..domain.erasures import Erasure

_log = logging.getLogger("mastery_engine.erasures")


class _Entry(msgspec.Struct, frozen=True):
    subject: str
    number: int
    at_us: int
    consented_us: int | None = None


_decode = msgspec.json.Decoder(_Entry).decode


def encoded(pseudonym: str, erasure: Erasure) -> bytes:
    """Return an entry, on one line."""
    return msgspec.json.encode(_Entry(pseudonym, erasure.number, erasure.at_us, erasure.consented_us))


def take(entries: Iterable[bytes], found: dict[str, Erasure]) -> None:
    """Add to what was found the entries that say more; one that cannot be read is told and passed over."""
    for content in entries:
        try:
            entry = _decode(content)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            _log.warning("ERASURE entry cannot be read", extra={"bytes": len(content)})
            continue
        erasure = Erasure(entry.number, entry.at_us, entry.consented_us)
        if erasure.supersedes(found.get(entry.subject)):
            found[entry.subject] = erasure
