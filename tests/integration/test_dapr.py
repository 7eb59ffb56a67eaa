"""The service behind a real sidecar, called by an agent through a sidecar of its own."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from confluent_kafka import Consumer

from src.security import Role, SecurityManager
from tests.agents import Agent, agent
from tests.making import wire
from tests.processes import SECRET, Service, command, service
from tests.services import DaprSidecar, KafkaBroker, RedisServer
from tests.services.dapr import PUBSUB, pubsub_over_kafka, pubsub_over_redis, secrets_in_file
from tests.services.fixtures import opened
from tests.services.ports import Port

APP_TOKEN, API_TOKEN = "the-token-of-the-application", "the-token-of-the-sidecar"
STUDENT = "student-1"
MASTERY = f"/api/v1/students/{STUDENT}/mastery"
WITHIN_S = 30
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def bearer(*roles: str, user_id: str = "someone", secret: str = SECRET) -> dict[str, str]:
    manager = SecurityManager(secret)
    return {"Authorization": f"Bearer {manager.issue_jwt(user_id, [Role(role) for role in roles], 600)}"}


@dataclass
class World:
    """The service with its sidecar, and an agent with another."""

    service: Service
    sidecar: DaprSidecar
    agent: Agent
    agents_sidecar: DaprSidecar

    def call(self, path: str, **request: Any) -> httpx.Response:
        """Call the service by its name, as the agent does."""
        headers = {"dapr-api-token": API_TOKEN, **request.pop("headers", {})}
        url = self.agents_sidecar.invoke_url("mastery-engine", path)
        return httpx.post(url, headers=headers, timeout=WITHIN_S, **request)

    def publish(self, event: object, **query: str) -> None:
        """Publish an event, as the agent does."""
        url = f"{self.agents_sidecar.url}/v1.0/publish/{PUBSUB}/mastery.events"
        answer = httpx.post(url, json=event, params=query, headers={"dapr-api-token": API_TOKEN}, timeout=WITHIN_S)
        assert answer.status_code == 204, answer.text

    def events(self) -> dict[str, int]:
        """Return how many events have become what."""
        lines = httpx.get(f"{self.service.url}/metrics").text.splitlines()
        found = (line for line in lines if line.startswith("mastery_engine_events_total{"))
        return {line.split('"')[1]: int(float(line.split()[-1])) for line in found}


def until(happened: Callable[[], bool]) -> None:
    """Wait for something that comes from elsewhere."""
    deadline_s = time.monotonic() + WITHIN_S
    while not happened():
        assert time.monotonic() < deadline_s, "did not happen"


class Worlds:
    """Makes worlds, and ends what is in them."""

    def __init__(self, stack: ExitStack, directory: Path) -> None:
        self._stack = stack
        self._directory = directory

    def make(self, *, pubsub: Mapping[str, str] | None = None, secrets: Path | None = None, **given: str) -> World:
        """Start the two sidecars, the agent, and the service; ``pubsub`` is what both sidecars publish through."""
        port = Port.reserve()
        self._stack.callback(port.release)
        kept = self._stack.enter_context(agent())
        shared = dict(pubsub or {})
        sidecar = self._sidecar("mastery-engine", port.number, shared | (secrets_in_file(secrets) if secrets else {}))
        agents = self._sidecar("agent", kept.port, shared)
        door = {"DAPR_PUBSUB": PUBSUB} if pubsub else {}
        settings = {**sidecar.environment, **door, **given}
        running = service(self._directory / "data", "--port", str(port.number), **settings)
        started = self._stack.enter_context(running)
        until(lambda: sidecar.ready and agents.ready)
        return World(started, sidecar, kept, agents)

    def _sidecar(self, app_id: str, app_port: int, resources: Mapping[str, str]) -> DaprSidecar:
        sidecar = DaprSidecar(
            app_id,
            app_port,
            names=self._directory / "names.db",
            resources=resources,
            app_token=APP_TOKEN,
            api_token=API_TOKEN,
            directory=self._directory / app_id,
        )
        self._stack.enter_context(opened(sidecar))
        return sidecar


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[Worlds]:
    with ExitStack() as stack:
        yield Worlds(stack, tmp_path)


def about(student_id: str) -> dict[str, Any]:
    return {"intent": "get_mastery", "payload": {"student_id": student_id}}


def test_an_agent_calls_by_name_and_the_token_of_the_user_decides(worlds: Worlds) -> None:
    world = worlds.make()
    for path in ("/process", "/api/v1/process"):
        good = world.call(path, json=about(STUDENT), headers=bearer("student", user_id=STUDENT))
        assert (good.status_code, good.json()["result"]["student_id"]) == (200, STUDENT)
        bad = world.call(path, json=about(STUDENT), headers={"Authorization": "Bearer invalid_token"})
        foreign = world.call(path, json=about(STUDENT), headers=bearer("admin", secret=SECRET[::-1]))
        none = world.call(path, json=about(STUDENT))
        assert [answer.status_code for answer in (bad, foreign, none)] == [401, 401, 401]
        other = world.call(path, json=about(STUDENT), headers=bearer("student", user_id="student-2"))
        wrong = world.call(path, json={"intent": "fly"}, headers=bearer("admin"))
        assert (other.status_code, wrong.status_code) == (403, 400)
        for answer in (bad, foreign, none, other, wrong):
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["status"] == answer.status_code
        assert bad.headers["www-authenticate"] == "Bearer"


def test_the_caller_and_the_ids_of_a_request_come_through(worlds: Worlds) -> None:
    world = worlds.make(LOG_LEVEL="DEBUG")
    given = bearer("admin") | {"X-Request-ID": "from-the-agent", "traceparent": TRACE}
    answer = world.call("/process", json={"intent": "ingest_event", "payload": now()}, headers=given)
    assert (answer.status_code, answer.headers["x-request-id"]) == (200, "from-the-agent")
    assert answer.json()["correlation_id"] == "from-the-agent"
    entries = httpx.get(f"{world.service.url}/api/v1/audit", headers=bearer("admin")).json()["entries"]
    [row] = [row for row in entries if row["action"] == "agents.ingest-event"]
    assert (row["facts"]["calling_app"], row["correlation_id"]) == ("agent", "from-the-agent")
    # The sidecar goes on with the trace, in a span of its own.
    assert TRACE.split("-")[1] in world.service.wait_for("route=/process")


def now(event_id: str = "e-1", **fields: Any) -> dict[str, Any]:
    return wire(event_id, **({"timestamp": int(time.time() * 1000)} | fields))


def received_once(world: World) -> None:
    """Publish in every form, each twice, and one that can never be counted."""
    sent = int(time.time() * 1000)
    for _ in range(2):
        world.publish(now("wrapped", timestamp=sent))
        world.publish(now("raw", timestamp=sent), **{"metadata.rawPayload": "true"})
    world.publish(now("bad", student_id="a b"))
    until(lambda: {"applied": 2, "duplicate": 2, "invalid": 1}.items() <= world.events().items())
    answer = httpx.get(f"{world.service.url}{MASTERY}", headers=bearer("admin")).json()
    assert answer["components"]["quiz"]["score"] == 0.8


@pytest.mark.parametrize("bulk", ["false", "true"])
def test_events_come_once_through_redis(worlds: Worlds, running_redis: RedisServer, bulk: str) -> None:
    received_once(worlds.make(pubsub=pubsub_over_redis(running_redis.port), DAPR_BULK=bulk))


@pytest.mark.parametrize("bulk", ["false", "true"])
def test_events_come_once_through_kafka(worlds: Worlds, kafka_bootstrap: str, kafka: KafkaBroker, bulk: str) -> None:
    for topic in ("mastery.events", "mastery.dlq"):
        kafka.create_topic(topic, partitions=3 if topic == "mastery.events" else 1)
    received_once(worlds.make(pubsub=pubsub_over_kafka(kafka_bootstrap), DAPR_BULK=bulk))
    assert b'"student_id":"a b"' in first_of(kafka_bootstrap, "mastery.dlq")


def first_of(bootstrap: str, topic: str) -> bytes:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "test", "auto.offset.reset": "earliest"})
    try:
        consumer.subscribe([topic])
        record = consumer.poll(WITHIN_S)
        assert record is not None
        return record.value() or b""
    finally:
        consumer.close()


@pytest.fixture
def running_redis(redis_server: RedisServer, redis_url: str) -> RedisServer:
    del redis_url  # emptied, and running
    return redis_server


def health(world: World, path: str = "/health") -> tuple[int, dict[str, str]]:
    """Return the status of the answer and of each check."""
    answer = httpx.get(f"{world.service.url}{path}")
    return answer.status_code, {name: check["status"] for name, check in answer.json()["checks"].items()}


def test_without_its_sidecar_the_service_goes_on_and_says_so_and_with_it_again_nothing_was_lost(
    worlds: Worlds, running_redis: RedisServer
) -> None:
    world = worlds.make(pubsub=pubsub_over_redis(running_redis.port))
    assert health(world)[1]["dapr"] == "ok"
    world.sidecar.kill()
    status, checks = health(world)
    assert (status, {name for name, one in checks.items() if one != "ok"}) == (503, {"dapr"})
    assert health(world, "/ready")[0] == 200
    world.publish(now("while-away"))
    direct = httpx.post(f"{world.service.url}/api/v1/events", json=now("direct"), headers=bearer("service"))
    assert direct.json()["status"] == "applied"
    assert world.call("/process", json=about(STUDENT), headers=bearer("admin")).status_code >= 500
    world.sidecar.start()
    until(lambda: world.events().get("applied") == 2)
    until(lambda: world.call("/process", json=about(STUDENT), headers=bearer("admin")).status_code == 200)
    assert health(world)[0] == 200


def test_readiness_asks_for_the_sidecar_where_it_is_required(worlds: Worlds) -> None:
    world = worlds.make(DAPR_REQUIRED="true")
    assert health(world, "/ready")[0] == 200
    world.sidecar.kill()
    status, checks = health(world, "/ready")
    assert (status, {name for name, one in checks.items() if one != "ok"}) == (503, {"dapr"})


def test_the_secret_of_the_tokens_may_come_through_the_sidecar(worlds: Worlds, tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    other = SECRET[::-1]
    file.write_text(msgspec.json.encode({"engine": {"JWT_SECRET": other}}).decode())
    world = worlds.make(secrets=file, JWT_SECRET="", DAPR_SECRET_STORE="mastery-secrets", DAPR_SECRET_NAME="engine")
    answers = [world.call("/process", json=about(STUDENT), headers=bearer("admin", secret=s)) for s in (other, SECRET)]
    assert [answer.status_code for answer in answers] == [200, 401]


def test_what_kafka_and_the_sidecar_both_deliver_counts_once(
    worlds: Worlds, kafka: KafkaBroker, kafka_bootstrap: str, redis_url: str
) -> None:
    for topic in ("mastery.events", "mastery.dlq"):
        kafka.create_topic(topic, partitions=3 if topic == "mastery.events" else 1)
    pubsub = pubsub_over_kafka(kafka_bootstrap)
    world = worlds.make(pubsub=pubsub, KAFKA_BOOTSTRAP_SERVERS=kafka_bootstrap, REDIS_URL=redis_url)
    for number in range(20):
        world.publish(now(f"e-{number}"))
    until(lambda: sum(world.events().values()) == 40)
    assert world.events() == {"applied": 20, "duplicate": 20}


def struggling(event_id: str, student_id: str = STUDENT) -> dict[str, Any]:
    return wire(event_id, "help.requested", student_id=student_id, timestamp=int(time.time() * 1000))


def test_an_agent_hears_of_a_struggle_through_its_own_sidecar(worlds: Worlds) -> None:
    world = worlds.make(NOTICE_TARGETS="dapr:agent/notices/mastery")
    given = bearer("service") | {"X-Request-ID": "from-a-request"}
    httpx.post(f"{world.service.url}/api/v1/events", json=struggling("e-1"), headers=given)
    call = world.agent.calls.get(timeout=WITHIN_S)
    assert call.path == "/notices/mastery"
    assert call.json["type"] == "com.learnflow.mastery.struggle.detected.v1"
    assert call.headers["x-request-id"] == "from-a-request"
    assert call.headers["dapr-caller-app-id"] == "mastery-engine"


def test_what_an_agent_could_not_hear_is_logged_and_delivered_when_it_can(worlds: Worlds) -> None:
    world = worlds.make(NOTICE_TARGETS="dapr:agent/notices")
    world.sidecar.kill()
    given = bearer("service") | {"X-Request-ID": "while-away"}
    httpx.post(f"{world.service.url}/api/v1/events", json=struggling("e-1"), headers=given)
    assert "correlation_id=while-away" in world.service.wait_for("Service invocation failed")
    world.sidecar.start()
    assert world.agent.calls.get(timeout=WITHIN_S).headers["x-request-id"] == "while-away"
    world.agent.statuses.append(500)
    httpx.post(f"{world.service.url}/api/v1/events", json=struggling("e-2", "student-2"), headers=bearer("service"))
    heard = [world.agent.calls.get(timeout=WITHIN_S).json["id"] for _ in range(2)]
    assert len(set(heard)) == 1


def test_a_consumer_of_kafka_has_agents_hear_of_struggles(worlds: Worlds, kafka_bootstrap: str, redis_url: str) -> None:
    world = worlds.make(
        KAFKA_BOOTSTRAP_SERVERS=kafka_bootstrap, REDIS_URL=redis_url, NOTICE_TARGETS="dapr:agent/notices"
    )
    until(lambda: health(world, "/ready")[0] == 200)
    sent = httpx.post(
        f"{world.service.url}/api/v1/events", json=struggling("e-1"), headers=bearer("service"), timeout=WITHIN_S
    )
    assert sent.status_code == 202
    told = world.agent.calls.get(timeout=WITHIN_S)
    assert told.json["type"] == "com.learnflow.mastery.struggle.detected.v1"
    assert told.headers["x-request-id"] == told.json["id"]


def found_by_doctor(world: World, tmp_path: Path, **settings: str) -> dict[str, tuple[str, str]]:
    """Return the severity and the text of what the doctor says of Dapr and of notices."""
    process = command("doctor", "--json", data_dir=tmp_path / "data", **world.sidecar.environment, **settings)
    findings = json.loads(process.communicate(timeout=WITHIN_S)[0])
    return {one["check"]: (one["severity"], one["found"]) for one in findings if one["check"] in ("dapr", "notices")}


def test_the_doctor_tells_how_the_sidecar_is(worlds: Worlds, running_redis: RedisServer, tmp_path: Path) -> None:
    world = worlds.make(pubsub=pubsub_over_redis(running_redis.port))
    well = found_by_doctor(world, tmp_path, DAPR_PUBSUB=PUBSUB, NOTICE_TARGETS="dapr:agent/notices")
    assert well["dapr"] == ("ok", f"The sidecar is well: mastery.events comes through {PUBSUB}, notices go out.")
    assert well["notices"] == ("ok", "agent is still to hear 0 notices.")
    severity, text = found_by_doctor(world, tmp_path, DAPR_PUBSUB="other")["dapr"]
    assert severity == "error"
    assert f"it has: {PUBSUB}" in text
    world.sidecar.kill()
    assert found_by_doctor(world, tmp_path)["dapr"][0] == "error"
