"""The service as the guide finds it: alone, beside Kafka and Redis, and with Redis gone."""

import json
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from tests.making import wire
from tests.processes import Service, service
from tests.services import KafkaBroker, RedisServer
from tests.services.ports import Port

from .asking import NOW, answer, until


@pytest.fixture(scope="package")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Run the service with nothing beside it, as in production."""
    with service(tmp_path_factory.mktemp("alone"), ENVIRONMENT="production", LOG_LEVEL="DEBUG") as one:
        yield one


@pytest.fixture(scope="package")
def beside(
    kafka: KafkaBroker, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Run the service over both, with an event of student 123 applied and one record buried."""
    kafka.clear()
    redis_server.run_cli("FLUSHALL")
    settings = {"REDIS_URL": redis_server.url, "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap}
    with service(tmp_path_factory.mktemp("beside"), ENVIRONMENT="production", LOG_LEVEL="INFO", **settings) as one:
        until(lambda: answer(one, "/ready")[0] == 200)
        producer = Producer({"bootstrap.servers": kafka.bootstrap})
        event = json.dumps(wire("e-1", student_id="123", timestamp=NOW.isoformat()))
        producer.produce("mastery.events", event, "123", headers={"x-request-id": "asked-for-1"})
        producer.produce("mastery.events", b"not JSON", "123", headers={"x-request-id": "asked-for-2"})
        producer.flush(30)
        until(lambda: answer(one, "/api/v1/students/123/events/e-1")[1].get("status") == "applied")
        yield one


@pytest.fixture(scope="package")
def bereft(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Run the service where nobody listens at the address of Redis."""
    port = Port.reserve()
    try:
        with service(tmp_path_factory.mktemp("bereft"), REDIS_URL=f"redis://127.0.0.1:{port.number}/0") as one:
            yield one
    finally:
        port.release()
