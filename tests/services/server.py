"""What Redis and Kafka have in common: one process with a directory and a port that it keeps."""

import tempfile
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar

from .errors import NotReady, WrongState
from .ports import Port
from .process import Child, ProcessId, wait_until
from .service import Service

_LOG_LINES = 15


class Server(Service):
    """A real server on 127.0.0.1; its data and its port stay the same when it is killed and started again.

    Without a directory it gets one of its own, which goes when it is closed; without a port, a free one.
    """

    ready_within_s: ClassVar[float]
    ended_within_s: ClassVar[float]

    def __init__(self, directory: Path | None = None, *, port: int = 0) -> None:
        self._wanted_directory = directory
        self._wanted_port = port
        self._directory: Path | None = None
        self._ports: tuple[Port, ...] = ()
        self._child: Child | None = None
        self._own = ExitStack()

    @property
    def directory(self) -> Path:
        """Return where its data, settings and log are."""
        if self._directory is None:
            raise self._not_started()
        return self._directory

    @property
    def log(self) -> Path:
        """Return the file that takes what it writes."""
        return self.directory / f"{self.kind}.log"

    @property
    def port(self) -> int:
        """Return the port for clients."""
        if not self._ports:
            raise self._not_started()
        return self._ports[0].number

    @property
    def running(self) -> bool:
        """Tell whether its process runs."""
        return self._child is not None and self._child.running

    @property
    def processes(self) -> tuple[ProcessId, ...]:
        """Return the identity of its process."""
        return (self._running().id,)

    def start(self) -> None:
        """Start it and return when it answers."""
        if self.running:
            message = f"{self.kind} runs already"
            raise WrongState(message)
        self._take_directory()
        self._ports = self._ports or self._reserve(self._wanted_port)
        self._prepare()
        self._child = Child(self._command(), directory=self.directory, log=self.log)
        try:
            self.wait_until_ready()
        except BaseException:
            if self.running:
                self.kill()
            raise

    def stop(self) -> None:
        """Ask it to end, and end it by force when it takes too long."""
        self._running().stop(self.ended_within_s)

    def kill(self) -> None:
        """Send it SIGKILL, and return when it is gone."""
        self._running().kill()

    def freeze(self) -> None:
        """Send it SIGSTOP, and return when it is halted."""
        self._running().freeze()

    def thaw(self) -> None:
        """Send it SIGCONT."""
        self._running().thaw()

    def close(self) -> None:
        """Stop it where it runs, and give back what it had."""
        if self.running:
            self.stop()
        self._give_back()

    def detach(self) -> None:
        """Let it run on when we end; after this we know nothing of it."""
        self._running().detach()
        self._give_back()

    def wait_until_ready(self) -> None:
        """Ask until it answers; raises ``NotReady`` when it ended or took too long."""
        in_time = wait_until(lambda: self._answers() or not self.running, self.ready_within_s)
        if self.running and in_time:
            return
        what = f"gave no answer in {self.ready_within_s:g} s" if self.running else "ended instead of answering"
        message = f"{self.kind} {what}; the end of {self.log}:\n{self._last_words()}"
        raise NotReady(message)

    def _reserve(self, number: int) -> tuple[Port, ...]:
        """Take the ports it needs, the one for clients first."""
        return (Port.reserve(number),)

    @abstractmethod
    def _prepare(self) -> None:
        """Write its settings."""

    @abstractmethod
    def _command(self) -> Sequence[str | Path]:
        """Return what to run."""

    @abstractmethod
    def _answers(self) -> bool:
        """Ask it whether it does its work."""

    def _running(self) -> Child:
        if self._child is None or not self._child.running:
            message = f"{self.kind} does not run"
            raise WrongState(message)
        return self._child

    def _not_started(self) -> WrongState:
        return WrongState(f"{self.kind} has not been started")

    def _take_directory(self) -> None:
        if self._directory is not None:
            return
        if self._wanted_directory is None:
            own = tempfile.TemporaryDirectory(prefix=f"{self.kind}-")
            self._directory = Path(self._own.enter_context(own))
        else:
            self._wanted_directory.mkdir(parents=True, exist_ok=True)
            self._directory = self._wanted_directory.resolve()

    def _give_back(self) -> None:
        for port in self._ports:
            port.release()
        self._own.close()
        self._child, self._ports, self._directory = None, (), None

    def _last_words(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-_LOG_LINES:])
