"""A worker that is killed, at any moment, and started again: every result is there, and none twice."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from src.security import Role, SecurityManager
from tests.processes import SECRET, Service, run, service

STUDENTS = [f"student-{number:03}" for number in range(1, 1001)]
ASKED = {"kind": "recommendation", "student_ids": STUDENTS}
WITHIN_S = 60


@contextmanager
def worker(data_dir: Path, **settings: str) -> Iterator[Service]:
    """Run the service and read its log all the time: one whose log nobody reads halts when the pipe is full."""
    with service(data_dir, **settings) as running:
        reader = threading.Thread(target=running.log.extend, args=(running.process.stderr,))
        reader.start()
        yield running
        running.process.terminate()
        reader.join()
        running.process.communicate()


@contextmanager
def client_of(running: Service) -> Iterator[httpx.Client]:
    token = SecurityManager(SECRET).issue_jwt("admin-1", [Role.ADMIN], 3600)
    with httpx.Client(base_url=running.url, headers={"Authorization": f"Bearer {token}"}) as client:
        yield client


def wait_for_more_than(client: httpx.Client, batch_id: str, done: int) -> dict[str, Any]:
    """Return the status as soon as more is done, or all."""
    until_s = time.monotonic() + WITHIN_S
    while time.monotonic() < until_s:
        found: dict[str, Any] = client.get(f"/api/v1/batch/status/{batch_id}").raise_for_status().json()
        assert found["done"] + found["failed"] <= found["total"] == len(STUDENTS)
        if found["done"] > done or found["finished_at"]:
            return found
    raise AssertionError(found)


def results(client: httpx.Client, batch_id: str) -> list[Any]:
    found: list[Any] = (
        client.get(f"/api/v1/batch/{batch_id}/results", params={"limit": 1000}).raise_for_status().json()["results"]
    )
    return found


def kill_in_the_middle(data_dir: Path, times: int, **settings: str) -> list[Any]:
    """Kill the service so often while it works on a job or, where one ended before, on another; return the results."""
    batch_id, done, killed = "", 0, 0
    while True:
        with worker(data_dir, **settings) as running, client_of(running) as client:
            if not batch_id:
                batch_id = client.post("/api/v1/batch", json=ASKED).raise_for_status().json()["batch_id"]
            found = wait_for_more_than(client, batch_id, done)
            if killed < times and not found["finished_at"]:
                running.process.kill()
                done, killed = found["done"], killed + 1
            elif killed < times:
                batch_id, done = "", 0  # it came to its end before it could be killed
            else:
                while not found["finished_at"]:
                    found = wait_for_more_than(client, batch_id, found["done"])
                assert (found["status"], found["done"], found["failed"]) == ("completed", len(STUDENTS), 0)
                return results(client, batch_id)


def undisturbed(data_dir: Path, **settings: str) -> list[Any]:
    with worker(data_dir, **settings) as running, client_of(running) as client:
        batch_id = client.post("/api/v1/batch", json=ASKED).raise_for_status().json()["batch_id"]
        while not wait_for_more_than(client, batch_id, len(STUDENTS))["finished_at"]:
            pass
        return results(client, batch_id)


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("events")
    file = folder / "events.jsonl"
    file.write_text(run("simulate", "--students", "200", "--days", "20", "--seed", "5", data_dir=folder))
    assert {json.loads(line)["student_id"] for line in file.read_text().splitlines()} <= set(STUDENTS)
    return file


def check(disturbed: list[Any], expected: list[Any]) -> None:
    assert [item["student_id"] for item in disturbed] == STUDENTS
    assert disturbed == expected


def test_ten_kills_in_the_middle_of_a_job_lose_nothing_and_repeat_nothing(tmp_path: Path, events: Path) -> None:
    run("import", events, data_dir=tmp_path)
    check(kill_in_the_middle(tmp_path, times=10), undisturbed(tmp_path))


def test_kills_over_redis_lose_nothing_and_repeat_nothing(tmp_path: Path, events: Path, redis_url: str) -> None:
    run("import", events, data_dir=tmp_path, REDIS_URL=redis_url)
    disturbed = kill_in_the_middle(tmp_path, times=2, REDIS_URL=redis_url)
    check(disturbed, undisturbed(tmp_path, REDIS_URL=redis_url))
