"""The world of the real service: surroundings in which records arrive, and consumers."""

from collections.abc import AsyncIterator
from dataclasses import replace

from src.domain.erasures import Erasure
from src.stream_service import StreamService
from tests.making import PSEUDONYM

from ..schedule import PARTITIONS, Chance, Eraser, Fault, Plan
from .backend import Backend
from .consumer import ServiceConsumer
from .expected import Expected
from .properties import violations
from .records import STUDENTS, Producers
from .surroundings import NAMES, Surroundings


class ServiceWorld(Surroundings):
    """What a schedule plays with."""

    def __init__(
        self, chance: Chance, plan: Plan, backend: Backend, *, service_type: type[StreamService] = StreamService
    ) -> None:
        super().__init__(chance, plan, backend, service_type)
        self.workers = [ServiceConsumer(number, self) for number in range(plan.consumers)]
        self.eraser = Eraser()
        self._producers = Producers(chance, plan.students)

    def append(self) -> None:
        self.now_us += self.chance.randrange(20_000_000)
        number, sent = self._producers.send(self.now_us)
        anywhere = self.has(Fault.MOVED_KEYS) and self.chance.happens(0.4)
        partition = self.chance.randrange(PARTITIONS) if anywhere else number % PARTITIONS
        offset = self.group.append(partition, sent)
        self.trace.say("log p%s[%s] = %s", partition, offset, sent.what)

    async def roll_back(self, writes: int) -> None:
        await self.backend.roll_back(writes)

    async def replace(self) -> None:
        await self.backend.replace()

    async def erasing(self, student: int) -> AsyncIterator[None]:
        student_id = STUDENTS[student]
        known = (await self.ledger.read()).get(PSEUDONYM(student_id))
        erasure = known if known is not None and known.consented_us is None else None
        erasure = erasure or Erasure(1 if known is None else known.number + 1, self.now_us)
        await self.ledger.write(PSEUDONYM(student_id), erasure)
        self.trace.say("student %s: %s is entered", student_id, erasure)
        yield
        await self.backend.erase(student_id, erasure)
        await self.backend.mark()
        self.trace.say("student %s: %s is carried out", student_id, erasure)

    async def consent(self) -> None:
        entries = await self.ledger.read()
        for student_id in STUDENTS:
            erasure = entries.get(PSEUDONYM(student_id))
            if erasure is not None and erasure.consented_us is None:
                erasure = replace(erasure, consented_us=self.now_us)
                await self.ledger.write(PSEUDONYM(student_id), erasure)
                await self.backend.erase(student_id, erasure)
                await self.backend.mark()
                self.trace.say("student %s consents", student_id)
                return

    async def violations(self) -> set[str]:
        return await violations(self)

    async def remembered(self) -> dict[str, object]:
        expected = Expected(self.group.log, self.ledger.entries)
        stored = [await self.backend.stored(one.student_id, one.copies) for one in expected.students]
        return {
            "a replay changes no state": [(one.state and one.state.canonical(), one.values) for one in stored],
            "a replay moves no offset": await self.backend.offsets(NAMES),
            "a replay publishes nothing": len(self.broker.messages),
        }

    async def aclose(self) -> None:
        for worker in self.workers:
            await worker.close()
