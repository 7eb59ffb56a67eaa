"""The whole: 100,000 events, and a consumer that is killed again and again while they come."""

import pytest

from tests.processes import run
from tests.services import KafkaBroker

from .chaos import Chaos, Load
from .generator import Generator
from .world import World

EVENTS = 100_000
KILLS = 6


@pytest.mark.long
def test_100_000_events_are_each_counted_once_while_everything_is_killed(world: World, kafka: KafkaBroker) -> None:
    world.create_topics()
    chaos = Chaos(world, seed=1)
    generator = Generator("head", students=300)
    chaos.keep(1)
    with Load(kafka.bootstrap, generator, EVENTS, per_s=5000):
        for number in range(KILLS):
            chaos.keep(1)
            match number:
                case 2:
                    chaos.join()
                case 3:
                    chaos.kill_redis()
                case 4:
                    chaos.kill_kafka()
                case 5:
                    chaos.keep(2)
                    chaos.leave()
            chaos.keep(1)
            chaos.kill_when_something_has_moved()
    chaos.keep(2)
    world.drain()
    expected = world.verify()
    assert expected.statuses["applied"] == EVENTS
    # The command of an operator, as a process of its own, shows the very same.
    assert run("dump", "--all", data_dir=world.directory, REDIS_URL=world.redis.url).encode() == expected.dump()
    assert chaos.kills == KILLS
    assert world.went_back == []
