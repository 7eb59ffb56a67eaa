"""Processes: started so that they cannot outlive us, or known by their id."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_POLL_S = 0.01
_GUARD = 'read -r _; kill -9 "$1"'
_ENDED = "ZX"  # a zombie's parent has not asked for it yet, or never will


def wait_until(true: Callable[[], bool], within_s: float) -> bool:
    """Ask until the answer is yes; return False when it was not in time."""
    deadline = time.monotonic() + within_s
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process id with the moment at which it was started, which tells it from a later process with the same id."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Self:
        """Return the identity of a process that runs; raises ``ProcessLookupError``."""
        started = _started(pid)
        if started is None:
            raise ProcessLookupError(pid)
        return cls(pid, started)

    @property
    def running(self) -> bool:
        """Tell whether this very process runs."""
        return _started(self.pid) == self.started

    def end(self, within_s: float) -> bool:
        """End it, by force when it takes too long; return False when it did not run any more."""
        if not self.running:
            return False
        self._send(signal.SIGTERM)
        self._send(signal.SIGCONT)
        if not self.wait(within_s):
            self._send(signal.SIGKILL)
            self.wait(within_s)
        return True

    def wait(self, within_s: float) -> bool:
        """Wait until it has ended; return False when it has not in time."""
        return wait_until(lambda: not self.running, within_s)

    def _send(self, number: signal.Signals) -> None:
        if self.running:
            os.kill(self.pid, number)


def _started(pid: int) -> str | None:
    """Return when a process was started, in the words of the system; None for one that has ended."""
    if sys.platform != "linux":
        return _asked(pid)
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, started = fields[0], fields[19]
    return None if state in _ENDED else started


def _asked(pid: int) -> str | None:
    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    state, _, started = said.strip().partition(" ")
    return started.strip() or None if state[:1] not in _ENDED else None


class Child:
    """A process of ours, in a session of its own, with a guard that kills it when we end in whatever way."""

    def __init__(self, command: Sequence[str | Path], *, directory: Path, log: Path) -> None:
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._guard = _guard(self._process.pid)
        self._frozen = False

    @property
    def id(self) -> ProcessId:
        """Return its identity; raises ``ProcessLookupError`` when it has ended."""
        return ProcessId.of(self._process.pid)

    @property
    def running(self) -> bool:
        """Tell whether it runs; a frozen one does."""
        if self._process.poll() is None:
            return True
        self._dismiss_guard()
        return False

    def kill(self) -> None:
        """End it without a chance to tidy up."""
        self._process.kill()
        self._collect(None)

    def stop(self, within_s: float) -> None:
        """Ask it to end, and end it by force when it takes too long."""
        self._process.terminate()
        self.thaw()
        try:
            self._collect(within_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def freeze(self) -> None:
        """Halt it, and return once it is halted."""
        if not self._frozen:
            self._process.send_signal(signal.SIGSTOP)
            os.waitpid(self._process.pid, os.WUNTRACED)  # tells of each halt once, and waits for ever for the next
        self._frozen = True

    def thaw(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)
        self._frozen = False

    def detach(self) -> None:
        """Let it outlive us."""
        self._dismiss_guard()

    def _collect(self, within_s: float | None) -> None:
        self._process.wait(within_s)
        self._dismiss_guard()

    def _dismiss_guard(self) -> None:
        self._guard.kill()
        self._guard.communicate()


def _guard(pid: int) -> subprocess.Popen[bytes]:
    """Start a shell that reads from a pipe of ours, which ends when we do, and then kills the process."""
    return subprocess.Popen(
        ["/bin/sh", "-c", _GUARD, "sh", str(pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
