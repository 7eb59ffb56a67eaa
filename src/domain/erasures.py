"""An erased student: which erasure it was, and which of their events are refused since."""

import hmac
from binascii import crc_hqx
from dataclasses import dataclass
from typing import Self

REVISION_STEP = 1_000_000_000
"""In a revision the erasures stand above so many events; the whole stays below 2^53, which every reader can hold."""


_NAME_DIGITS = 32
_SLOTS = 16_384


class Pseudonym:
    """Returns the name under which a student's erasure is known: it does not tell the id, and the id leads to it.

    It is 128 bits of an HMAC, so that without the key nobody can try ids, and then, sealed with the key, the slot of
    the student in a Redis Cluster: what is kept under a pseudonym has to lie where the student's own keys do.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __call__(self, student_id: str) -> str:
        """Return the pseudonym of an id."""
        name = hmac.digest(self._key, student_id.encode(), "sha256")[:16].hex()
        return f"{name}{slot_of(student_id) ^ self._pad(name):04x}"

    def slot(self, pseudonym: str) -> int:
        """Return the slot of a student of whom only the pseudonym is known."""
        return int(pseudonym[_NAME_DIGITS:], 16) ^ self._pad(pseudonym[:_NAME_DIGITS])

    def _pad(self, name: str) -> int:
        # No id holds a zero byte, so this never is the pseudonym of one.
        return int.from_bytes(hmac.digest(self._key, b"slot\0" + name.encode(), "sha256")[:2]) % _SLOTS


def slot_of(student_id: str) -> int:
    """Return where a Redis Cluster keeps the keys of a student."""
    return crc_hqx(student_id.encode(), 0) % _SLOTS


@dataclass(frozen=True, slots=True)
class Erasure:
    """How often a student was erased and when last, and since when they consent again, in microseconds since 1970."""

    number: int
    at_us: int
    consented_us: int | None = None

    @property
    def changed_us(self) -> int:
        """Return when this was last changed: the moment of consent, or else of the erasure."""
        return self.consented_us or self.at_us

    def refuses(self, received_us: int) -> bool:
        """Tell whether an event is refused: without consent every one, else those received before it."""
        return self.consented_us is None or received_us <= self.consented_us

    def supersedes(self, other: Self | None) -> bool:
        """Tell whether it says more than another of the same student."""
        if other is None or self.number != other.number:
            return other is None or self.number > other.number
        return self.consented_us is not None and other.consented_us is None

    def is_settled_by(self, marker: Self | None) -> bool:
        """Tell whether a marker makes it pointless: a newer one, or consent after this very erasure."""
        return marker is not None and (
            marker.number > self.number or (marker.number == self.number and marker.consented_us is not None)
        )

    def encoded(self) -> str:
        """Return it as a marker in a store: the number first, and last the consent, empty where there is none."""
        return f"{self.number}:{self.at_us}:{'' if self.consented_us is None else self.consented_us}"

    @classmethod
    def decoded(cls, marker: str) -> Self:
        """Return what a marker says."""
        number, at_us, consented_us = marker.split(":")
        return cls(int(number), int(at_us), int(consented_us) if consented_us else None)


def revision(erasures: int, events: int) -> int:
    """Return what orders the results of a student: the erasures so far, then the events ever counted."""
    return erasures * REVISION_STEP + events
