"""Faults by chance for as long as one likes, then the oracle: ``python -m tests.faults --minutes 30 --seed 7``."""

import argparse
import random
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from tests.services import KafkaBroker, RedisServer

from .backlog import drain_backlog
from .chaos import Chaos, Load
from .generator import Generator, Mix
from .world import World, deadline

ROUND_S = 60
MIX = Mix(duplicates=60, conflicts=8, expired=6, invalid=8)


def main() -> None:
    """Do harm in rounds of a minute; after each the log is drained and the oracle asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--per-second", type=int, default=500)
    parser.add_argument("--backlog", type=int, metavar="EVENTS", help="only drain so many events, in bounded memory")
    arguments = parser.parse_args()
    _tell(f"seed {arguments.seed}")
    with tempfile.TemporaryDirectory() as folder, RedisServer() as redis, KafkaBroker() as kafka:
        world = World(redis, kafka, Path(folder))
        if arguments.backlog:
            with closing(world):
                _tell(f"drained with at most {drain_backlog(world, arguments.backlog):.0f} MB")
            return
        world.create_topics()
        chaos = Chaos(world, seed=arguments.seed, tell=_tell)
        going_on, rounds = deadline(60 * arguments.minutes), 0
        try:
            while going_on():
                rounds += 1
                _round(world, chaos, Generator(f"r{rounds}", seed=arguments.seed, students=100), arguments.per_second)
        finally:
            world.close()


def _round(world: World, chaos: Chaos, generator: Generator, per_s: int) -> None:
    in_time = deadline(ROUND_S)
    with Load(world.kafka.bootstrap, generator, per_s * ROUND_S, per_s, mix=MIX):
        while in_time():
            chaos.keep(1)
            chaos.anything()
    chaos.keep(1)
    world.drain(300)
    expected = world.verify()
    _tell(f"the oracle is content: {dict(expected.statuses)}, {chaos.kills} kills so far")


def _tell(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
