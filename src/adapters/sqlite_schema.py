"""Opening the embedded database: pragmas, and numbered migrations that only go forward."""

import sqlite3
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from ..errors import Reason, StoreUnavailable

BUSY_S = 10
"""Seconds to wait for another process that writes."""


def connect(path: Path) -> sqlite3.Connection:
    """Open the database for its one writing thread, or for reads."""
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    # FULL, not NORMAL: an accepted event is acknowledged only when it is on the disk, and in WAL mode NORMAL may lose
    # the last transactions when the power goes. A batch costs one fsync.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA cache_size = -32768")
    return connection


def migrations(folder_name: str = "migrations") -> list[str]:
    """Return the scripts of a folder in order; script n brings the schema to version n."""
    folder = files(__package__) / folder_name
    scripts = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda e: e.name)
    return [script.read_text() for script in scripts]


def migrate(connection: sqlite3.Connection, scripts: list[str]) -> None:
    """Bring the schema up to date in one transaction, or refuse a database of a newer version."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        _check_known(version, len(scripts))
        for script in scripts[version:]:
            for statement in _statements(script):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(scripts)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _check_known(version: int, newest: int) -> None:
    if version > newest:
        detail = f"The database has schema version {version}; this version of the service knows {newest} at most."
        raise StoreUnavailable(detail, [Reason("DATA_DIR", "written by a newer version")])


def _statements(script: str) -> Iterator[str]:
    # Not executescript: it commits by itself, and the migrations succeed or fail together.
    statement = ""
    for part in script.split(";")[:-1]:
        statement += f"{part};"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
