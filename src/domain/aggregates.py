"""The integer aggregates of one student: addition only, so the order and grouping of evidence cannot matter."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from .evidence import Component, Evidence

Key: TypeAlias = tuple[Component, str | None]


class Series:
    """Sums per day of one component and topic, sorted by day; scores and weights in micro-units."""

    __slots__ = ("days", "scores", "weights")

    def __init__(
        self, days: list[int] | None = None, scores: list[int] | None = None, weights: list[int] | None = None
    ) -> None:
        self.days: list[int] = [] if days is None else days
        self.scores: list[int] = [] if scores is None else scores
        self.weights: list[int] = [] if weights is None else weights

    def add(self, day: int, score: int, weight: int) -> None:
        """Add to the sums of a day."""
        days = self.days
        at = len(days) - 1
        if at < 0 or days[at] != day:  # most evidence is of the last day
            at = bisect_left(days, day)
        if at < len(days) and days[at] == day:
            self.scores[at] += score
            self.weights[at] += weight
        else:
            days.insert(at, day)
            self.scores.insert(at, score)
            self.weights.insert(at, weight)

    def between(self, first: int, last: int) -> "Series":
        """Return the part from first to last, both included; itself where nothing lies outside."""
        days = self.days
        if days and first <= days[0] and days[-1] <= last:
            return self
        low, high = bisect_left(days, first), bisect_right(days, last)
        return Series(days[low:high], self.scores[low:high], self.weights[low:high])

    def rows(self) -> Iterator[tuple[int, int, int]]:
        """Yield (day, score, weight) in the order of days."""
        return zip(self.days, self.scores, self.weights, strict=True)


class Aggregates:
    """Every series of a student, by component and topic."""

    __slots__ = ("series",)

    def __init__(self, series: dict[Key, Series] | None = None) -> None:
        self.series: dict[Key, Series] = {} if series is None else series

    def __bool__(self) -> bool:
        """Tell whether there is any evidence."""
        return bool(self.series)

    def __eq__(self, other: object) -> bool:
        """Compare what is stored, whatever the order it came in."""
        return isinstance(other, Aggregates) and self.rows() == other.rows()

    __hash__ = None  # type: ignore[assignment]  # mutable, as list is

    def add(self, evidence: Iterable[Evidence]) -> None:
        """Add pieces of evidence."""
        series = self.series
        for day, component, topic, score, weight in evidence:
            key = (component, topic)
            part = series.get(key)
            if part is None:
                part = series[key] = Series()
            part.add(day, score, weight)

    def merge(self, other: "Aggregates") -> None:
        """Add the sums of another part of the same student's evidence."""
        for key, part in other.series.items():
            mine = self.series.setdefault(key, Series())
            for day, score, weight in part.rows():
                mine.add(day, score, weight)

    def trim(self, first_day: int) -> None:
        """Forget the days before the first day."""
        for key, series in list(self.series.items()):
            if series.days[0] < first_day:
                kept = series.between(first_day, series.days[-1])
                if kept.days:
                    self.series[key] = kept
                else:
                    del self.series[key]

    def between(self, first: int, last: int) -> "Aggregates":
        """Return the part from first to last, both included, without empty series."""
        parts = ((key, series.between(first, last)) for key, series in self.series.items())
        return Aggregates({key: part for key, part in parts if part.days})

    def topics(self) -> list[str]:
        """Return the topics that there is evidence of, sorted."""
        return sorted({topic for _, topic in self.series if topic is not None})

    def rows(self) -> list[Evidence]:
        """Return the sums in canonical order: by day, component and topic."""
        return sorted(
            (
                Evidence(day, component, topic, score, weight)
                for (component, topic), series in self.series.items()
                for day, score, weight in series.rows()
            ),
            key=lambda row: (row.day, row.component, row.topic or ""),
        )
