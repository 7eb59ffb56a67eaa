"""What the consumers of the model work on and with."""

from collections.abc import Collection
from typing import Any, NamedTuple, TypeAlias

from src.domain.erasures import Erasure

from ..group import Group
from ..instance import Instance, lowest
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
    received: int = 0


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
    erasures: int = 0


class Notice(NamedTuple):
    """A change of level as it was published."""

    student: int
    level: int


class Surroundings:
    """The log, the store, and everything that was published.

    The store is one or several shards; a student lies on one of them.
    """

    def __init__(self, chance: Chance, without: Collection[Rule] = (), shards: int = 1) -> None:
        self.chance = chance
        self.without = without
        self.trace = Trace()
        self.group = Group[Sent](PARTITIONS)
        self.shards = [Instance() for _ in range(shards)]
        self.results: list[Update | Notice] = []
        self.dead: list[tuple[int, int]] = []
        self.ledger: dict[int, Erasure] = {}

    def has(self, rule: Rule) -> bool:
        """Tell whether a rule is switched on."""
        return rule not in self.without

    def shard_of(self, student: int) -> Instance:
        return self.shards[student % len(self.shards)]

    @property
    def told_by(self) -> list[Instance]:
        """Return the shards that keep offsets."""
        return self.shards if self.has(Rule.EVERY_SHARD) else self.shards[:1]

    @property
    def run(self) -> list[int]:
        """Return which instances there are."""
        return [shard.run_id for shard in self.shards]

    def state(self, student: int) -> State | None:
        state = self.shard_of(student).values.get(("state", student))
        assert state is None or isinstance(state, State)
        return state

    def marker(self, student: int) -> Erasure | None:
        """Return the marker of an erasure."""
        marker = self.shard_of(student).values.get(("erased", student))
        assert marker is None or isinstance(marker, Erasure)
        return marker

    def carry_out(self, student: int, erasure: Erasure) -> None:
        """Delete and set the marker in one step, or only what of it the marker leaves to do."""
        marker = self.marker(student) if self.has(Rule.READ_THE_MARKER) else None
        changes: dict[Any, Any] = {}
        if marker is None or marker.number < erasure.number or not self.has(Rule.ERASE_ONCE):
            changes = dict.fromkeys((kind, student) for kind in ("state", "snapshot", "mark"))
        if changes or erasure.supersedes(marker):
            self.shard_of(student).write({**changes, ("erased", student): erasure})
        self.trace.say("student %s: %s is carried out", student, erasure)

    def mark(self, student: int) -> int | None:
        """Return the level that counts as noticed."""
        return number(self.shard_of(student), "mark", student)

    def applied(self, partition: int) -> int | None:
        return lowest([number(shard, "applied", partition) for shard in self.told_by])

    def published(self, partition: int) -> int | None:
        return lowest([number(shard, "published", partition) for shard in self.told_by])


def number(shard: Instance, kind: str, of: int) -> int | None:
    """Return a number that a shard keeps."""
    found = shard.values.get((kind, of))
    assert found is None or isinstance(found, int)
    return found
