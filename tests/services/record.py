"""What ``up`` has started, remembered until ``down``."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from . import compose
from .process import ProcessId

_END_WITHIN_S = 30.0


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One service: its processes, or no process where docker has it."""

    name: str
    environment: dict[str, str]
    processes: tuple[ProcessId, ...] = ()
    docker: bool = False

    @property
    def running(self) -> bool:
        """Tell whether all of it still runs, and is what was started."""
        if self.docker:
            return compose.running(self.name)
        return all(process.running for process in self.processes)

    def end(self) -> None:
        """End what still runs of it."""
        if self.docker:
            compose.down(self.name)
        for process in self.processes:
            process.end(_END_WITHIN_S)


def default_directory() -> Path:
    """Return where records and data are kept unless told otherwise."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "mastery-engine" / "services"


class Records:
    """The records in a directory, each beside the data of its service."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other commands out meanwhile."""
        self._directory.mkdir(parents=True, exist_ok=True)
        with (self._directory / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def all(self) -> list[Record]:
        """Return the records by name."""
        files = sorted(self._directory.glob("*.json"))
        return [msgspec.json.decode(file.read_bytes(), type=Record) for file in files]

    def keep(self, record: Record) -> None:
        """Write a record."""
        self._file(record.name).write_bytes(msgspec.json.encode(record))

    def forget(self, record: Record) -> None:
        """Remove a record with the data of its service."""
        self.remove_data(record.name)
        self._file(record.name).unlink(missing_ok=True)

    def data(self, name: str) -> Path:
        """Return the directory for the data of a service."""
        return self._directory / name

    def remove_data(self, name: str) -> None:
        """Remove the data of a service that does not run."""
        shutil.rmtree(self.data(name), ignore_errors=True)

    def _file(self, name: str) -> Path:
        return self._directory / f"{name}.json"
