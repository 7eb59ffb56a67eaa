"""A process of the service, to be killed, halted and asked; its log goes to a file."""

import json
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.processes import ROOT, environment
from tests.services.process import wait_until

START_S = 60
STOP_S = 40
_LISTENING = re.compile(r"running on (http://[\d.]+:\d+)")
_ASSIGNED = "KAFKA resumes"


class Node:
    """One process of the service, or of a module of the tests that stands in for it."""

    def __init__(
        self,
        directory: Path,
        settings: Mapping[str, str],
        *,
        arguments: tuple[str, ...] = ("serve", "--role", "consumer", "--port", "0", "--json"),
        module: str = "src",
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.log_file = directory / "log"
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=ROOT,
                env=environment(directory, **settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def running(self) -> bool:
        """Tell whether it has not ended."""
        return self.process.poll() is None

    @property
    def log(self) -> str:
        """Return what it has written so far."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    @property
    def url(self) -> str:
        """Return where it listens, once it does."""
        wait_until(lambda: _LISTENING.search(self.log) is not None or not self.running, START_S)
        found = _LISTENING.search(self.log)
        assert found, self.log[-3000:]
        return found[1]

    @property
    def holds_partitions(self) -> bool:
        """Tell whether it has ever begun to read a partition."""
        return _ASSIGNED in self.log

    def wait_for(self, text: str, within_s: float = START_S) -> None:
        """Wait until its log holds a text."""
        assert wait_until(lambda: text in self.log, within_s), f"no {text!r} in:\n{self.log[-3000:]}"

    def ask(self, path: str, *, within_s: float = 5) -> tuple[int, dict[str, Any]]:
        """Return the status and the content of an answer; 0 where there is none."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=within_s) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)
        except OSError:
            return 0, {}

    def metric(self, name: str) -> dict[str, float]:
        """Return the samples of a metric by their only label."""
        with urllib.request.urlopen(self.url + "/metrics", timeout=10) as answer:
            text = answer.read().decode()
        return {
            "".join(sample.labels.values()): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name
        }

    @property
    def largest_mb(self) -> float:
        """Return the most memory that it has held so far, as Linux tells it."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 / 1_000_000 for line in lines if line.startswith("VmHWM"))

    def kill(self) -> None:
        """End it with SIGKILL, and return when it is gone."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to end, and return its exit code."""
        self.process.terminate()
        return self.process.wait(STOP_S)

    def freeze(self) -> None:
        """Halt it."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it in whatever state it is."""
        if self.running:
            self.thaw()
            self.process.terminate()
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.kill()
