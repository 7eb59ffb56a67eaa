"""What the consumers of the model work on and with."""

from collections.abc import Collection
from typing import NamedTuple, TypeAlias

from ..group import Group
from ..instance import Instance
from ..schedule import PARTITIONS, Chance
from ..trace import Trace
from .rules import Rule

Contents: TypeAlias = frozenset[tuple[int, int]]
"""Events with their contents."""


class Sent(NamedTuple):
    """A record on the log."""

    student: int
    event: int
    content: int
    valid: bool


class State(NamedTuple):
    """A student's state: its version, and every event counted with its content."""

    version: int
    contents: Contents

    @property
    def level(self) -> int:
        return sum(content for _, content in self.contents) % 3


class Update(NamedTuple):
    """A result as it was published."""

    student: int
    contents: Contents
    causes: frozenset[int]


class Notice(NamedTuple):
    """A change of level as it was published."""

    student: int
    level: int


class Surroundings:
    """The log, the store, and everything that was published."""

    def __init__(self, chance: Chance, without: Collection[Rule] = ()) -> None:
        self.chance = chance
        self.without = without
        self.trace = Trace()
        self.group = Group[Sent](PARTITIONS)
        self.store = Instance()
        self.results: list[Update | Notice] = []
        self.dead: list[tuple[int, int]] = []

    def has(self, rule: Rule) -> bool:
        """Tell whether a rule is switched on."""
        return rule not in self.without

    def state(self, student: int) -> State | None:
        state = self.store.values.get(("state", student))
        assert state is None or isinstance(state, State)
        return state

    def mark(self, student: int) -> int | None:
        """Return the level that counts as noticed."""
        return self._number("mark", student)

    def applied(self, partition: int) -> int | None:
        return self._number("applied", partition)

    def published(self, partition: int) -> int | None:
        return self._number("published", partition)

    def _number(self, kind: str, of: int) -> int | None:
        number = self.store.values.get((kind, of))
        assert number is None or isinstance(number, int)
        return number
