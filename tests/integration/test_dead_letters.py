"""Dead letters from end to end: the real consumer buries, over HTTP and at the command line one works with them."""

import json
import time
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from redis import Redis

from tests.api.tokens import token
from tests.making import wire
from tests.processes import SECRET, Service, run, service
from tests.services import KafkaBroker
from tests.services.process import wait_until

WITHIN_S = 60
PATH = "/api/v1/dead-letters"
CORRELATION = "sent-by-the-test-1"


def now_event(event_id: str, **fields: Any) -> dict[str, Any]:
    return wire(event_id, timestamp=int(time.time() * 1000), **fields)


INVALID = now_event("to-mend", data={"total_questions": 4, "correct_answers": 5})
VALUES: list[bytes | None] = [
    json.dumps(INVALID).encode(),
    b"not JSON",
    b"\xff\xfe{",
    b"[" * 100_000,
    None,
    json.dumps(now_event("e-1") | {"event_type": "coffee.drunk"}).encode(),
    b"{}",
    b"7",
    b"",
    b'{"a": 1, "a": 2}',
]


@dataclass
class World:
    """A running service and the services that it uses."""

    engine: Service
    client: httpx.Client
    kafka: KafkaBroker
    redis_url: str
    data_dir: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"REDIS_URL": self.redis_url, **self.kafka.environment}

    def produce(self, *values: bytes | None) -> None:
        producer = Producer({"bootstrap.servers": self.kafka.bootstrap})
        for value in values:
            # One partition, so that the dead letters are in the order of the records.
            headers: list[tuple[str, str | bytes | None]] = [("x-request-id", CORRELATION.encode())]
            producer.produce("mastery.events", value, b"student-1", partition=0, headers=headers)
        assert producer.flush(WITHIN_S) == 0

    def buried(self, number: int) -> list[dict[str, Any]]:
        """Return the dead letters, oldest first, once there are so many."""
        assert wait_until(lambda: len(self._listed()) >= number, WITHIN_S)
        return self._listed()[::-1]

    def _listed(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self.client.get(PATH).json()["dead_letters"]
        return listed

    def applied(self, event_id: str) -> bool:
        answer = self.client.get(f"/api/v1/students/student-1/events/{event_id}")
        return answer.status_code == httpx.codes.OK

    def events(self) -> int:
        """Return how many records the topic of events has."""
        consumer = Consumer({"bootstrap.servers": self.kafka.bootstrap, "group.id": "looking"})
        try:
            ends = [consumer.get_watermark_offsets(TopicPartition("mastery.events", number)) for number in range(3)]
        finally:
            consumer.close()
        return sum(end for _, end in ends)

    def command(self, *arguments: str, given: str | None = None) -> str:
        return run("dead-letters", *arguments, data_dir=self.data_dir, given=given, **self.environment)


@pytest.fixture
def world(kafka: KafkaBroker, kafka_bootstrap: str, redis_url: str, tmp_path: Path) -> Iterator[World]:
    settings = {"REDIS_URL": redis_url, "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap, "ENVIRONMENT": "production"}
    with service(tmp_path, **settings) as engine:
        admin = token("admin", user_id="ada", now_s=int(time.time()), secret=SECRET)
        with httpx.Client(base_url=engine.url, headers={"Authorization": f"Bearer {admin}"}, timeout=20) as client:
            world = World(engine, client, kafka, redis_url, tmp_path)
            assert wait_until(lambda: client.get(f"{PATH}").status_code == httpx.codes.OK, WITHIN_S)
            yield world


def content(shown: dict[str, Any] | None) -> bytes | None:
    if shown is None:
        return None
    return b64decode(shown["content"]) if shown["encoding"] == "base64" else shown["content"].encode()


def test_what_can_never_be_applied_is_buried_once_byte_for_byte_and_the_consumer_goes_on(world: World) -> None:
    valid = now_event("after-them")
    world.produce(*VALUES, json.dumps(valid).encode())
    letters = world.buried(len(VALUES))
    assert wait_until(lambda: world.applied("after-them"), WITHIN_S)
    assert len(world.buried(len(VALUES))) == len(VALUES)
    for letter, value in zip(letters, VALUES, strict=True):
        shown = world.client.get(f"{PATH}/{letter['id']}").json()
        assert (content(shown["key"]), content(shown["value"])) == (b"student-1", value)
        assert letter["reason"] == "invalid"
        assert letter["errors"]
        assert letter["origin"]["topic"] == "mastery.events"
        assert letter["correlation_id"] == CORRELATION
    counted = [line for line in world.client.get("/metrics").text.splitlines() if "dead_letters_total" in line]
    assert f'mastery_engine_dead_letters_total{{reason="invalid"}} {float(len(VALUES))}' in counted


def test_the_command_of_the_guide_shows_them(world: World) -> None:
    world.produce(*[VALUES[0]] * 10)
    world.buried(10)
    # kafka-console-consumer.sh --bootstrap-server … --topic mastery.dlq --from-beginning --max-messages 10
    shown = world.kafka.run_tool(
        "kafka-console-consumer.sh", "--topic", "mastery.dlq", "--from-beginning", "--max-messages", "10"
    )
    assert shown.stdout.splitlines().count(json.dumps(INVALID)) == 10
    assert "Processed a total of 10 messages" in shown.stderr + shown.stdout


def test_a_record_is_mended_and_applied_and_a_second_replay_changes_nothing(world: World) -> None:
    world.produce(VALUES[0])
    [letter] = world.buried(1)
    path = f"{PATH}/{letter['id']}"
    as_it_was = world.client.post(f"{path}/replay")
    assert as_it_was.status_code == 400
    assert as_it_was.json()["errors"] == letter["errors"]

    mended = INVALID | {"data": {"total_questions": 5, "correct_answers": 4}}
    first = world.client.post(f"{path}/replay", json=mended)
    assert (first.status_code, first.json()["handled"]["status"]) == (202, "queued")
    assert wait_until(lambda: world.applied("to-mend"), WITHIN_S)
    state, events = dumped(world), world.events()

    second = world.client.post(f"{path}/replay", json=mended | {"event_id": "another"})
    assert (second.status_code, second.json()) == (200, first.json() | {"repeated": True})
    assert (dumped(world), world.events()) == (state, events)
    with Redis.from_url(world.redis_url) as redis:
        assert len(redis.keys("dead-letter:*")) == 1

    world.engine.stop()
    lines = [json.loads(line) for line in world.engine.log if line.startswith("{")]
    [buried] = [line for line in lines if line["message"] == "DLQ record buried"]
    assert (buried["correlation_id"], buried["reason"]) == (CORRELATION, "invalid")
    replays = [line for line in lines if line.get("action") == "dead-letters.replay"]
    assert {(line["message"], line["outcome"]) for line in replays} == {("AUDIT recorded", "allowed")}
    assert all(line["facts"] == {"letter_id": "0-0"} for line in replays)


def dumped(world: World) -> str:
    return run("dump", "student-1", data_dir=world.data_dir, **world.environment)


def test_the_same_at_the_command_line(world: World) -> None:
    world.produce(VALUES[0], VALUES[2], b"7")
    to_mend, bytes_only, number = (letter["id"] for letter in world.buried(3))
    shown = world.command("list")
    assert all(word in shown for word in (to_mend, "invalid", "data.correct_answers"))
    assert "//57 (base64)" in world.command("show", bytes_only)
    page = json.loads(world.command("list", "--limit", "2", "--json"))
    assert [one["id"] for one in page["dead_letters"]] == [number, bytes_only]

    mended = json.dumps(INVALID | {"data": {"total_questions": 5, "correct_answers": 4}})
    assert "the event is queued." in world.command("replay", to_mend, "--event", "-", given=mended)
    assert wait_until(lambda: world.applied("to-mend"), WITHIN_S)
    assert "nothing was done now" in world.command("replay", to_mend, "--event", "-", given=mended)
    discarded = json.loads(world.command("discard", bytes_only, "--reason", "sent by a test", "--json"))
    assert discarded["handled"]["reason"] == "sent by a test"
    left = json.loads(world.command("list", "--open", "--json"))
    assert [one["id"] for one in left["dead_letters"]] == [number]
