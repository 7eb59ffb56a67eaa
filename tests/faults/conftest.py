"""A world for each test, or for each module where its tests do no harm to each other."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services import KafkaBroker, RedisServer

from .world import World


@pytest.fixture
def world(
    redis_server: RedisServer, redis_url: str, kafka: KafkaBroker, kafka_bootstrap: str, tmp_path: Path
) -> Iterator[World]:
    """Return an empty Kafka and an empty Redis, with no process of the service yet."""
    del redis_url, kafka_bootstrap  # what they return is known; what they do is needed
    world = World(redis_server, kafka, tmp_path)
    try:
        yield world
    finally:
        world.close()
