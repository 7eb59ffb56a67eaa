"""Random schedules: consumers advance one step at a time in random order, while everything around them goes wrong."""

import random
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from .group import Group
from .trace import Trace

PARTITIONS = 3
MAX_STEPS_TO_DRAIN = 6_000


class Fault(StrEnum):
    """What may go wrong in a schedule."""

    DEATH = "a consumer dies and starts anew"
    REBALANCE = "a partition moves"
    STALL = "a consumer stalls, loses its partitions and comes back"
    ROLLBACK = "the store loses its last writes"
    REPLACEMENT = "the store is replaced by an empty one"
    RESET = "the group goes back to the beginning of the log"
    ERASURE = "a student is erased, one step after the other"
    CONSENT = "an erased student consents again"
    MOVED_KEYS = "records of a student are in any partition"
    LOST_CALLS = "a request to the store or its answer is lost"
    LOST_REPORTS = "the broker does not take a record, or does not say so"


HAPPENING = frozenset(Fault) - {Fault.MOVED_KEYS, Fault.LOST_CALLS, Fault.LOST_REPORTS}
"""Those that happen at one moment; the others lie in the records or in a consumer's steps."""


class Loss(StrEnum):
    """What is lost of a call to the store, or to the broker where that may be lost."""

    REQUEST = "the request"
    PART = "the answer, and part of the request"
    ANSWER = "the answer"


class Chance(random.Random):
    """Chance by a seed; while things ``calm`` down, whatever may be noticed is."""

    calm = False

    def happens(self, probability: float) -> bool:
        return self.random() < probability

    def notices(self, probability: float) -> bool:
        """Tell whether a consumer looks."""
        return self.calm or self.random() < probability


@dataclass(frozen=True, slots=True)
class Plan:
    """How large a schedule is, and which faults are in it."""

    faults: frozenset[Fault]
    students: int
    consumers: int
    records: int
    steps: int

    @classmethod
    def drawn(cls, chance: Chance, faults: Iterable[Fault] | None = None, *, small: bool = False) -> "Plan":
        """Draw a plan, with half of all faults where none are named; a small one makes a failure easier to read."""
        chosen = [fault for fault in Fault if chance.happens(0.5)] if faults is None else faults
        return cls(
            faults=frozenset(chosen),
            students=chance.randint(1, 2 if small else 4),
            consumers=2 if small else chance.randint(2, 3),
            records=chance.randint(1, 4) if small else chance.randint(4, 24),
            steps=chance.randint(20, 60) if small else chance.randint(40, 260),
        )


class Worker(Protocol):
    """A consumer that can be advanced step by step."""

    stalled: int

    async def step(self, loss: Loss | None = None) -> None:
        """Go on to the next place where it may stall or die; of the call that it makes there, something may be lost."""

    async def die(self) -> None:
        """End at once where it is, and start anew."""

    def at_rest(self) -> bool:
        """Tell whether it has nothing to do and knows the store as it is now."""


class World(Protocol):
    """What a schedule plays with: a log, a store, consumers, and what must hold in the end."""

    chance: Chance
    plan: Plan
    group: Group[Any]
    trace: Trace
    eraser: "Eraser"

    @property
    def workers(self) -> Sequence[Worker]:
        """Return the consumers."""

    def append(self) -> None:
        """Append a random record to the log."""

    async def roll_back(self, writes: int) -> None:
        """Let the store lose its last writes."""

    async def replace(self) -> None:
        """Put an empty store in the place of this one."""

    def erasing(self, student: int) -> AsyncIterator[None]:
        """Erase a student, yielding after every step."""

    async def consent(self) -> None:
        """Let an erased student consent again, where there is one."""

    async def violations(self) -> set[str]:
        """Return the names of the properties that do not hold."""

    async def remembered(self) -> dict[str, object]:
        """Return what a replay must leave as it is, by the name of the property."""


class Eraser:
    """Whoever erases, one student at a time."""

    def __init__(self) -> None:
        self.steps: AsyncIterator[None] | None = None

    async def go_on(self) -> None:
        """Do the next step, where there is one."""
        if self.steps is not None and await anext(self.steps, self) is self:
            self.steps = None

    async def end(self) -> None:
        """Do all that is left."""
        while self.steps is not None:
            await self.go_on()


async def violations_of(world: World) -> set[str]:
    """Play a random schedule to its end, then the whole log once more; return what did not hold."""
    await _disturb(world)
    world.chance.calm = True
    if not await _drain(world):
        return {"the end is reached"}
    found = await world.violations()
    if found:
        return found
    before = await world.remembered()
    world.trace.say("-- everything once more")
    for worker in world.workers:
        await worker.die()
    _reset(world)
    if not await _drain(world):
        return {"the end is reached"}
    after = await world.remembered()
    return await world.violations() | {name for name in before if before[name] != after[name]}


async def _disturb(world: World) -> None:
    """Let records arrive, consumers advance and faults happen, all at random."""
    chance, plan, group = world.chance, world.plan, world.group
    for partition in group.partitions:
        _assign(world, partition)
    kinds = sorted(plan.faults & HAPPENING)
    for _ in range(plan.steps):
        if group.records < plan.records and chance.happens(0.25):
            world.append()
        if kinds and chance.happens(0.03 * len(kinds)):
            await _break(world, chance.choice(kinds))
        if world.eraser.steps is not None and chance.happens(0.3):
            await world.eraser.go_on()
        worker = chance.choice(world.workers)
        if worker.stalled:
            worker.stalled -= 1
        else:
            await worker.step(chance.choice(list(Loss)) if chance.happens(0.03) else None)
    while group.records < plan.records:
        world.append()
    await world.eraser.end()


async def _break(world: World, fault: Fault) -> None:
    chance = world.chance
    consumer = chance.randrange(len(world.workers))
    worker = world.workers[consumer]
    if fault is Fault.DEATH:
        world.trace.say("consumer %s dies", consumer)
        await worker.die()
        _hand_over(world, consumer)
    elif fault is Fault.REBALANCE:
        _assign(world, chance.choice(world.group.partitions))
    elif fault is Fault.STALL:
        world.trace.say("consumer %s stalls", consumer)
        worker.stalled = chance.randint(5, 80)
        _hand_over(world, consumer)
    elif fault is Fault.ROLLBACK:
        writes = chance.choice((1, 1, 2, 3, 5, 8, 20))
        world.trace.say("THE STORE LOSES its last %s writes", writes)
        await world.roll_back(writes)
    elif fault is Fault.REPLACEMENT and chance.happens(0.4):
        world.trace.say("THE STORE IS REPLACED by an empty one")
        await world.replace()
    elif fault is Fault.ERASURE and world.eraser.steps is None and world.group.records:
        world.eraser.steps = world.erasing(chance.randrange(world.plan.students))
    elif fault is Fault.CONSENT and world.eraser.steps is None:
        await world.consent()
    elif fault is Fault.RESET and chance.happens(0.4):
        _reset(world)


def _assign(world: World, partition: int) -> None:
    consumer = world.chance.randrange(len(world.workers))
    world.group.assign(partition, consumer)
    world.trace.say("partition %s goes to consumer %s", partition, consumer)


def _hand_over(world: World, consumer: int) -> None:
    for partition in world.group.owned_by(consumer):
        _assign(world, partition)


def _reset(world: World) -> None:
    world.trace.say("the group is RESET to the beginning")
    world.group.reset()
    for partition in world.group.partitions:
        _assign(world, partition)


async def _drain(world: World) -> bool:
    """Let everybody work undisturbed, in turns, until nothing is left to do; tell whether that was reached."""
    world.trace.say("-- undisturbed from here")
    for worker in world.workers:
        worker.stalled = 0
    for _ in range(MAX_STEPS_TO_DRAIN // len(world.workers)):
        for worker in world.workers:
            await worker.step()
        if world.group.is_done() and all(worker.at_rest() for worker in world.workers):
            return True
    return False
