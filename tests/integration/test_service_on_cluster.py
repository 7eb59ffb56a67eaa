"""The service over a Redis Cluster and Kafka, from outside: events in, answers out, while a master is killed."""

import json
import random
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from src.domain.simulator import simulate
from src.security import Role, SecurityManager
from tests.processes import SECRET, Service, service
from tests.reference import differences, expected_mastery
from tests.services import RedisCluster

STUDENTS = 12
WITHIN_S = 90
NOW = datetime.now(UTC)
TODAY = NOW.date()


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    """Return the events of all students, a fifth of them twice, in no order."""
    unique = list(simulate(students=STUDENTS, days=60, seed=5, last_day=TODAY))
    shuffled = unique + unique[::5]
    random.Random(5).shuffle(shuffled)  # a reproducible order
    return shuffled


def test_answers_equal_the_reference_though_a_master_was_killed(
    redis_cluster: RedisCluster,
    redis_cluster_url: str,
    kafka_bootstrap: str,
    events: list[dict[str, Any]],
    tmp_path: Path,
) -> None:
    settings = {
        "REDIS_URL": redis_cluster_url,
        "REDIS_CLUSTER": "true",
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "KAFKA_SESSION_TIMEOUT_MS": "6000",
    }
    half = len(events) // 2
    with service(tmp_path, **settings) as running:
        until(lambda: ask(running, "/ready") is not None)
        produce(kafka_bootstrap, events[:half])
        until(lambda: ask(running, f"/api/v1/students/{events[0]['student_id']}/mastery") is not None)
        redis_cluster.node_of(f"{{{events[0]['student_id']}}}").kill()
        produce(kafka_bootstrap, events[half:])
        redis_cluster.start()
        for number in range(1, STUDENTS + 1):
            until(partial(is_right, running, f"student-{number:03}", events))
        check_keys(redis_cluster)
        check_erasure(running, kafka_bootstrap, events)


def produce(bootstrap: str, events: list[dict[str, Any]], key: str | None = None) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    for event in events:
        producer.produce("mastery.events", json.dumps(event), key or event["student_id"])
    assert producer.flush(30) == 0


def until(true: Callable[[], bool]) -> None:
    """Ask again and again until it is so."""
    end_s = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < end_s


def ask(running: Service, path: str, method: str = "GET") -> Any:  # JSON
    """Return an answer, None where there is none yet."""
    token = SecurityManager(SECRET).issue_jwt("admin-1", [Role.ADMIN], 600)
    request = urllib.request.Request(running.url + path, headers={"Authorization": f"Bearer {token}"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)
    except OSError:
        return None


def is_right(running: Service, student_id: str, events: list[dict[str, Any]]) -> bool:
    own = [event for event in events if event["student_id"] == student_id]
    answer = ask(running, f"/api/v1/students/{student_id}/mastery")
    expected = expected_mastery(own, TODAY, TODAY, NOW, student_id=student_id)
    return answer is not None and differences(answer, expected) == []


def check_keys(cluster: RedisCluster) -> None:
    """Look at the keys as an operator does: ids in braces, all of them with a lifetime."""
    for number in range(1, STUDENTS + 1):
        for part in ("evidence", "told"):
            shown = cluster.nodes[0].run_cli("-c", "TTL", f"student:{{student-{number:03}}}:{part}").stdout
            assert int(shown.split()[-1]) > 0
    keys = [key for node in cluster.nodes for key in node.run_cli("--scan", "--pattern", "student:*").stdout.split()]
    assert len({key.split(":")[1] for key in keys}) == STUDENTS
    assert all(key.startswith("student:{student-") and "}:" in key for key in keys)
    holders = [node.run_cli("--scan", "--pattern", "offsets:*").stdout.split() for node in cluster.nodes]
    assert all(holders)


def check_erasure(running: Service, bootstrap: str, events: list[dict[str, Any]]) -> None:
    """Erase a student whose events then come once more: nothing of them is kept, and of others nothing is lost."""
    receipt = ask(running, "/api/v1/students/student-001", "DELETE")
    assert (receipt["verified"], receipt["places"]["state"]["remaining"]) == (True, 0)
    assert receipt["places"]["state"]["entries"] > 0
    produce(bootstrap, events)
    # The last in the partition of the erased student is of another, who is then known.
    last = events[0] | {"event_id": "last", "student_id": "student-last"}
    produce(bootstrap, [last], key="student-001")
    until(lambda: ask(running, "/api/v1/students/student-last/events/last") is not None)
    assert ask(running, "/api/v1/students/student-001/export")["places"]["state"] is None
    assert is_right(running, "student-002", events)
