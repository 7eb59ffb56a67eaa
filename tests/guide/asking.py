"""Asking the service, Redis and Kafka as a reader of the guide would: by its own lines, in a shell."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from src.security import Role, SecurityManager
from tests.processes import ROOT, SECRET, Service, environment
from tests.services import KafkaBroker, RedisServer
from tests.services.programs import redis_program

NOW = datetime.now(UTC)
"""One moment for all that a run of these tests sends, and for the keys that follow from it."""


def shell(line: str, *first: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a line of the guide in the root of the project, with directories and this Python first on the path."""
    variables = environment(Path("data-of-no-test"), **settings)
    variables["PATH"] = ":".join(map(str, [*first, Path(sys.executable).parent, variables["PATH"]]))
    return subprocess.run(
        ["/bin/sh", "-c", line], cwd=ROOT, env=variables, capture_output=True, text=True, timeout=120, check=False
    )


def kafka_line(kafka: KafkaBroker, line: str) -> str:
    """Run what the guide runs in Kafka's pod, against the broker of the tests, and return what it printed."""
    done = shell(line.replace("localhost:9092", kafka.bootstrap), kafka.scripts)
    assert done.returncode == 0, done.stderr
    return done.stdout


def redis_line(redis: RedisServer, line: str) -> str:
    """Run what the guide runs in the pod of Redis, against the one of the tests, and return what it printed."""
    done = shell(line.replace("redis-cli", f"redis-cli -p {redis.port}"), redis_program("redis-cli").parent)
    assert done.returncode == 0, done.stderr
    return done.stdout


def here(redis: RedisServer, line: str) -> str:
    """Return a line of the guide with the address of this Redis in the place of the cluster's."""
    return line.replace("host='redis', port=6379", "host='redis'").replace(
        "host='redis'", f"host='127.0.0.1', port={redis.port}"
    )


@cache
def _admin() -> str:
    return SecurityManager(SECRET).issue_jwt("admin-1", [Role.ADMIN], 3600)


def answer(running: Service, path: str, content: object = None, *, token: str | None = None) -> tuple[int, Any]:
    """Return the status and the JSON of an answer to an admin, or to whom another token names."""
    headers = {"Authorization": f"Bearer {token or _admin()}", "Content-Type": "application/json"}
    body = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(f"{running.url}{path}", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"{}")
    except OSError:
        return 0, {}


def exposed(running: Service) -> str:
    """Return the metrics of a service."""
    with urllib.request.urlopen(f"{running.url}/metrics", timeout=10) as response:
        return str(response.read().decode())


def until(done: Callable[[], bool], within_s: float = 60) -> None:
    """Ask again and again until it is so."""
    end_s = time.monotonic() + within_s
    while not done():
        assert time.monotonic() < end_s
