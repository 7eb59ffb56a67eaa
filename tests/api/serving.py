"""The application, run in the test's own process or as the service that users start."""

import os
import re
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from src.config import Settings
from src.main import create_app
from src.ports import Clock
from src.resources import open_resources
from tests.making import NOW_US

from .tokens import APP_TOKEN, SECRET, bearer

ROOT = Path(__file__).parents[2]
AUDIT_KEY = secrets.token_urlsafe(48)
UNLIMITED = dict.fromkeys([f"RATE_LIMIT_{name}" for name in ("READS", "WRITES", "ADMIN", "AUTH_FAILURES")], "0")
STARTUP_S = LOG_S = 30
_LISTENING = re.compile(r"running on http://127\.0\.0\.1:(\d+)")


def fixed_clock() -> int:
    """Return the moment at which the tests take place."""
    return NOW_US


@asynccontextmanager
async def running_app(
    data_dir: Path, clock: Clock = fixed_clock, *, redis_url: str | None = None, **changes: Any
) -> AsyncIterator[FastAPI]:
    """Run the application inside its lifespan, over the embedded store or a Redis; changes are settings."""
    redis = None if redis_url is None else SecretStr(redis_url)
    usual: dict[str, Any] = {
        "jwt_secret": SecretStr(SECRET),
        "audit_key": SecretStr(AUDIT_KEY),
        "app_api_token": SecretStr(APP_TOKEN),
        "data_dir": data_dir,
        "redis_url": redis,
    }
    settings = Settings(**usual | changes)
    app = create_app(lambda: open_resources(settings, clock=clock))
    async with app.router.lifespan_context(app):
        yield app


def client_of(app: FastAPI) -> httpx.AsyncClient:
    """Return a client that talks to an application in process."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://engine.test")


class Server:
    """The service as a process of its own, and the lines of its log."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._lines: list[str] = []
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        listening = _LISTENING.search(self.wait_for(lambda line: _LISTENING.search(line) is not None, STARTUP_S))
        assert listening
        self.port = int(listening[1])
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def alive(self) -> bool:
        """Tell whether the process runs and answers."""
        return self._process.poll() is None and httpx.get(f"{self.url}/live").status_code == httpx.codes.OK

    def wait_for(self, wanted: Callable[[str], bool], seconds: float = LOG_S) -> str:
        """Return the first line of the log that is wanted, as soon as it is there."""
        with self._more:
            assert self._more.wait_for(lambda: any(map(wanted, self._lines)), seconds), self._lines[-5:]
            return next(filter(wanted, self._lines))

    def log(self) -> str:
        """Return the log up to now: a request made for it marks the end of what was written before."""
        mark = uuid4().hex
        httpx.get(f"{self.url}/live", headers={"X-Request-ID": mark})
        self.wait_for(lambda line: mark in line)
        with self._more:
            return "".join(self._lines)

    def stop(self) -> None:
        """End the process as an operator does, and wait for it."""
        self._process.terminate()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stderr
        for line in self._process.stderr:
            with self._more:
                self._lines.append(line)
                self._more.notify_all()


@contextmanager
def running_server(data_dir: Path, **changes: str) -> Iterator[Server]:
    """Start the service as in production, on a port that the system chooses; changes are settings, empty ones unset."""
    environment = {
        "PATH": os.environ["PATH"],
        "ENVIRONMENT": "production",
        "LOG_LEVEL": "DEBUG",
        "JWT_SECRET": SECRET,
        "AUDIT_KEY": AUDIT_KEY,
        "PSEUDONYM_KEY": SECRET[::-1],
        "DATA_DIR": str(data_dir),
        **UNLIMITED,
        **changes,
    }
    command = [sys.executable, "-m", "src", "serve", "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True, encoding="utf-8")
    with process:
        server = Server(process)
        try:
            yield server
        finally:
            server.stop()


def bearer_now(*roles: str, user_id: str = "someone") -> dict[str, str]:
    """Return the header with a token for the real server, whose clock is the real one."""
    return bearer(*roles, user_id=user_id, now_s=int(time.time()))
