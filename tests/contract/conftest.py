"""Every store under the same tests: one fixture, one parameter a store."""

from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Protocol

import pytest

from src.adapters.sqlite_store import open_sqlite_store
from src.ports import EvidenceStore, Maintenance, Retention
from tests.fakes import MemoryStore


class Store(EvidenceStore, Maintenance, Protocol):
    """What an adapter of the store is."""


RETENTION = Retention(state_days=90, checkpoint_days=7)


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield MemoryStore(RETENTION)
    else:
        versions = count(1000)
        async with open_sqlite_store(tmp_path, retention=RETENTION, new_version=lambda: next(versions)) as sqlite:
            yield sqlite
