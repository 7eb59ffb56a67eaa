"""Every store under the same tests: one fixture, one parameter a store."""

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest

from src.adapters.redis_audit import RedisAudit
from src.adapters.redis_client import cluster_client, redis_client
from src.adapters.redis_store import open_redis_store
from src.adapters.sqlite_audit import FILE_NAME, SCHEMA, SqliteAudit
from src.adapters.sqlite_database import open_database
from src.adapters.sqlite_store import SqliteStore
from src.ports import EvidenceStore, Maintenance, Retention, SealedRow
from src.state_manager import Keys, StateKeyPatterns
from tests.audit import AuditStore, MemoryAudit
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


class Tamper(Protocol):
    """Replaces the rows of the trail in its store, as somebody does who can write there."""

    async def __call__(self, rows: Sequence[SealedRow]) -> None: ...


class Kept(NamedTuple):
    """A store of the audit trail, and a way around it."""

    store: AuditStore
    tamper: Tamper


@pytest.fixture(params=["memory", "sqlite", "redis", "cluster"])
async def kept(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kept]:
    if request.param == "memory":
        memory = MemoryAudit()

        async def replace(rows: Sequence[SealedRow]) -> None:
            memory.rows = list(rows)

        yield Kept(memory, replace)
    elif request.param == "sqlite":
        async with open_database(tmp_path, FILE_NAME, SCHEMA) as database:

            async def rewrite(rows: Sequence[SealedRow]) -> None:
                with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection, connection:
                    connection.execute("DELETE FROM entry")
                    values = [(row.seq, row.body.decode(), row.mac) for row in rows]
                    connection.executemany("INSERT INTO entry (seq, body, mac) VALUES (?, ?, ?)", values)

            yield Kept(SqliteAudit(database), rewrite)
    else:
        client = (
            cluster_client(request.getfixturevalue("redis_cluster_url"))
            if request.param == "cluster"
            else redis_client(request.getfixturevalue("redis_url"))
        )
        async with client:

            async def write_again(rows: Sequence[SealedRow]) -> None:
                await client.delete(StateKeyPatterns.AUDIT_ROWS)
                for row in rows:
                    await client.xadd(StateKeyPatterns.AUDIT_ROWS, {"body": row.body, "mac": row.mac}, f"{row.seq}-0")

            yield Kept(RedisAudit(client, lifetime=timedelta(days=365)), write_again)
