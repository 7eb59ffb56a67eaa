"""Every store under the same tests: one fixture, one parameter a store."""

from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Protocol

import pytest

from src.adapters.redis_client import cluster_client, redis_client
from src.adapters.redis_store import open_redis_store
from src.adapters.sqlite_database import open_database
from src.adapters.sqlite_store import SqliteStore
from src.ports import EvidenceStore, Maintenance, Retention
from src.state_manager import Keys
from tests.fakes import MemoryStore


class Store(EvidenceStore, Maintenance, Protocol):
    """What an adapter of the store is."""


RETENTION = Retention(state_days=90, checkpoint_days=7)


@pytest.fixture(params=["memory", "sqlite", "redis", "cluster"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    versions = count(1000)

    def new_version() -> int:
        return next(versions)

    if request.param == "memory":
        yield MemoryStore(RETENTION)
    elif request.param == "sqlite":
        async with open_database(tmp_path) as database:
            yield SqliteStore(database, retention=RETENTION, new_version=new_version)
    elif request.param == "redis":
        client = redis_client(request.getfixturevalue("redis_url"))
        async with open_redis_store(client, retention=RETENTION, new_version=new_version) as redis:
            yield redis
    else:
        several = cluster_client(request.getfixturevalue("redis_cluster_url"))
        keys = Keys(tagged=True)
        async with open_redis_store(several, retention=RETENTION, new_version=new_version, keys=keys) as cluster:
            yield cluster
