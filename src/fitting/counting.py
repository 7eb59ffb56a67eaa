"""The tables of a model, counted over students; and the same without some of these students.

A student's own answers must not be in the tables that their features are made from while fitting, else the learner
would lean on what it will not find when it serves. So students are counted in groups, and a group is shown the tables
of all others.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from ..domain.fixed import MICRO
from ..domain.learner_history import Answered, History, Question, question
from ..domain.learner_tables import NOTHING, TABLES, Count, Tables, key_of
from ..domain.outcomes import WINDOW_SIZE, Outcome

Sums = defaultdict[str, list[int]]
LEAD_ROUNDS = 3
"""How often leads are estimated anew with the abilities that the last ones gave."""

LEAST = {"runs": 2, "returns": 2, "steps": 2, "turns": 2, "step_leads": MICRO // 4}
"""What was met fewer times stands in none of these tables, of leads what has less information.

It tells next to nothing, and there is much of it.
"""

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
            self.add_all(name, table)

    def add_all(self, table: str, sums: Mapping[str, list[int]]) -> None:
        """Add to all sums of a table."""
        for key, (answers, right) in sums.items():
            self.add(table, key, answers, right)

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

    all: Mapping[str, list[int]]
    part: Mapping[str, list[int]]
    least: int

    def get(self, key: str, default: Count, /) -> Count:
        """Return the count that is left of a key."""
        found = self.all.get(key)
        if found is None:
            return default
        (answers, right), (own, own_right) = found, self.part.get(key, (0, 0))
        return Count(answers - own, right - own_right) if answers - own >= self.least else default


Group = Sequence[list[Outcome]]
"""The answers of some students, each in their order."""


def count_groups(groups: Sequence[Group]) -> tuple[Counts, Iterator[Tables]]:
    """Return the counts of all students, and for each group the tables that the others alone give, one at a time."""
    parts = [count(group) for group in groups]
    total = Counts()
    for part in parts:
        total.merge(part)
    for _ in range(LEAD_ROUNDS):
        tables = total.tables_of()
        found = [_led_by(tables, [group], _add_leads, ("leads",)) for group in groups]
        total.tables["leads"] = defaultdict(_nothing)
        for part, leads in zip(parts, found, strict=True):
            part.tables |= leads
            total.add_all("leads", leads["leads"])
    total.tables |= _led_by(total.tables_of(), groups, _add_leads_of_before, OF_BEFORE)
    return total, (_of_others(total, part, groups, at) for at, part in enumerate(parts))


def _of_others(total: Counts, part: Counts, groups: Sequence[Group], left_out: int) -> Tables:
    """Return the tables without a group; the leads of what came before are estimated anew.

    What others had beyond the lead of an item contains, negatively, the answers that the lead was made of: it would
    tell a student's own answer, were that among them.
    """
    tables = total.without(part)
    others = [group for at, group in enumerate(groups) if at != left_out]
    leads = _led_by(tables, others, _add_leads_of_before, OF_BEFORE)
    anew = {name: _Without(sums, {}, LEAST.get(name, 0)) for name, sums in leads.items()}
    return replace(tables, **anew)  # type: ignore[arg-type]  # of all fields only the first is no table


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


Leads = dict[str, Sums]
OF_BEFORE = ("habit_leads", "run_leads", "step_leads")


def _led_by(
    tables: Tables,
    groups: Sequence[Group],
    add: Callable[[Leads, History, Question, int], None],
    names: Sequence[str],
) -> Leads:
    """Return leads estimated anew: a step of Newton's method, at the abilities that the present leads give."""
    leads: Leads = {name: defaultdict(_nothing) for name in names}
    for answers in chain.from_iterable(groups):
        history = Restarting(tables)
        for outcome in answers:
            asked, right = question(tables, outcome.item, outcome.skills), int(outcome.success)
            add(leads, history.now, asked, right)
            history.take(Answered(asked, right, outcome.occurred_us))
    return leads


def _add_leads(leads: Leads, history: History, asked: Question, right: int) -> None:
    """Add what an answer says of how much easier the item is than its skills."""
    if asked.item is None:
        return
    information, surplus = _surprise(history, asked, right)
    _add(leads["leads"], asked.item, information, surplus + information * (asked.known.lead - asked.known.skill))


def _add_leads_of_before(leads: Leads, history: History, asked: Question, right: int) -> None:
    """Add what an answer says of how much what came before tells beyond the ability."""
    information, surplus = _surprise(history, asked, right)
    habit, run, step = history.lead_keys(asked)
    _add(leads["run_leads"], run, information, surplus)
    if habit is not None:
        _add(leads["habit_leads"], habit, information, surplus)
    if step is not None:
        _add(leads["step_leads"], step, information, surplus)


def _surprise(history: History, asked: Question, right: int) -> tuple[float, float]:
    """Return the information in an answer, and by how much it was better than the ability let expect."""
    chance = history.chance(asked, asked.known.lead)
    return chance * (1.0 - chance), right - chance


def _add(sums: Sums, key: str, information: float, surplus: float) -> None:
    own = sums[key]
    own[0] += round(MICRO * information)
    own[1] += round(MICRO * surplus)


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
