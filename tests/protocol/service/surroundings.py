"""What the consumers of the real service work on and with."""

from src.domain.model import MasteryModel
from src.observability import Metrics
from src.ports import Partition, Publisher, Retention, StreamState
from src.stream_service import StreamService
from tests.fakes import MemoryLedger
from tests.making import NOW_US

from ..group import Group
from ..schedule import PARTITIONS, Chance, Fault, Plan
from ..trace import Trace
from .backend import Backend
from .publisher import Broker
from .records import Sent

MODEL = MasteryModel()
RETENTION = Retention()
METRICS = Metrics()
GROUP = "mastery-engine-group"
NAMES = [Partition("cluster", "topic", number) for number in range(PARTITIONS)]
_TO_MIDNIGHT_US = 12 * 3_600_000_000


class Surroundings:
    """The log, the store, the broker, and the time."""

    def __init__(self, chance: Chance, plan: Plan, backend: Backend, service_type: type[StreamService]) -> None:
        self.chance = chance
        self.plan = plan
        self.backend = backend
        self._service_type = service_type
        self.trace = Trace()
        self.group = Group[Sent](PARTITIONS)
        self.broker = Broker()
        self.ledger = MemoryLedger()
        # Every other schedule goes over midnight.
        self.now_us = NOW_US + (_TO_MIDNIGHT_US - 60_000_000 if chance.happens(0.5) else 0)

    def clock(self) -> int:
        return self.now_us

    def pass_time(self) -> None:
        self.now_us += self.chance.randrange(2_000_000)

    def has(self, fault: Fault) -> bool:
        return fault in self.plan.faults

    def service(self, state: StreamState, publisher: Publisher) -> StreamService:
        """Return the service under test."""
        return self._service_type(
            state,
            publisher,
            ledger=self.ledger,
            model=MODEL,
            retention=RETENTION,
            metrics=METRICS,
            clock=self.clock,
            group=GROUP,
        )
