"""The state of one student: a function of the set of events, whatever their order, number and grouping."""

from typing import Any

from .aggregates import Aggregates
from .days import to_date, to_text
from .events import Event
from .outcomes import Outcome, Recent

_UNSIGNED = 0xFFFF_FFFF_FFFF_FFFF


class StudentState:
    """Aggregates, recent outcomes and the ids counted; ``events`` is the number of events ever counted.

    ``counted`` maps the 64-bit digest of each id counted to the day on which its event occurred.
    """

    __slots__ = ("aggregates", "counted", "events", "recent")

    def __init__(
        self,
        aggregates: Aggregates | None = None,
        recent: Recent | None = None,
        counted: dict[int, int] | None = None,
        events: int = 0,
    ) -> None:
        self.aggregates = aggregates or Aggregates()
        self.recent = recent or Recent()
        self.counted: dict[int, int] = {} if counted is None else counted
        self.events = events

    def has(self, event: Event) -> bool:
        """Tell whether an event with this id was counted, on whatever day."""
        return event.digest in self.counted

    def add(self, event: Event) -> bool:
        """Count an event once and learn from it; return False where its id was counted already."""
        if self.has(event):
            return False
        self.counted[event.digest] = event.day
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
        self.counted.update(other.counted)
        self.events += other.events

    def trim(self, first_day: int) -> None:
        """Forget what lies before the first day; the number of events ever counted stays."""
        self.aggregates.trim(first_day)
        self.recent = self.recent.since(first_day)
        if any(day < first_day for day in self.counted.values()):
            self.counted = {digest: day for digest, day in self.counted.items() if day >= first_day}

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
            "counted": self._counted_by_day(),
            "outcomes": {
                "answers": [_readable(outcome) for outcome in self.recent.answers],
                "others": [_readable(outcome) for outcome in self.recent.others],
            },
        }

    def _counted_by_day(self) -> dict[str, list[str]]:
        by_day: dict[str, list[str]] = {}
        for digest, day in sorted(self.counted.items(), key=lambda item: (item[1], item[0] & _UNSIGNED)):
            by_day.setdefault(to_date(day).isoformat(), []).append(f"{digest & _UNSIGNED:016x}")
        return by_day


def _readable(outcome: Outcome) -> dict[str, Any]:
    return {**outcome._asdict(), "occurred_us": to_text(outcome.occurred_us), "kind": str(outcome.kind)}
