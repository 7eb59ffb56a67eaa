"""The state of one student: a function of the set of events, whatever their order, number and grouping."""

from typing import Any

from .aggregates import Aggregates
from .days import to_date, to_text
from .events import Event
from .outcomes import Outcome, Recent


class StudentState:
    """Aggregates, recent outcomes and the ids counted; ``events`` is the number of events ever counted.

    ``counted`` maps a day to the 64-bit digests of the ids that occurred on it.
    """

    __slots__ = ("aggregates", "counted", "events", "recent")

    def __init__(
        self,
        aggregates: Aggregates | None = None,
        recent: Recent | None = None,
        counted: dict[int, set[int]] | None = None,
        events: int = 0,
    ) -> None:
        self.aggregates = aggregates or Aggregates()
        self.recent = recent or Recent()
        self.counted: dict[int, set[int]] = {} if counted is None else counted
        self.events = events

    def has(self, event: Event) -> bool:
        """Tell whether an event with this id was counted, on whatever day."""
        digest = event.digest
        return any(digest in digests for digests in self.counted.values())

    def add(self, event: Event) -> bool:
        """Count an event once and learn from it; return False where its id was counted already."""
        if self.has(event):
            return False
        self.counted.setdefault(event.day, set()).add(event.digest)
        self.learn(event)
        return True

    def learn(self, event: Event) -> None:
        """Add what an event says, when its id is known not to have been counted."""
        self.aggregates.add(event.evidence)
        self.recent.add(event.outcomes)
        self.events += 1

    def merge(self, other: "StudentState") -> None:
        """Add the state of another, disjoint part of the same student's events."""
        self.aggregates.merge(other.aggregates)
        self.recent.merge(other.recent)
        for day, digests in other.counted.items():
            self.counted.setdefault(day, set()).update(digests)
        self.events += other.events

    def trim(self, first_day: int) -> None:
        """Forget what lies before the first day; the number of events ever counted stays."""
        self.aggregates.trim(first_day)
        self.recent = self.recent.since(first_day)
        for day in [day for day in self.counted if day < first_day]:
            del self.counted[day]

    def canonical(self) -> dict[str, Any]:
        """Return the state that the law speaks of, sorted, in terms a person can read."""
        return {
            "aggregates": [
                {
                    "day": to_date(row.day).isoformat(),
                    "component": str(row.component),
                    "topic": row.topic,
                    "score": row.score,
                    "weight": row.weight,
                }
                for row in self.aggregates.rows()
            ],
            "counted": {
                to_date(day).isoformat(): sorted(f"{digest & 0xFFFF_FFFF_FFFF_FFFF:016x}" for digest in digests)
                for day, digests in sorted(self.counted.items())
            },
            "outcomes": {
                "answers": [_readable(outcome) for outcome in self.recent.answers],
                "others": [_readable(outcome) for outcome in self.recent.others],
            },
        }


def _readable(outcome: Outcome) -> dict[str, Any]:
    return {**outcome._asdict(), "occurred_us": to_text(outcome.occurred_us), "kind": str(outcome.kind)}
