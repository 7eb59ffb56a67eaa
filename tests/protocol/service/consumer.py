"""The real service of a stream, driven as the consumer of Kafka drives it, over a group in memory."""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from src.dead_letters import Record
from src.errors import BrokerUnavailable, InstanceChanged, StoreUnavailable, Superseded
from src.stream_service import Assignment

from ..group import Owner
from ..schedule import Fault, Loss
from .publisher import RecordingPublisher
from .records import Sent
from .seams import Stepper, pause
from .surroundings import NAMES, Surroundings


@dataclass(slots=True)
class Held:
    """A partition as a consumer holds it, and the assignment by which it has it."""

    owner: Owner
    assignment: Assignment


class ServiceConsumer:
    """One consumer process; all that it knows is gone when it dies."""

    def __init__(self, number: int, around: Surroundings) -> None:
        self.number = number
        self.stalled = 0
        self._name = f"consumer {number}"
        self._around = around
        self._be_born()

    def _be_born(self) -> None:
        around = self._around
        self._connected = around.backend.connect(self._name, loses=around.has(Fault.LOST_CALLS))
        publisher = RecordingPublisher(around.broker, around.trace, self._name, loses=around.has(Fault.LOST_REPORTS))
        self._service = around.service(self._connected.state, publisher)
        self._held: dict[int, Held] = {}
        self._begun = False
        self._met: int | None = None
        self._idle = False
        self._life = Stepper(self._live())

    async def step(self, loss: Loss | None = None) -> None:
        self._around.pass_time()
        await self._life.step(loss)
        await self._around.backend.mark()

    async def die(self) -> None:
        await self.close()
        self._be_born()

    async def close(self) -> None:
        """End, and leave nothing open."""
        await self._life.kill()
        await self._connected.close()

    def at_rest(self) -> bool:
        group = self._around.group
        reached = {number: (held.owner, held.assignment.position) for number, held in self._held.items()}
        wanted = {number: (group.owners[number], len(group.log[number])) for number in group.owned_by(self.number)}
        return self._idle and self._met == self._around.backend.run and reached == wanted

    def _say(self, text: str, *details: object) -> None:
        self._around.trace.say("%s " + text, self._name, *details)

    # -- the loop

    async def _live(self) -> None:
        while True:
            self._idle = True
            await pause()
            self._idle = False
            try:
                await self._once()
            except (Superseded, InstanceChanged, StoreUnavailable, BrokerUnavailable) as error:
                self._say("has to begin anew: %s", type(error).__name__)
                self._begun = False

    async def _once(self) -> None:
        if not self._begun:
            await self._service.begin()
            self._held.clear()
            self._begun, self._met = True, None
            self._say("has begun")
        self._leave()
        await self._resume()
        await self._work()

    def _leave(self) -> None:
        """Notice, sooner or later, that partitions have gone to others."""
        owners, chance = self._around.group.owners, self._around.chance
        for number in list(self._held):
            if owners[number] != self._held[number].owner and chance.notices(0.7):
                del self._held[number]

    async def _resume(self) -> None:
        group = self._around.group
        for number in group.partitions:
            if group.owners[number].consumer == self.number and number not in self._held:
                owner, committed = group.owners[number], group.committed[number]
                await pause()
                assignment = await self._service.resume(NAMES[number], committed)
                self._held[number] = Held(owner, assignment)
                self._say("resumes p%s at %s", number, assignment.position)

    async def _work(self) -> None:
        """Do a batch of some of the partitions in which there is something to read, or see to the store."""
        log, chance = self._around.group.log, self._around.chance
        ready = [number for number, held in self._held.items() if held.assignment.position < len(log[number])]
        for number in chance.sample(ready, chance.randint(1, len(ready))) if ready else ():
            at = self._held[number].assignment.position
            sent = list(enumerate(log[number]))[at:][: chance.randint(1, 4)]
            self._say("takes p%s[%s:%s]", number, at, at + len(sent))
            await pause()
            await self._process(number, sent)
            self._commit()
        if not ready and chance.notices(0.5):
            await self._look_at_the_store()

    async def _process(self, number: int, sent: Sequence[tuple[int, Sent]]) -> None:
        records = [Record(number, offset, one.key, one.value, one.headers, one.timestamp_ms) for offset, one in sent]
        async with aclosing(self._service.process(self._held[number].assignment, records)) as steps:
            async for step in steps:
                self._say("p%s: %s", number, step)
                await pause()

    def _commit(self) -> None:
        for number, held in self._held.items():
            self._around.group.commit(number, held.owner, held.assignment.position)

    async def _look_at_the_store(self) -> None:
        self._idle = True  # whoever only looks has nothing to do
        if not await self._service.is_same():
            raise InstanceChanged
        await self._service.follow_erasures()
        self._met = self._around.backend.run
