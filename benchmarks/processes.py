"""Processes under measurement: one that runs to its end, and a server that is stopped by its own id."""

import http.client
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from subprocess import DEVNULL, Popen, TimeoutExpired
from tempfile import TemporaryFile
from typing import IO, NamedTuple

ROOT = Path(__file__).parent.parent
SECRET = "for-benchmarks-on-loopback-only-and-no-longer"  # noqa: S105  # of servers that live for seconds
SERVE = ("-m", "src", "serve", "--port")
READY_WITHIN_S = 30
STOPPED_WITHIN_S = 15
_POLL_S = 0.002
_KIB = 1024


class Finished(NamedTuple):
    """A process that ran to its end: its wall time, its largest resident memory in bytes, and what it wrote."""

    seconds: float
    resident: int
    output: bytes


class Serving(NamedTuple):
    """A server that runs: its port on loopback, the seconds until /ready answered 200, its process, its log so far."""

    port: int
    start_s: float
    pid: int
    log: Callable[[], bytes]


def settings(data_dir: str) -> dict[str, str]:
    """Return the environment of a service that keeps its data in a directory and limits nobody's rate."""
    unlimited = dict.fromkeys(("RATE_LIMIT_READS", "RATE_LIMIT_WRITES", "RATE_LIMIT_ADMIN"), "0")
    return {"DATA_DIR": data_dir, "JWT_SECRET": SECRET, **unlimited}


def run_to_end(arguments: Sequence[str], environment: Mapping[str, str]) -> Finished:
    """Run Python with arguments and measure it; raises ``RuntimeError`` where it fails."""
    with TemporaryFile() as output, TemporaryFile() as log:
        started = time.perf_counter()
        process = _python(arguments, environment, output, log)
        # Not process.wait(): this child's memory is asked for, not the largest of all children. At exec Linux counts in
        # what the parent holds, so the parent has to stay smaller than what it measures.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise _failure(process, arguments, log)
        output.seek(0)
        return Finished(seconds, usage.ru_maxrss * _KIB, output.read())


@contextmanager
def serving(arguments: Sequence[str], environment: Mapping[str, str]) -> Iterator[Serving]:
    """Run Python with arguments and a free port until /ready answers, and stop it at the end."""
    port = _free_port()
    with TemporaryFile() as log:
        started = time.perf_counter()
        process = _python([*arguments, str(port)], environment, DEVNULL, log)
        try:
            while not _is_ready(port):
                if process.poll() is not None or time.perf_counter() - started > READY_WITHIN_S:
                    raise _failure(process, arguments, log)
                time.sleep(_POLL_S)
            yield Serving(port, time.perf_counter() - started, process.pid, partial(_read, log.fileno()))
        finally:
            _stop(process)


def _read(descriptor: int) -> bytes:
    """Return a whole file without moving the place at which the process that shares it writes on."""
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


def _python(
    arguments: Sequence[str], environment: Mapping[str, str], output: IO[bytes] | int, log: IO[bytes]
) -> Popen[bytes]:
    command = [sys.executable, *arguments]
    return Popen(command, cwd=ROOT, env={**os.environ, **environment}, stdout=output, stderr=log)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=READY_WITHIN_S)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == http.client.OK
    except ConnectionError:
        return False
    finally:
        connection.close()


def _stop(process: Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOPPED_WITHIN_S)
    except TimeoutExpired:
        process.kill()
        process.wait()


def _failure(process: Popen[bytes], arguments: Sequence[str], log: IO[bytes]) -> RuntimeError:
    what = "did not become ready" if process.returncode is None else f"ended with {process.returncode}"
    log.seek(0)
    return RuntimeError(f"python {' '.join(arguments)} {what}\n{log.read().decode(errors='replace')}")
