"""The ledger of erasures as a file of its own: no older copy of the database takes an erasure back.

One JSON object a line, each written with one call and synced. It is only ever appended to; a line that a crash has torn
is passed over, and the next one begins after it.
"""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from ..domain.erasures import Erasure
from ..errors import StoreUnavailable
from .erasure_entries import encoded, take

FILE_NAME = "erasures.jsonl"


class ErasureFile:
    """The port of the ledger over one file; several processes may append to it."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / FILE_NAME

    async def read(self) -> Mapping[str, Erasure]:
        """Return the newest entry of each student."""
        return await asyncio.to_thread(self._read)

    async def write(self, pseudonym: str, erasure: Erasure) -> None:
        """Append an entry, and return when it is on the disk."""
        await asyncio.to_thread(self._write, encoded(pseudonym, erasure))

    def _read(self) -> Mapping[str, Erasure]:
        found: dict[str, Erasure] = {}
        try:
            take(filter(None, self._path.read_bytes().splitlines()), found)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise _unusable() from error
        return found

    def _write(self, entry: bytes) -> None:
        # The line end comes first too: whatever a crash has left there ends with it.
        line = b"\n" + entry + b"\n"
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                if os.write(file, line) != len(line):
                    raise _unusable()
                os.fsync(file)
            finally:
                os.close(file)
            _sync_directory(self._path.parent)
        except OSError as error:
            raise _unusable() from error


def _sync_directory(folder: Path) -> None:
    """See to it that the name of a new file is on the disk as well."""
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _unusable() -> StoreUnavailable:
    return StoreUnavailable("The ledger of erasures in DATA_DIR cannot be used.")
