"""Documents in the embedded database."""

from collections.abc import Callable

from ..ports import Document
from .sqlite_database import SqliteDatabase


class SqliteDocuments:
    """The port of documents; ``new_version`` is never the version of another state."""

    def __init__(self, database: SqliteDatabase, *, new_version: Callable[[], int]) -> None:
        self._database = database
        self._new_version = new_version

    async def get(self, name: str) -> Document | None:
        """Return a document, None where there is none."""
        row = self._database.row("SELECT version, body FROM document WHERE name = ?", name)
        return None if row is None else Document(*row)

    async def put(self, name: str, body: bytes, expected: int | None) -> int | None:
        """Keep a document if its version is the one expected; return the new version."""
        return await self._database.write(self._put, name, body, expected)

    async def delete(self, name: str) -> bool:
        """Remove a document, whatever its version; tell whether there was one."""
        return await self._database.write(self._delete, name)

    def _delete(self, name: str) -> bool:
        return self._database.writer.execute("DELETE FROM document WHERE name = ?", (name,)).rowcount > 0

    def _put(self, name: str, body: bytes, expected: int | None) -> int | None:
        execute = self._database.writer.execute
        found = execute("SELECT version FROM document WHERE name = ?", (name,)).fetchone()
        if found != (None if expected is None else (expected,)):
            return None
        version = self._new_version()
        execute("REPLACE INTO document VALUES (?, ?, ?)", (name, version, body))
        return version
