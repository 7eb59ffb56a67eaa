"""A Redis of our own, since it is killed over and over."""

from collections.abc import Iterator

import pytest

from tests.services import RedisServer
from tests.services.fixtures import opened


@pytest.fixture(scope="package")
def forgetful_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Return a Redis whose file is as long as what it has answered."""
    with opened(RedisServer(tmp_path_factory.mktemp("forgetful"), fsync="no")) as server:
        yield server
