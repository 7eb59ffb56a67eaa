"""What the embedded database tells of itself, without being changed or made by the question."""

import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from ..diagnosis import StoreFacts
from ..errors import StoreUnavailable
from .sqlite_database import FILE_NAME


class SqliteFacts:
    """Looks at the files of a data directory."""

    def __init__(self, data_dir: Path, *, now_s: Callable[[], float] = time.time) -> None:
        self._data_dir = data_dir
        self._path = data_dir / FILE_NAME
        self._now_s = now_s

    async def facts(self) -> StoreFacts | None:
        """Return what can be seen, None before the first start; raises ``StoreUnavailable``."""
        if not self._path.exists():
            return None
        started_s = time.perf_counter()
        try:
            with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)) as database:
                (students,) = database.execute("SELECT count(*) FROM student").fetchone()
        except sqlite3.Error as error:
            detail = f"The embedded database cannot be read ({error})."
            raise StoreUnavailable(detail) from error
        disk = shutil.disk_usage(self._data_dir)
        written_s = max(path.stat().st_mtime for path in self._data_dir.glob(f"{FILE_NAME}*"))
        return StoreFacts(
            kind="sqlite",
            latency_ms=(time.perf_counter() - started_s) * 1000,
            used_bytes=disk.used,
            max_bytes=disk.used + disk.free,
            keys=int(students),
            keys_without_end=0,
            longest_s=None,
            # A file that was written after now: our clock is behind what it was.
            ahead_s=max(0.0, written_s - self._now_s()),
        )
