"""Section 1: is the service up, and what it needs."""

from pathlib import Path

import pytest

from tests.processes import Service, command
from tests.services import KafkaBroker, RedisServer

from .asking import answer, here, kafka_line, shell

CONNECTION = """python -c "import redis; r=redis.Redis(host='redis', port=6379); r.ping()" """


@pytest.mark.guide("Quick Reference", "**Service Down** | `/health` returns 503 | Check dependencies")
@pytest.mark.guide("1", "`/health` endpoint returns 503")
def test_health_is_503_and_names_the_dependency_that_is_away(bereft: Service) -> None:
    status, report = answer(bereft, "/health")
    assert (status, report["status"], report["checks"]["store"]["status"]) == (503, "unavailable", "unavailable")
    assert report["checks"]["store"]["detail"].startswith("Redis does not answer")


@pytest.mark.guide("1", "`/ready` endpoint fails dependency checks")
@pytest.mark.guide("9", "- Check dependency health", "Readiness probe failures")
def test_ready_is_503_and_names_the_dependency_that_is_away(bereft: Service) -> None:
    status, report = answer(bereft, "/ready")
    assert (status, report["checks"]["store"]["status"]) == (503, "unavailable")


@pytest.mark.guide("1", "Application crashes on startup")
def test_a_process_that_cannot_start_says_which_setting_is_at_fault(tmp_path: Path) -> None:
    process = command("serve", data_dir=tmp_path, PORT="70000", ENVIRONMENT="production", JWT_SECRET="short")
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "PORT must be at most 65535" in told
    assert "JWT_SECRET must have at least 32 bytes" in told


@pytest.mark.guide("1", CONNECTION.strip())
def test_redis_is_reached_with_the_line_of_the_guide(redis_server: RedisServer) -> None:
    done = shell(here(redis_server, CONNECTION))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.guide("1", "kafka-topics.sh --bootstrap-server localhost:9092 --list")
@pytest.mark.usefixtures("beside")
def test_the_topics_are_listed(kafka: KafkaBroker) -> None:
    shown = kafka_line(kafka, "kafka-topics.sh --bootstrap-server localhost:9092 --list").split()
    assert {"mastery.events", "mastery.dlq", "mastery.results"} <= set(shown)


CREATE = "kafka-topics.sh --create --topic mastery.{} --partitions {} --replication-factor 1 {}"
CREATED = [
    CREATE.format(name, number, "--bootstrap-server localhost:9092") for name, number in (("events", 3), ("dlq", 1))
]


@pytest.mark.guide("1", *CREATED)
@pytest.mark.guide("Quick Reference", "Check consumer groups, DLQ topic, topic existence")
def test_missing_topics_are_created_as_the_guide_says_and_are_what_the_service_wants(
    kafka: KafkaBroker, beside: Service
) -> None:
    # Under other names: those of the service are there and in use.
    for line in CREATED:
        assert "Created topic" in kafka_line(kafka, line.replace("--topic mastery.", "--topic guide."))
    assert answer(beside, "/health")[1]["checks"]["kafka"]["status"] == "ok"


@pytest.mark.guide("Contact & Escalation", "Health: `/ready` and `/health` endpoints", "Metrics: `/metrics` endpoint")
@pytest.mark.guide("Contact & Escalation", "API docs: `/docs` endpoint on each service")
@pytest.mark.parametrize("path", ["ready", "health", "metrics", "docs"])
def test_the_endpoints_of_every_service_answer(alone: Service, path: str) -> None:
    done = shell(f"curl -s -o /dev/null -w '%{{http_code}}' {alone.url}/{path}")
    assert done.stdout == "200"
