"""The world of the real service: surroundings in which records arrive, and consumers."""

from src.stream_service import StreamService

from ..schedule import PARTITIONS, Chance, Fault, Plan
from .backend import Backend
from .consumer import ServiceConsumer
from .expected import Expected
from .properties import violations
from .records import Producers
from .surroundings import NAMES, Surroundings


class ServiceWorld(Surroundings):
    """What a schedule plays with."""

    def __init__(
        self, chance: Chance, plan: Plan, backend: Backend, *, service_type: type[StreamService] = StreamService
    ) -> None:
        super().__init__(chance, plan, backend, service_type)
        self.workers = [ServiceConsumer(number, self) for number in range(plan.consumers)]
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

    async def violations(self) -> set[str]:
        return await violations(self)

    async def remembered(self) -> dict[str, object]:
        stored = [await self.backend.stored(one.student_id, one.copies) for one in Expected(self.group.log).students]
        return {
            "a replay changes no state": [(one.state and one.state.canonical(), one.values) for one in stored],
            "a replay moves no offset": await self.backend.offsets(NAMES),
            "a replay publishes nothing": len(self.broker.messages),
        }

    async def aclose(self) -> None:
        for worker in self.workers:
            await worker.close()
