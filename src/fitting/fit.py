"""Fitting a model: count, make the rows, boost the trees.

The result is a function of the set of answers: files are read in any order, students are taken in the order of their
ranks, chance has a fixed seed and one thread does the work.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from ..domain.days import day_of, to_date
from ..domain.learner_history import FEATURES, FEATURES_VERSION, OF_TIME, Answered, question
from ..domain.learner_tables import Count, Tables, drawn
from ..domain.outcomes import Outcome
from ..errors import CommandFailed
from ..model_artefact import FORM, Content, TreeContent
from .answers import Students
from .boosting import boost, matrix, versions
from .counting import Counts, Group, Restarting, count_groups, written

GROUPS = 6
"""Students are counted in so many groups; each group is shown the tables of the others."""

LEAST_STUDENTS = 2
TIMED_SHARE = 0.5
"""Of times nothing is learned where fewer answers than this have one."""

Advance = Callable[[str, float], None]
"""Is told what is being done, and which part of it is done."""


@dataclass(frozen=True, slots=True)
class Material:
    """The answers of students, in the order in which they are fitted on."""

    students: Sequence[tuple[str, list[Outcome]]]
    timed: bool

    @property
    def total(self) -> int:
        """Return how many answers there are."""
        return sum(len(answers) for _, answers in self.students)


def material(students: Students) -> Material:
    """Return the answers to fit on; raises ``CommandFailed`` where there are too few."""
    sorted_students = list(students.sorted())
    if len(sorted_students) < LEAST_STUDENTS:
        message = f"A model is fitted on the answers of at least {LEAST_STUDENTS} students."
        raise CommandFailed(message)
    return Material(sorted_students, students.untimed <= students.total * TIMED_SHARE)


def fit(answers: Material, advance: Advance) -> Content:
    """Return a model of these answers; raises ``CommandFailed`` where a library is missing."""
    libraries = versions()
    advance("Counting", 0.0)
    groups: list[Group] = [[one for _, one in answers.students[at::GROUPS]] for at in range(GROUPS)]
    counts, shown = count_groups(groups)
    names = tuple(name for name in FEATURES if answers.timed or name not in OF_TIME)
    trees: tuple[TreeContent, ...] = ()
    if 0 < counts.everything[1] < counts.everything[0]:
        rows, right = _examples(groups, shown, counts.everything[0], names, advance)
        trees = boost(rows, right, names, lambda part: advance("Growing trees", part))
    return Content(
        form=FORM,
        features_version=FEATURES_VERSION,
        features=names,
        everything=(counts.everything[0], counts.everything[1]),
        tables=written(counts),
        start=0.0 if trees else drawn(Count(*counts.everything), 0.0, 2.0),
        trees=trees,
        about=_about(answers, counts) | {"libraries": libraries},
    )


def _examples(
    groups: Sequence[Group], shown: Iterable[Tables], total: int, names: Sequence[str], advance: Advance
) -> tuple[Any, list[int]]:
    """Return a row of features for every answer, each from tables without the student's group, and which were right."""
    rows = matrix(total, len(names))
    columns = [FEATURES.index(name) for name in names]
    right: list[int] = []
    for group, tables in zip(groups, shown, strict=True):
        for answers in group:
            for row, outcome in zip(_rows(tables, answers), answers, strict=True):
                rows[len(right)] = [row[column] for column in columns]
                right.append(int(outcome.success))
            advance("Looking at answers", len(right) / len(rows))
    return rows, right


def _rows(tables: Tables, answers: list[Outcome]) -> list[list[float]]:
    history, rows = Restarting(tables), []
    for outcome in answers:
        asked = question(tables, outcome.item, outcome.skills)
        rows.append(history.now.features(asked, outcome.occurred_us))
        history.take(Answered(asked, int(outcome.success), outcome.occurred_us))
    return rows


def _about(answers: Material, counts: Counts) -> dict[str, Any]:
    """Return what a model tells of the answers that it was fitted on."""
    times = [outcome.occurred_us for _, own in answers.students for outcome in own]
    first, last = (_day(at_us) if answers.timed else None for at_us in (min(times), max(times)))
    return {
        "answers": counts.everything[0],
        "right": counts.everything[1],
        "students": len(answers.students),
        "skills": len(counts.tables["skills"]),
        "items": len(counts.tables["items"]),
        "first_day": first,
        "last_day": last,
        "data": digest(answers),
    }


def _day(at_us: int) -> str | None:
    """Return a day as text, None for a time from an origin so far away that there is no such day."""
    try:
        return to_date(day_of(at_us)).isoformat()
    except (ValueError, OverflowError):
        return None


def digest(answers: Material) -> str:
    """Return a digest of the set of answers."""
    content = blake2b(digest_size=16)
    for student, own in answers.students:
        content.update(f"{student}\x1e{len(own)}\x1e".encode())
        for outcome in own:
            content.update("\x1f".join(map(str, (*outcome[:3], outcome.item, outcome.score, outcome.skills))).encode())
    return content.hexdigest()
