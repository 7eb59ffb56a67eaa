"""What the operations guide says of Kafka and Redis: its commands, through their own tools, beside the service."""

import json
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import Producer

from src.security import Role, SecurityManager
from tests.making import wire
from tests.processes import SECRET, Service, environment, service
from tests.services import KafkaBroker, RedisServer

NOW = datetime.now(UTC)
TODAY = NOW.date().isoformat()


@pytest.fixture(scope="module")
def running(
    kafka: KafkaBroker, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Run the service over both, with an event of student 123 applied and one record buried."""
    kafka.clear()
    redis_server.run_cli("FLUSHALL")
    settings = {"REDIS_URL": redis_server.url, "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap}
    with service(tmp_path_factory.mktemp("data"), "--json", **settings) as one:
        until_ready(one)
        producer = Producer({"bootstrap.servers": kafka.bootstrap})
        event = wire("e-1", student_id="123", timestamp=NOW.isoformat())
        producer.produce("mastery.events", json.dumps(event), "123", headers={"x-request-id": "asked-for-1"})
        producer.produce("mastery.events", b"not JSON", "123", headers={"x-request-id": "asked-for-2"})
        producer.flush(30)
        until(lambda: counted(one))
        yield one


def until(done: Callable[[], bool], within_s: float = 60) -> None:
    """Ask again and again until it is so."""
    end_s = time.monotonic() + within_s
    while not done():
        assert time.monotonic() < end_s


def until_ready(running: Service) -> None:
    def ready() -> bool:
        try:
            with urllib.request.urlopen(f"{running.url}/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    until(ready)


def counted(running: Service) -> bool:
    token = SecurityManager(SECRET).issue_jwt("admin-1", [Role.ADMIN], 600)
    url = f"{running.url}/api/v1/students/123/events/e-1"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return bool(json.loads(answer.read())["status"] == "applied")
    except OSError:
        return False


def lag_of(kafka: KafkaBroker, column: str) -> list[str]:
    shown = tool(
        kafka, "kafka-consumer-groups.sh --bootstrap-server localhost:9092 --describe --group mastery-engine-group"
    )
    header, *rows = [line.split() for line in shown.splitlines() if line.strip()]
    return [row[header.index(column)] for row in rows]


def tool(kafka: KafkaBroker, command: str) -> str:
    """Run a line of the guide with Kafka's own tools on the path, against the broker of the tests."""
    variables = environment(Path())
    variables["PATH"] = f"{kafka.scripts}:{variables['PATH']}"
    here = command.replace("localhost:9092", kafka.bootstrap)
    done = subprocess.run(
        ["/bin/sh", "-c", here], capture_output=True, text=True, env=variables, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.usefixtures("running")
def test_section_1_the_topics_are_listed(kafka: KafkaBroker) -> None:
    shown = tool(kafka, "kafka-topics.sh --bootstrap-server localhost:9092 --list").split()
    assert {"mastery.events", "mastery.dlq", "mastery.results"} <= set(shown)


def test_section_1_missing_topics_can_be_created_as_the_guide_says(
    kafka: KafkaBroker, redis_server: RedisServer, running: Service
) -> None:
    del redis_server, running
    for topic, partitions in (("guide.events", 3), ("guide.dlq", 1)):
        line = f"kafka-topics.sh --create --topic {topic} --partitions {partitions} --replication-factor 1"
        assert "Created topic" in tool(kafka, f"{line} --bootstrap-server localhost:9092")


@pytest.mark.usefixtures("running")
def test_section_2_the_lag_of_the_group_is_shown(kafka: KafkaBroker) -> None:
    assert lag_of(kafka, "TOPIC") == ["mastery.events"] * 3
    until(lambda: set(lag_of(kafka, "LAG")) <= {"0", "-"})


def test_the_lag_is_a_metric_of_the_service_too(running: Service) -> None:
    def shown() -> bool:
        with urllib.request.urlopen(f"{running.url}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        return 'kafka_consumer_group_lag{group="mastery-engine-group",partition="0",topic="mastery.events"} 0.0' in text

    until(shown)


@pytest.mark.usefixtures("running")
def test_section_4_dead_letters_are_read_with_the_console_consumer(kafka: KafkaBroker) -> None:
    command = "kafka-console-consumer.sh --bootstrap-server localhost:9092 --topic mastery.dlq --from-beginning"
    assert tool(kafka, f"{command} --max-messages 1") == "not JSON\n"


@pytest.mark.usefixtures("running")
def test_section_4_topic_rules_are_listed(kafka: KafkaBroker) -> None:
    tool(kafka, "kafka-acls.sh --bootstrap-server localhost:9092 --list --topic mastery.events")


def test_section_4_the_log_tells_of_kafka_and_of_dead_letters_with_the_correlation_id_of_the_event(
    running: Service,
) -> None:
    line = running.wait_for("DLQ")
    # Those of the consumer's own process too are JSON, one object a line.
    assert any("KAFKA resumes" in json.loads(line)["message"] for line in running.log)
    assert "asked-for-2" in line


@pytest.mark.usefixtures("running")
def test_section_5_the_keys_of_students_are_found(redis_server: RedisServer) -> None:
    keys = redis_server.run_cli("KEYS", "student:*").stdout.split()
    assert {f"student:123:mastery:{TODAY}", f"student:123:mastery:{TODAY}:quiz", "student:123:event:e-1"} <= set(keys)
    assert set(redis_server.run_cli("--scan", "--pattern", "student:*").stdout.split()) == set(keys)


@pytest.mark.usefixtures("running")
def test_section_5_keys_have_the_lifetime_of_the_guide(redis_server: RedisServer) -> None:
    def days(key: str) -> int:
        return round(int(redis_server.run_cli("TTL", key).stdout) / 86_400)

    assert days(f"student:123:mastery:{TODAY}") == 90
    assert days("student:123:event:e-1") == 7


@pytest.mark.usefixtures("running")
def test_section_5_a_snapshot_is_readable(redis_server: RedisServer) -> None:
    snapshot = json.loads(redis_server.run_cli("GET", f"student:123:mastery:{TODAY}").stdout)
    assert snapshot["components"]["quiz"]["score"] == 0.8
    assert redis_server.run_cli("GET", f"student:123:mastery:{TODAY}:quiz").stdout.strip() == "0.8"


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize(
    ("command", "shows"), [("INFO memory", "used_memory"), ("DBSIZE", ""), ("BGSAVE", "Background")]
)
def test_sections_2_5_and_recovery_redis_answers(redis_server: RedisServer, command: str, shows: str) -> None:
    done = redis_server.run_cli(*command.split())
    assert done.returncode == 0
    assert shows in done.stdout
