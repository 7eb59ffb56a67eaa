"""Every store under the same tests: one fixture, one parameter a store."""

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest

from src.adapters.redis_audit import RedisAudit
from src.adapters.redis_client import Client, cluster_client
from src.adapters.redis_erasures import RedisErasures
from src.adapters.redis_store import open_redis_store
from src.adapters.sqlite_audit import FILE_NAME, SCHEMA, SqliteAudit
from src.adapters.sqlite_database import open_database
from src.adapters.sqlite_erasures import SqliteErasures
from src.adapters.sqlite_store import SqliteStore
from src.ports import (
    AnswersOfMany,
    DerivableEvidence,
    Erasable,
    EvidenceOfMany,
    EvidenceStore,
    Maintenance,
    Retention,
    SealedRow,
)
from src.state_manager import PLAIN, Keys, StateKeyPatterns
from tests.audit import AuditStore, MemoryAudit
from tests.fakes import MemoryErasures, MemoryStore
from tests.making import NOW_US, PSEUDONYM
from tests.redis_user import engine_client


class Store(EvidenceStore, EvidenceOfMany, AnswersOfMany, DerivableEvidence, Maintenance, Protocol):
    """What an adapter of the store is."""


RETENTION = Retention(state_days=90, checkpoint_days=7)


@dataclass(frozen=True, slots=True)
class Erasing:
    """A store, and what erases from it."""

    store: Store
    erasures: Erasable


@pytest.fixture(params=["memory", "sqlite", "redis", "cluster"])
async def erasing(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Erasing]:
    versions = count(1000)

    def new_version() -> int:
        return next(versions)

    if request.param == "memory":
        memory = MemoryStore(RETENTION)
        yield Erasing(memory, MemoryErasures(memory))
    elif request.param == "sqlite":
        async with open_database(tmp_path) as database:
            sqlite = SqliteStore(database, retention=RETENTION, new_version=new_version, pseudonym=PSEUDONYM)
            yield Erasing(sqlite, SqliteErasures(database, store=sqlite))
    else:
        client: Client
        if request.param == "redis":
            client, keys = engine_client(request.getfixturevalue("redis_url")), PLAIN
        else:
            client, keys = cluster_client(request.getfixturevalue("redis_cluster_url")), Keys(tagged=True)
        opening = open_redis_store(client, retention=RETENTION, new_version=new_version, pseudonym=PSEUDONYM, keys=keys)
        async with opening as redis:
            yield Erasing(redis, RedisErasures(redis, retention=RETENTION, clock=lambda: NOW_US))


@pytest.fixture
def store(erasing: Erasing) -> Store:
    return erasing.store


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
            else engine_client(request.getfixturevalue("redis_url"))
        )
        async with client:

            async def write_again(rows: Sequence[SealedRow]) -> None:
                await client.delete(StateKeyPatterns.AUDIT_ROWS)
                for row in rows:
                    await client.xadd(StateKeyPatterns.AUDIT_ROWS, {"body": row.body, "mac": row.mac}, f"{row.seq}-0")

            yield Kept(RedisAudit(client, lifetime=timedelta(days=365)), write_again)
