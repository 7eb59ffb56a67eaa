"""A cohort: a class, its students and its teachers; the source of what a teacher may read."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

MAX_NAME: Final = 128
MAX_STUDENTS: Final = 10_000
MAX_TEACHERS: Final = 100


class Membership(StrEnum):
    """As what somebody belongs to a cohort."""

    STUDENTS = "students"
    TEACHERS = "teachers"

    @property
    def most(self) -> int:
        """Return how many of them a cohort has at most."""
        return MAX_STUDENTS if self is Membership.STUDENTS else MAX_TEACHERS


@dataclass(frozen=True, slots=True)
class Cohort:
    """A class; its teachers are known by user id, its students by student id."""

    cohort_id: str
    name: str
    teachers: frozenset[str] = frozenset()
    students: frozenset[str] = frozenset()

    @classmethod
    def of(cls, cohort_id: str, name: str, *, teachers: Iterable[str] = (), students: Iterable[str] = ()) -> Self:
        """Return a cohort of lists, in which somebody may stand twice."""
        return cls(cohort_id, name, frozenset(teachers), frozenset(students))

    def members(self, membership: Membership) -> frozenset[str]:
        """Return its students, or its teachers."""
        return self.students if membership is Membership.STUDENTS else self.teachers
