"""The embedded database: one connection that writes in a thread of its own, one that reads; several stores share it."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeAlias, TypeVar

from ..errors import StoreUnavailable
from .sqlite_schema import connect, migrate, migrations

FILE_NAME = "mastery.db"

Row: TypeAlias = tuple[Any, ...]
Value: TypeAlias = str | int | None

_P = ParamSpec("_P")
_T = TypeVar("_T")
_log = logging.getLogger("mastery_engine.sqlite")


class SqliteDatabase:
    """Reads straight from the page cache; all that writes runs in the one writing thread."""

    def __init__(self, *, reader: sqlite3.Connection, writer: sqlite3.Connection, thread: ThreadPoolExecutor) -> None:
        self.writer = writer
        self._reader = reader
        self._thread = thread

    def row(self, sql: str, *values: Value) -> Row | None:
        """Return the first row of a query."""
        with sqlite_errors():
            return self._reader.execute(sql, values).fetchone()  # type: ignore[no-any-return]  # sqlite3 is untyped here

    def rows(self, sql: str, *values: Value) -> list[Row]:
        """Return every row of a query, all of one moment."""
        with sqlite_errors():
            return self._reader.execute(sql, values).fetchall()

    async def write(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Do work on ``writer`` in its thread, in one transaction that is synced to the disk before this returns."""
        call = partial(work, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, call)

    async def empty_log(self) -> None:
        """Move everything from the log to the database, where what was deleted is overwritten; waits for readers."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._empty_log)

    def _empty_log(self) -> None:
        with sqlite_errors():
            (busy, *_) = self.writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            detail = "Another process reads the embedded database without end."
            raise StoreUnavailable(detail)

    def _transact(self, work: Callable[[], _T]) -> _T:
        with sqlite_errors():
            self.writer.execute("BEGIN IMMEDIATE")
            try:
                result = work()
            except BaseException:
                self.writer.execute("ROLLBACK")
                raise
            self.writer.execute("COMMIT")
        return result


@asynccontextmanager
async def open_database(
    data_dir: Path, name: str = FILE_NAME, schema: str = "migrations"
) -> AsyncIterator[SqliteDatabase]:
    """Open a database in a directory, making both where they are missing; close it at the end.

    ``schema`` is the folder of its migrations.
    """
    with sqlite_errors():
        writer, reader = _open(data_dir, name, schema)
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite-writer")
    try:
        yield SqliteDatabase(reader=reader, writer=writer, thread=thread)
    finally:
        thread.shutdown()
        reader.close()
        writer.close()


def copy_database(data_dir: Path, target_dir: Path) -> None:
    """Copy the database of a directory, as it is at this moment, to another; nothing where there is none."""
    source_path, target_path = data_dir / FILE_NAME, target_dir / FILE_NAME
    if not source_path.exists():
        return
    with sqlite_errors(), closing(connect(source_path)) as source, closing(connect(target_path)) as target:
        source.backup(target)


def _open(data_dir: Path, name: str, schema: str) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    path = data_dir / name
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    writer = connect(path)
    migrate(writer, migrations(schema))
    reader = connect(path)
    reader.execute("PRAGMA query_only = ON")
    return writer, reader


@contextmanager
def sqlite_errors() -> Iterator[None]:
    """Turn what the driver and the disk raise into our error; a defect of ours (wrong SQL) stays what it is."""
    try:
        yield
    except (sqlite3.DatabaseError, OSError) as error:
        if isinstance(error, sqlite3.ProgrammingError | sqlite3.IntegrityError):
            raise
        _log.exception("STORE the embedded database failed")
        detail = "The embedded database cannot be used; the log says why."
        raise StoreUnavailable(detail) from error
