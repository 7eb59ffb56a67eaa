"""The world of the model: surroundings in which records arrive, and consumers."""

from collections.abc import AsyncIterator, Collection
from dataclasses import replace

from src.domain.erasures import Erasure

from ..instance import Instance
from ..schedule import PARTITIONS, Chance, Eraser, Fault, Plan
from .consumer import ModelConsumer
from .properties import violations
from .rules import Rule
from .surroundings import Sent, Surroundings

FAULTS = frozenset(Fault) - {Fault.LOST_CALLS, Fault.LOST_REPORTS}
"""What can go wrong in the model: where a call would get lost, the consumer dies."""


class ModelWorld(Surroundings):
    """An event is a number, its content another; the level of a student is the sum of the contents, modulo three."""

    def __init__(self, chance: Chance, plan: Plan, *, without: Collection[Rule] = (), shards: int = 1) -> None:
        super().__init__(chance, without, shards)
        self.plan = plan
        self.workers = [ModelConsumer(number, self) for number in range(plan.consumers)]
        self.eraser = Eraser()
        self._known: list[Sent] = []

    def append(self) -> None:
        sent = self._next()
        anywhere = Fault.MOVED_KEYS in self.plan.faults and self.chance.happens(0.4)
        partition = self.chance.randrange(PARTITIONS) if anywhere else sent.student % PARTITIONS
        offset = self.group.append(partition, sent)
        self.trace.say("log p%s[%s] = %s", partition, offset, sent)

    async def roll_back(self, writes: int) -> None:
        self._any_shard().roll_back(writes)

    async def replace(self) -> None:
        self._any_shard().replace()

    async def erasing(self, student: int) -> AsyncIterator[None]:
        known = self.ledger.get(student)
        number = known.number if known is not None else 0
        if known is None or known.consented_us is not None:
            number += 1
        self.ledger[student] = Erasure(number, self.group.records)
        self.trace.say("student %s: erasure %s is entered", student, number)
        yield
        self.carry_out(student, self.ledger[student])

    async def consent(self) -> None:
        for student, erasure in self.ledger.items():
            if erasure.consented_us is None:
                self.ledger[student] = replace(erasure, consented_us=self.group.records)
                self.trace.say("student %s consents", student)
                self.carry_out(student, self.ledger[student])
                return

    async def violations(self) -> set[str]:
        return violations(self, self.plan)

    async def remembered(self) -> dict[str, object]:
        return {
            "a replay changes no state": [dict(shard.values) for shard in self.shards],
            "a replay publishes nothing": len(self.results),
            "a replay buries nothing": len(self.dead),
        }

    def _any_shard(self) -> Instance:
        return self.chance.choice(self.shards) if len(self.shards) > 1 else self.shards[0]

    def _next(self) -> Sent:
        """Return a new event, or one more copy of an old one, now and then with other content; some are invalid."""
        chance, draw = self.chance, self.chance.random()
        if self._known and draw < 0.3:
            sent = chance.choice(self._known)
            if draw < 0.08:
                sent = sent._replace(content=(sent.content + 1) % 3)
        else:
            sent = Sent(chance.randrange(self.plan.students), len(self._known), chance.randrange(3), valid=True)
            self._known.append(sent)
        return sent._replace(valid=not chance.happens(0.1), received=self.group.records + 1)
