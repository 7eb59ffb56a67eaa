"""A consumer that comes to a log in which very much waits: it takes no more memory for that."""

from .generator import Generator
from .world import World

MOST_MB = 256
DRAIN_S = 3600


def drain_backlog(world: World, number: int) -> float:
    """Let so many events wait, then a consumer drain them; return the most memory that it held, in megabytes."""
    world.create_topics()
    world.send(Generator("backlog", students=max(50, number // 100)).records(number))
    node = world.start()
    world.drain(DRAIN_S)
    world.verify()
    assert node.largest_mb < MOST_MB
    return node.largest_mb
