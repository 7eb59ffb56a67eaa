"""The real service of a stream among all faults, over a real Redis that is killed and forgets."""

from tests.services import RedisServer

from .play import Choice, play_redis
from .schedule import Fault

SCHEDULES = 30
UNDISTURBED = Choice([Fault.STALL, Fault.REBALANCE, Fault.MOVED_KEYS, Fault.LOST_CALLS])


async def test_no_schedule_breaks_anything(forgetful_redis: RedisServer) -> None:
    for seed in range(SCHEDULES):
        played = await play_redis(seed, server=forgetful_redis)
        assert not played.broken, f"{played}"


async def test_consumers_that_cross_break_nothing(forgetful_redis: RedisServer) -> None:
    for seed in range(SCHEDULES):
        played = await play_redis(seed, UNDISTURBED, server=forgetful_redis)
        assert not played.broken, f"{played}"
