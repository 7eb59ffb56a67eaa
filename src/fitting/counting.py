"""The tables of a model, counted over students; and the same without some of these students.

A student's own answers must not be in the tables that their features are made from while fitting, else the learner
would lean on what it will not find when it serves. So students are counted in groups, and a group is shown the tables
of all others.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ..domain.fixed import MICRO
from ..domain.learner_history import Answered, History, question
from ..domain.learner_tables import NOTHING, TABLES, Count, Tables, key_of
from ..domain.outcomes import WINDOW_SIZE, Outcome

Sums = defaultdict[str, list[int]]
LEAD_ROUNDS = 3
"""How often leads are estimated anew with the abilities that the last ones gave."""

LEAST = {"runs": 2, "returns": 2, "steps": 2, "turns": 2}
"""What was met fewer times does not stand in these tables: it tells next to nothing, and there is much of it."""

RESTART = 50
"""While fitting, a history is begun anew when so many answers more than a window holds were taken."""


class Counts:
    """Sums by table and key, in whole numbers, so that they can be added and taken away exactly."""

    __slots__ = ("everything", "tables")

    def __init__(self) -> None:
        self.everything = [0, 0]
        self.tables: dict[str, Sums] = {name: defaultdict(_nothing) for name in TABLES}

    def add(self, table: str, key: str, answers: int, right: int) -> None:
        """Add to one sum."""
        count = self.tables[table][key]
        count[0] += answers
        count[1] += right

    def merge(self, other: "Counts") -> None:
        """Add all sums of others."""
        self.everything[0] += other.everything[0]
        self.everything[1] += other.everything[1]
        for name, table in other.tables.items():
            for key, (answers, right) in table.items():
                self.add(name, key, answers, right)

    def tables_of(self) -> Tables:
        """Return the sums as tables to look into; lists stand in for counts."""
        return Tables(everything=Count(*self.everything), **self.tables)  # type: ignore[arg-type]  # lists

    def without(self, part: "Counts") -> Tables:
        """Return the tables without a part of what was counted."""
        left = {name: _Without(self.tables[name], part.tables[name], LEAST.get(name, 0)) for name in TABLES}
        (answers, right), (fewer, less) = self.everything, part.everything
        return Tables(everything=Count(answers - fewer, right - less), **left)


@dataclass(frozen=True, slots=True)
class _Without:
    """A table less a part of it."""

    all: Sums
    part: Sums
    least: int

    def get(self, key: str, default: Count, /) -> Count:
        """Return the count that is left of a key."""
        found = self.all.get(key)
        if found is None:
            return default
        (answers, right), (own, own_right) = found, self.part.get(key, NOTHING)
        return Count(answers - own, right - own_right) if answers - own >= self.least else default


Group = Sequence[list[Outcome]]
"""The answers of some students, each in their order."""


def count_groups(groups: Sequence[Group]) -> tuple[Counts, list[Counts]]:
    """Return the counts of all students, and of each group."""
    parts = [count(group) for group in groups]
    total = Counts()
    for part in parts:
        total.merge(part)
    for _ in range(LEAD_ROUNDS):
        _lead(total, parts, groups)
    return total, parts


def count(group: Group) -> Counts:
    """Return how often what was answered right, but for the leads."""
    counts, nothing = Counts(), Counts().tables_of()
    for answers in group:
        history = History(nothing)
        for outcome in answers:
            taken = Answered(question(nothing, outcome.item, outcome.skills), int(outcome.success), outcome.occurred_us)
            _count(counts, history, taken)
            history.take(taken)
    return counts


def _count(counts: Counts, history: History, taken: Answered) -> None:
    (item, skills, key, _), right, _ = taken
    run, last = history.run(key), history.last()
    counts.everything[0] += 1
    counts.everything[1] += right
    for skill in skills:
        counts.add("skills", skill, 1, right)
    if len(skills) > 1:
        counts.add("sets", key, 1, right)
    counts.add("runs", key_of(key, run), 1, right)
    counts.add("habits", run, 1, right)
    if last is not None:
        counts.add("turns", key_of(last.question.key, str(last.right), key), 1, right)
    if item is None:
        return
    counts.add("items", item, 1, right)
    counts.add("returns", key_of(run[-1:], item), 1, right)
    if last is not None and last.question.item is not None:
        counts.add("steps", key_of(last.question.item, str(last.right), item), 1, right)


def _lead(total: Counts, parts: Sequence[Counts], groups: Sequence[Group]) -> None:
    """Estimate the leads of items anew: one step of Newton's method, at the abilities that the present leads give."""
    tables = total.tables_of()
    found: list[Sums] = []
    for group in groups:
        sums: Sums = defaultdict(_nothing)
        for answers in group:
            _add_leads(sums, tables, answers)
        found.append(sums)
    total.tables["leads"] = defaultdict(_nothing)
    for part, sums in zip(parts, found, strict=True):
        part.tables["leads"] = sums
        for item, (information, surplus) in sums.items():
            total.add("leads", item, information, surplus)


def _add_leads(sums: Sums, tables: Tables, answers: list[Outcome]) -> None:
    history = Restarting(tables)
    for outcome in answers:
        asked = question(tables, outcome.item, outcome.skills)
        if outcome.item is not None:
            chance = history.now.chance(asked, asked.known.lead)
            information = chance * (1.0 - chance)
            surplus = int(outcome.success) - chance + information * (asked.known.lead - asked.known.skill)
            own = sums[outcome.item]
            own[0] += round(MICRO * information)
            own[1] += round(MICRO * surplus)
        history.take(Answered(asked, int(outcome.success), outcome.occurred_us))


class Restarting:
    """A history that holds about a window, begun anew from time to time: nearly what serves, for much less work."""

    __slots__ = ("_kept", "_tables", "now")

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._kept: list[Answered] = []
        self.now = History(tables)

    def take(self, answered: Answered) -> None:
        """Take an answer."""
        self._kept.append(answered)
        if len(self._kept) < WINDOW_SIZE + RESTART:
            self.now.take(answered)
            return
        self._kept = self._kept[-WINDOW_SIZE:]
        self.now = History(self._tables)
        for one in self._kept:
            self.now.take(one)


def written(counts: Counts) -> dict[str, dict[str, tuple[int, int]]]:
    """Return the tables as a model holds them, without what was met too rarely."""
    return {
        name: {key: (sums[0], sums[1]) for key, sums in sorted(table.items()) if sums[0] >= LEAST.get(name, 0)}
        for name, table in counts.tables.items()
    }


def _nothing() -> list[int]:
    return list(NOTHING)
