"""Batch jobs: the same question about many students, answered in the background."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final, Self

from .evidence import Component
from .model import MasteryModel, Method

MAX_BATCH_STUDENTS: Final = 1000
"""How many students may be listed; a cohort may be larger."""

MAX_OPEN_BATCHES: Final = 16
"""How many unfinished jobs somebody may have."""


class BatchKind(StrEnum):
    """What is asked about each student."""

    MASTERY = "mastery"
    PREDICTION = "prediction"
    RECOMMENDATION = "recommendation"
    RECOMPUTE = "recompute"


class BatchStatus(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ItemStatus(StrEnum):
    """What became of one student of a job; a student without evidence is done."""

    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Configuration:
    """A configuration of the mastery model, as a job keeps it; weights are in micro-units."""

    method: Method
    weights: Mapping[Component, int]
    half_life_days: Decimal

    @classmethod
    def of(cls, model: MasteryModel) -> Self:
        """Return the configuration of a model."""
        return cls(model.method, model.weights, model.half_life_days)

    def model(self) -> MasteryModel:
        """Return the model that has this configuration."""
        return MasteryModel(self.method, dict(self.weights), self.half_life_days)


@dataclass(frozen=True, slots=True)
class BatchSpec:
    """What a job is to do, fixed when it is made, so that every worker derives the same.

    ``as_of`` and ``kept_from`` are days; ``current`` is the configuration of the service at that time and ``proposed``
    the one that ``recompute`` compares it with.
    """

    kind: BatchKind
    requester: str
    correlation_id: str
    created_us: int
    as_of: int
    kept_from: int
    current: Configuration
    proposed: Configuration | None = None
