"""One schedule from its seed to what it shows."""

from collections.abc import Callable, Collection
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeAlias

from src.stream_service import StreamService
from tests.services import RedisServer

from .model.rules import Rule
from .model.world import ModelWorld
from .schedule import Chance, Fault, Plan, World, violations_of
from .service.backend import Backend
from .service.memory import MemoryBackend
from .service.redis_backend import RedisBackend
from .service.world import ServiceWorld
from .trace import Trace


@dataclass(frozen=True, slots=True)
class Played:
    """A schedule that was played: what did not hold, and all that happened."""

    seed: int
    plan: Plan
    broken: frozenset[str]
    trace: Trace

    def __str__(self) -> str:
        """Return what somebody needs who wants to understand a failure."""
        faults = "".join(f"\n  may happen: {fault}" for fault in sorted(self.plan.faults))
        broken = "".join(f"\n  DOES NOT HOLD: {name}" for name in sorted(self.broken))
        return f"seed {self.seed}{faults}\n{self.trace}{broken}"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which schedules: those with given faults (half of all where none are named), of a size that can be read."""

    faults: Collection[Fault] | None = None
    small: bool = False

    def plan(self, chance: Chance) -> Plan:
        return Plan.drawn(chance, self.faults, small=self.small)


ANY = Choice()
MakeBackend: TypeAlias = Callable[[Chance], Backend]


async def play_model(seed: int, choice: Choice = ANY, *, without: Collection[Rule] = (), shards: int = 1) -> Played:
    """Play a schedule with the model."""
    chance = Chance(seed)
    world = ModelWorld(chance, choice.plan(chance), without=without, shards=shards)
    return await _play(seed, world)


async def play_service(
    seed: int,
    choice: Choice = ANY,
    *,
    backend: MakeBackend = MemoryBackend,
    service_type: type[StreamService] = StreamService,
) -> Played:
    """Play a schedule with the real service, over a store in memory unless told otherwise."""
    chance = Chance(seed)
    plan = choice.plan(chance)
    async with aclosing(ServiceWorld(chance, plan, backend(chance), service_type=service_type)) as world:
        return await _play(seed, world)


async def play_redis(seed: int, choice: Choice = ANY, *, server: RedisServer) -> Played:
    """Play a schedule with the real service over a real Redis."""
    return await play_service(seed, choice, backend=lambda chance: RedisBackend(server, chance))


async def _play(seed: int, world: World) -> Played:
    try:
        broken = await violations_of(world)
    except Exception as error:
        error.add_note(str(Played(seed, world.plan, frozenset(), world.trace)))
        raise
    return Played(seed, world.plan, frozenset(broken), world.trace)
