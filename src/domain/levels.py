"""From a value to words: level and status, read off rounded micro-units."""

from bisect import bisect_right
from enum import StrEnum


class Level(StrEnum):
    """How well a student masters something."""

    BEGINNER = "beginner"
    DEVELOPING = "developing"
    COMPETENT = "competent"
    PROFICIENT = "proficient"
    EXPERT = "expert"


class Status(StrEnum):
    """How much a score may be relied on."""

    NO_EVIDENCE = "no_evidence"
    INSUFFICIENT_EVIDENCE = "insufficient_evidence"
    OK = "ok"


LEVEL_FROM = {
    Level.BEGINNER: 0,
    Level.DEVELOPING: 400_000,
    Level.COMPETENT: 600_000,
    Level.PROFICIENT: 750_000,
    Level.EXPERT: 900_000,
}
"""The score in micro-units from which a level holds, lowest first."""

SUFFICIENT_CONFIDENCE = 200_000
"""Below this confidence, in micro-units, no level is claimed."""

_NO_EVIDENCE, _INSUFFICIENT_EVIDENCE, _OK = Status
# Members of an enum are looked up in Python code.
_LEVELS, _STARTS = tuple(LEVEL_FROM), tuple(LEVEL_FROM.values())


def level_of(score: int) -> Level:
    """Return the level of a score in micro-units."""
    return _LEVELS[bisect_right(_STARTS, score) - 1]


def status_of(score: int | None, confidence: int) -> Status:
    """Return what a score in micro-units with this confidence is worth."""
    if score is None:
        return _NO_EVIDENCE
    return _OK if confidence >= SUFFICIENT_CONFIDENCE else _INSUFFICIENT_EVIDENCE
