"""Private things in records of Kafka and in what admins do with dead letters: nothing but the records has them.

A dead letter keeps the record with its own headers, and the note about one that was discarded
its reason: that is their purpose.
The service logs in to Redis as the user of the documentation, whose password must turn up nowhere either.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from confluent_kafka import Consumer, Producer

from tests.api.tokens import token
from tests.canaries import EMAIL, NAME, STUDENT_ID, Canary
from tests.making import wire
from tests.processes import SECRET, service
from tests.redis_user import NAME as REDIS_USER
from tests.redis_user import PASSWORD, make_user
from tests.services import KafkaBroker
from tests.services.process import wait_until

WITHIN_S = 60
PATH = "/api/v1/dead-letters"
TOKEN = Canary("a token", token("student", user_id="somebody", now_s=int(time.time())))
CANARIES = [EMAIL, NAME, STUDENT_ID, TOKEN]


def values(text: str) -> Iterator[bytes]:
    """Yield what can never be applied, and last an event that can."""
    now = wire(f"e-{len(text)}", timestamp=int(time.time() * 1000))
    yield f"{{{text}".encode()
    yield json.dumps([text, {text: text}]).encode()
    yield from (json.dumps(now | {name: {text: text}}).encode() for name in now)
    yield json.dumps(now | {"data": {"total_questions": text, text: 1}}).encode()
    yield json.dumps(now | {"name": text, "data": now["data"] | {"comment": text}}).encode()


def produce(kafka: KafkaBroker, canary: Canary) -> int:
    """Send records with it everywhere; return how many of them will be buried."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    text = canary.text.encode()
    # What looks like the id of a request is one: it is there to be found in the log.
    request = [] if canary is STUDENT_ID else [("x-request-id", text)]
    sent = list(values(canary.text))
    for value in sent:
        headers: list[tuple[str, str | bytes | None]] = [*request, ("from", text), ("dlq-errors", text)]
        producer.produce("mastery.events", value, text, partition=0, headers=headers)
    assert producer.flush(WITHIN_S) == 0
    return len(sent) - 1


def added_headers(kafka: KafkaBroker, number: int) -> str:
    """Return what the service has added to the dead letters."""
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "looking", "auto.offset.reset": "earliest"})
    consumer.subscribe(["mastery.dlq"])
    found: list[str] = []
    try:
        while len(found) < number:
            found += _ours(consumer)
    finally:
        consumer.close()
    return "\n".join(found)


def _ours(consumer: Consumer) -> Iterator[str]:
    records = consumer.consume(1, WITHIN_S)
    assert records, "the dead letters end too early"
    for record in records:
        yield str([one for one in record.headers() or [] if one[0] not in ("x-request-id", "from")])


@pytest.fixture
def outputs(kafka: KafkaBroker, kafka_bootstrap: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    make_user(redis_url)
    settings = {
        "REDIS_URL": redis_url,
        "REDIS_USERNAME": REDIS_USER,
        "REDIS_PASSWORD": PASSWORD,
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "ENVIRONMENT": "production",
        "LOG_LEVEL": "DEBUG",
    }
    admin = {"Authorization": f"Bearer {token('admin', now_s=int(time.time()), secret=SECRET)}"}
    with service(tmp_path, **settings) as engine, httpx.Client(base_url=engine.url, headers=admin, timeout=20) as http:
        assert wait_until(lambda: http.get(PATH).status_code == httpx.codes.OK, WITHIN_S)
        number = sum(produce(kafka, canary) for canary in CANARIES)
        listed = {"limit": 1000}
        assert wait_until(lambda: len(http.get(PATH, params=listed).json()["dead_letters"]) == number, WITHIN_S)
        letters = [letter["id"] for letter in http.get(PATH, params=listed).json()["dead_letters"]]
        refusals = []
        for letter, canary in zip(letters, CANARIES, strict=False):
            corrected = wire(topic={canary.text: canary.text})
            refusals.append(http.post(f"{PATH}/{letter}/replay", json=corrected).text)
            refusals.append(http.post(f"{PATH}/{letter}/discard", json={"reason": {canary.text: ""}}).text)
            assert http.post(f"{PATH}/{letter}/discard", json={"reason": canary.text}).is_success
        gathered = {
            "the list of dead letters": http.get(PATH, params=listed).json(),
            "the headers of dead letters": added_headers(kafka, number),
            "refusals": "\n".join(refusals),
            "the metrics": http.get("/metrics").text,
            "the health": http.get("/health").text,
            "the trail": http.get("/api/v1/audit", params=listed).text,
        }
        engine.stop()
    for letter in gathered["the list of dead letters"]["dead_letters"]:
        letter["handled"] = None
    return {name: text if isinstance(text, str) else json.dumps(text) for name, text in gathered.items()} | {
        "the log": "\n".join(engine.log)
    }


def test_what_is_private_in_a_record_is_in_nothing_but_the_record(outputs: dict[str, str]) -> None:
    assert "dlq-reason" in outputs["the headers of dead letters"]
    assert "DLQ record buried" in outputs["the log"]
    assert '"level":"ERROR"' not in outputs["the log"]
    for output, text in outputs.items():
        for canary in (*CANARIES, Canary("a secret", SECRET), Canary("a password", PASSWORD)):
            assert canary.found_in(text) is None, output
