"""What every store of documents does, whatever it is made of."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest

from src.adapters.redis_client import cluster_client
from src.adapters.redis_documents import RedisDocuments
from src.adapters.sqlite_database import open_database
from src.adapters.sqlite_documents import SqliteDocuments
from src.ports import Document, DocumentStore
from tests.documents import MemoryDocuments
from tests.redis_user import engine_client


@pytest.fixture(params=["memory", "sqlite", "redis", "cluster"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[DocumentStore]:
    versions = count(1000)
    if request.param == "memory":
        yield MemoryDocuments()
    elif request.param == "sqlite":
        async with open_database(tmp_path) as database:
            yield SqliteDocuments(database, new_version=lambda: next(versions))
    else:
        client = (
            cluster_client(request.getfixturevalue("redis_cluster_url"))
            if request.param == "cluster"
            else engine_client(request.getfixturevalue("redis_url"))
        )
        yield RedisDocuments(client, new_version=lambda: next(versions))
        await client.aclose()


async def test_a_document_is_read_back_as_it_was_put(store: DocumentStore) -> None:
    assert await store.get("curriculum") is None
    version = await store.put("curriculum", b"\x00 a \xff", None)
    assert version is not None
    assert await store.get("curriculum") == Document(version, b"\x00 a \xff")
    assert await store.get("other") is None


async def test_a_document_is_replaced_only_at_the_version_expected(store: DocumentStore) -> None:
    first = await store.put("curriculum", b"one", None)
    assert await store.put("curriculum", b"two", None) is None
    assert await store.put("curriculum", b"two", (first or 0) + 77) is None
    second = await store.put("curriculum", b"two", first)
    assert second not in (None, first)
    assert await store.get("curriculum") == Document(second or 0, b"two")


async def test_of_several_at_once_one_is_kept(store: DocumentStore) -> None:
    versions = await asyncio.gather(*(store.put("curriculum", b"%d" % number, None) for number in range(8)))
    (kept,) = [(version, number) for number, version in enumerate(versions) if version is not None]
    assert await store.get("curriculum") == Document(kept[0], b"%d" % kept[1])


async def test_a_document_that_was_removed_is_gone_and_can_be_put_again(store: DocumentStore) -> None:
    await store.put("curriculum", b"one", None)
    await store.put("other", b"two", None)
    assert [await store.delete("curriculum"), await store.delete("curriculum")] == [True, False]
    assert await store.get("curriculum") is None
    assert await store.get("other") is not None
    assert await store.put("curriculum", b"three", None) is not None


async def test_a_document_of_many_megabytes_is_read_back(store: DocumentStore) -> None:
    large = bytes(range(256)) * 32_768
    version = await store.put("large", large, None)
    assert await store.get("large") == Document(version or 0, large)
