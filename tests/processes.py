"""The service and its commands as processes of their own, for tests that need the real thing."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

ROOT = Path(__file__).parent.parent
SECRET = "a-secret-of-the-tests-with-enough-bytes"  # used nowhere else
START_S = 30
_END = ""
_LISTENING = re.compile(r"running on (http://[\d.]+:\d+)")


@dataclass
class Service:
    """A running service: where it listens, and the log that it wrote so far."""

    process: subprocess.Popen[str]
    url: str
    log: list[str]
    reading: threading.Thread
    news: "Queue[str]"

    def wait_for(self, text: str) -> str:
        """Return the next line of the log that holds a text, of those that nobody waited for yet."""
        while text not in (line := self.news.get(timeout=START_S)):
            pass
        return line

    def stop(self, by: signal.Signals = signal.SIGTERM) -> int:
        """Stop it as an operator would, and return its exit code."""
        self.process.send_signal(by)
        code = self.process.wait(timeout=START_S)
        self.reading.join(START_S)
        return code


def environment(data_dir: Path, **settings: str) -> dict[str, str]:
    """Return an environment with the settings of a test and nothing else that the service reads."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    secrets = {"JWT_SECRET": SECRET, "AUDIT_KEY": SECRET, "PSEUDONYM_KEY": SECRET[::-1]}
    usual = {"DATA_DIR": str(data_dir), "PYTHONUNBUFFERED": "1"}
    unlimited = {"RATE_LIMIT_READS": "0", "RATE_LIMIT_WRITES": "0", "RATE_LIMIT_ADMIN": "0"}
    return kept | secrets | usual | unlimited | settings


def command(*arguments: str | Path, data_dir: Path, **settings: str) -> subprocess.Popen[str]:
    """Start a command of the service."""
    return subprocess.Popen(
        [sys.executable, "-m", "src", *map(str, arguments)],
        cwd=ROOT,
        env=environment(data_dir, **settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*arguments: str | Path, data_dir: Path, given: str | None = None, **settings: str) -> str:
    """Run a command that must succeed and return what it printed."""
    process = command(*arguments, data_dir=data_dir, **settings)
    out, err = process.communicate(given, timeout=300)
    assert process.returncode == 0, err
    return out


@contextmanager
def service(data_dir: Path, *options: str, **settings: str) -> Iterator[Service]:
    """Run ``serve`` on a port of the system's choice until the block ends."""
    process = command("serve", "--port", "0", *options, data_dir=data_dir, **settings)
    log: list[str] = []
    news: Queue[str] = Queue()
    reading = threading.Thread(target=_read, args=(process, log, news), daemon=True)
    reading.start()
    running = Service(process, "", log, reading, news)
    try:
        while not (found := _LISTENING.search(line := news.get(timeout=START_S))):
            assert line != _END, "".join(log)
        running.url = found[1]
        yield running
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=START_S)
        reading.join(START_S)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def _read(process: subprocess.Popen[str], log: list[str], news: "Queue[str]") -> None:
    """Read the log to its end, or the process would wait for somebody to do so."""
    assert process.stderr is not None
    with suppress(ValueError):  # closed by us, while what a killed process left behind still held it open
        for line in process.stderr:
            log.append(line)
            news.put(line)
    news.put(_END)
