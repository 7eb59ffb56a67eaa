"""Faults put in one by one: the doctor names each, and leaves everything else as good."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from src.adapters.kafka_topics import KafkaTopics
from src.adapters.model_files import ModelFiles
from src.config import Settings
from src.diagnosis import Finding, Severity
from src.doctor import Patient, diagnose
from src.model_artefact import read_artefact
from src.resources import open_resources
from src.security import Role, SecurityManager
from tests.learner import artefact
from tests.making import wire
from tests.processes import SECRET
from tests.services import KafkaBroker, RedisServer
from tests.services.fixtures import Running
from tests.services.ports import Port

NOBODY_CONSUMES = "group"  # no service runs beside these tests


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., Settings]:
    """Return what makes settings of a service of its own."""

    def make(**more: Any) -> Settings:
        usual: dict[str, Any] = {
            "data_dir": tmp_path / "data",
            "jwt_secret": SECRET,
            "audit_key": SECRET,
            "pseudonym_key": SECRET,
        }
        return Settings(**usual | more)

    return make


async def wrong(settings: Settings, **more: Any) -> dict[str, Finding]:
    """Return what the doctor finds to be no good, by what was looked at."""
    findings = await diagnose(Patient(settings, **more))
    return {one.check: one for one in findings if one.severity is not Severity.OK}


async def test_a_service_without_anything_beside_it_is_well(settings: Callable[..., Settings]) -> None:
    async with open_resources(settings()) as resources:
        await resources.mastery.ingest([wire()])
        await resources.audit.record_start(settings(), version="1", role="all")
    assert await wrong(settings()) == {}


async def test_a_redis_that_is_well(settings: Callable[..., Settings], redis_url: str) -> None:
    assert await wrong(settings(redis_url=redis_url, kafka_bootstrap_servers=None)) == {}


async def test_a_redis_that_is_gone(settings: Callable[..., Settings]) -> None:
    port = Port.reserve()
    found = await wrong(settings(redis_url=f"redis://127.0.0.1:{port.number}/0"))
    port.release()
    assert list(found) == ["store"]
    assert found["store"].found == "Redis does not answer."


async def test_a_wrong_password(settings: Callable[..., Settings], running: Running) -> None:
    server = running(RedisServer(password="right"))
    found = await wrong(settings(redis_url=server.url.replace("right", "wrong")))
    assert list(found) == ["store"]
    assert found["store"].found == "Redis refuses the user or the password."


async def test_a_redis_without_memory_that_evicts_and_forgets(
    settings: Callable[..., Settings], running: Running
) -> None:
    server = running(RedisServer(appendonly=False, settings=["maxmemory 500kb", "maxmemory-policy allkeys-lru"]))
    found = await wrong(settings(redis_url=server.url))
    assert [found[check].severity for check in ("memory", "store", "persistence")] == [Severity.ERROR] * 3
    assert "allkeys-lru" in found["store"].found


async def test_a_key_of_a_student_without_an_end(
    settings: Callable[..., Settings], redis_url: str, redis_server: RedisServer
) -> None:
    redis_server.run_cli("SET", "student:123:mastery:2025-01-15", "{}")
    found = await wrong(settings(redis_url=redis_url))
    assert list(found) == ["retention"]
    assert found["retention"].found == "1 key of students without an end."


async def test_a_clock_that_is_off(settings: Callable[..., Settings], redis_url: str) -> None:
    found = await wrong(settings(redis_url=redis_url), now_s=lambda: time.time() - 3600)
    assert list(found) == ["clock"]
    assert found["clock"].severity is Severity.ERROR
    assert "ahead of ours" in found["clock"].found


async def test_a_clock_that_went_back_is_told_by_the_files_of_the_embedded_store(
    settings: Callable[..., Settings],
) -> None:
    async with open_resources(settings()) as resources:
        await resources.mastery.ingest([wire()])
    assert list(await wrong(settings(), now_s=lambda: time.time() - 3600)) == ["clock"]


async def test_a_token_made_with_another_secret(settings: Callable[..., Settings]) -> None:
    token = SecurityManager("another-secret-of-the-tests-with-enough-bytes").issue_jwt("s", [Role.STUDENT], 60)
    found = await wrong(settings(), token=token)
    assert list(found) == ["token"]
    assert "signature is not valid" in found["token"].found


async def test_a_good_token(settings: Callable[..., Settings]) -> None:
    token = SecurityManager(SECRET).issue_jwt("s", [Role.STUDENT], 60)
    assert await wrong(settings(), token=token) == {}


async def test_a_secret_that_is_not_the_one_that_the_service_started_with(settings: Callable[..., Settings]) -> None:
    async with open_resources(settings()) as resources:
        await resources.audit.record_start(settings(), version="1", role="all")
    found = await wrong(settings(jwt_secret=SECRET[::-1]))
    assert list(found) == ["settings"]
    assert found["settings"].found.startswith("JWT_SECRET: not as")
    assert SECRET[::-1] not in repr(found)


async def test_an_audit_trail_of_another_key(settings: Callable[..., Settings]) -> None:
    async with open_resources(settings()) as resources:
        await resources.audit.record_start(settings(), version="1", role="all")
    assert "audit" in await wrong(settings(audit_key=SECRET[::-1]))


async def test_a_broker_that_is_gone(settings: Callable[..., Settings], redis_url: str) -> None:
    port = Port.reserve()
    found = await wrong(settings(redis_url=redis_url, kafka_bootstrap_servers=f"127.0.0.1:{port.number}"))
    port.release()
    assert "kafka" in found
    assert found["kafka"].severity is Severity.ERROR


async def test_topics_that_are_missing(settings: Callable[..., Settings], redis_url: str, kafka_bootstrap: str) -> None:
    found = await diagnose(Patient(settings(redis_url=redis_url, kafka_bootstrap_servers=kafka_bootstrap)))
    missing = [one for one in found if one.check == "topics"]
    assert missing, [one.found for one in found]
    assert [one.found for one in missing] == [
        f"There is no topic mastery.{name}." for name in ("events", "dlq", "results", "erasures")
    ]
    assert missing[0].next.startswith("kafka-topics.sh --create --topic mastery.events --partitions 3 ")


async def test_events_that_wait_and_dead_letters(
    settings: Callable[..., Settings], redis_url: str, kafka_bootstrap: str
) -> None:
    ours = settings(redis_url=redis_url, kafka_bootstrap_servers=kafka_bootstrap)
    KafkaTopics(ours.kafka_client(), may_create=True).ensure()
    assert list(await wrong(ours)) == [NOBODY_CONSUMES]
    producer = Producer(ours.kafka_client())
    for number in range(5):
        producer.produce("mastery.events", b"{}", str(number))
    producer.produce("mastery.dlq", b"{}", headers={"dlq-reason": b"invalid"})
    producer.flush(30)
    found = await wrong(ours)
    assert found["group"].severity is Severity.ERROR
    assert found["group"].found == "The group has no consumer; 5 records waiting."
    assert found["dead letters"].found == "1 invalid"


async def test_a_rule_that_forbids_to_read_the_events(
    settings: Callable[..., Settings], redis_url: str, running: Running
) -> None:
    broker = running(KafkaBroker(settings={"super.users": "User:somebody-else"}))
    ours = settings(redis_url=redis_url, kafka_bootstrap_servers=broker.bootstrap)
    KafkaTopics(ours.kafka_client(), may_create=True).ensure()
    rule = "--add --allow-principal User:ANONYMOUS --operation Describe --operation DescribeConfigs --operation Write"
    assert broker.run_tool("kafka-acls.sh", *rule.split(), "--topic", "mastery.events").returncode == 0
    async with asyncio.timeout(30):  # a rule takes a moment until the broker follows it
        while "acl" not in (found := await wrong(ours)):  # noqa: ASYNC110  # as a reader of the answer does
            await asyncio.sleep(0.1)
    assert found["acl"].found == "mastery.events: not permitted: READ."
    assert found["acl"].next == "kafka-acls.sh --bootstrap-server localhost:9092 --list --topic mastery.events"


async def test_a_learner_model_that_has_grown_old(settings: Callable[..., Settings]) -> None:
    data = artefact()
    model = read_artefact(data)
    ours = settings()
    ModelFiles(ours.data_dir).write(model.model_id, data)
    async with open_resources(ours) as resources:
        await resources.mastery.ingest([wire()])
        await resources.models.activate(model.model_id)
    fitted_s = datetime.fromisoformat(model.fitted_at).timestamp()
    assert "model" not in await wrong(ours, now_s=lambda: fitted_s + 90 * 86_400)
    found = await wrong(ours, now_s=lambda: fitted_s + 91 * 86_400)
    assert found["model"].found == "The learner model is 91 days old."
