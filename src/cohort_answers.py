"""Views of a class as they go over the wire."""

from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from .answers import MasteryAnswer, ModelInfo
from .domain.cohort_statistics import Group, Hotspot, Placed, Summary, Thresholds, TopicSummary
from .domain.comparison import Difference
from .domain.struggles import Struggle


@dataclass(frozen=True, slots=True)
class CohortMasteryAnswer:
    """A page of the students' own answers; ``what_if`` where another model than the configured one was asked for."""

    students: tuple[MasteryAnswer, ...]
    next: str | None
    model: ModelInfo
    what_if: bool


@dataclass(frozen=True, slots=True)
class CohortSummaryAnswer(Summary):
    """The summary of a class, as a whole or in one topic, and of each topic."""

    cohort_id: str
    as_of: date
    topic: str | None
    topics: tuple[TopicSummary, ...]
    model: ModelInfo
    what_if: bool


@dataclass(frozen=True, slots=True)
class ComparedCohort(Summary):
    """One side of a comparison."""

    cohort_id: str
    as_of: date


@dataclass(frozen=True, slots=True)
class ComparisonAnswer:
    """Two classes, or one at two dates; the difference is the first minus the second."""

    first: ComparedCohort
    second: ComparedCohort
    difference: Difference
    topic: str | None
    model: ModelInfo
    what_if: bool


@dataclass(frozen=True, slots=True)
class TriageAnswer:
    """Every student in one group; ``preview`` where the thresholds are not those that are kept."""

    as_of: date
    groups: dict[Group, tuple[Placed, ...]]
    thresholds: Thresholds
    preview: bool
    model: ModelInfo
    what_if: bool


@dataclass(frozen=True, slots=True)
class HotspotsAnswer:
    """Topics by the share of the students with evidence of them who struggle."""

    hotspots: tuple[Hotspot, ...]


@dataclass(frozen=True, slots=True)
class CohortStruggle(Struggle):
    """An open struggle, and whose it is."""

    student_id: str


@dataclass(frozen=True, slots=True)
class CohortStrugglesAnswer:
    """A page of open struggles, newest first."""

    struggles: tuple[CohortStruggle, ...]
    next: str | None


def shown(values: Summary | Struggle, **more: object) -> dict[str, Any]:
    """Return the fields of what is shown, and more beside them."""
    return {part.name: getattr(values, part.name) for part in fields(values)} | more
