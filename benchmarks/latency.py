"""From the moment that an event is handed to a producer until the interface shows it, at a steady rate of events."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
from confluent_kafka import KafkaError, Message, Producer

from src.ports import Topic

from .backlog import backlog
from .figures import Amount, Bound, Figure
from .stream import Asker, percentile, services

PER_S = 1000
SECONDS = 30
PROBE_EVERY_S = 0.1
WARM_UP_S = 3
_POLL_S = 0.002
_VISIBLE_WITHIN_S = 30
_NOTHING = b'"no_evidence"'
_MS = 1000


def run() -> list[Figure]:
    """Send events at a steady rate, and among them those of students of whom nothing was known before."""
    with services() as running, running.running("consumer"), running.running("api") as api:
        seen = _Probes(running.kafka.bootstrap, Asker(api.port))
        with seen.under_load():
            seen.look(WARM_UP_S)
            seen.visible_s.clear()
            seen.acknowledged_s.clear()
            seen.look(SECONDS)
    return [_figure(seen, 50, 50), _figure(seen, 99, 250)]


def _figure(seen: "_Probes", percent: int, at_most_ms: float) -> Figure:
    visible, floor = (percentile(times, percent) * _MS for times in (seen.visible_s, seen.acknowledged_s))
    return Figure(
        f"from produce to GET mastery at {PER_S:,} events/s, p{percent}",
        Amount(visible, "ms"),
        "the broker's acknowledgement of the same records",
        Amount(floor, "ms"),
        visible / floor,
        Bound(at_most_ms, at_least=False, of_ratio=False),
    )


class _Probes:
    """Events of students who are new, and when their first answer came."""

    def __init__(self, bootstrap: str, asker: Asker) -> None:
        self.visible_s: list[float] = []
        self.acknowledged_s: list[float] = []
        self._asker = asker
        self._producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0, "log_level": 0})
        self._load = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "log_level": 0})
        self._stopping = threading.Event()
        self._number = 0

    def under_load(self) -> "_Load":
        return _Load(self._load)

    def look(self, seconds: float) -> None:
        until_s = time.perf_counter() + seconds
        while time.perf_counter() < until_s:
            started_s = time.perf_counter()
            self._look(started_s)
            time.sleep(max(0, started_s + PROBE_EVERY_S - time.perf_counter()))

    def _look(self, started_s: float) -> None:
        self._number += 1
        student_id = f"probe-{self._number}"
        event = {
            "event_id": student_id,
            "event_type": "exercise.completed",
            "student_id": student_id,
            "timestamp": datetime.now(UTC).isoformat(),
            "topic": "loops",
            "data": {"passed": True},
        }

        def acknowledged(error: KafkaError | None, delivery: Message) -> None:
            del error, delivery
            self.acknowledged_s.append(time.perf_counter() - started_s)

        self._producer.produce(Topic.EVENTS, msgspec.json.encode(event), student_id.encode(), on_delivery=acknowledged)
        while _NOTHING in self._asker.mastery(student_id):
            self._producer.poll(0)
            if time.perf_counter() - started_s > _VISIBLE_WITHIN_S:
                message = f"an event was not visible after {_VISIBLE_WITHIN_S} s"
                raise RuntimeError(message)
            time.sleep(_POLL_S)
        self.visible_s.append(time.perf_counter() - started_s)
        self._producer.poll(0)


class _Load:
    """Sends events at the rate from a thread of its own."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *about: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _send(self) -> None:
        started_s = time.perf_counter()
        for number, (key, value) in enumerate(_records()):
            if number % 10 == 0 and self._stopping.wait(max(0, started_s + number / PER_S - time.perf_counter())):
                return
            self._producer.produce(Topic.EVENTS, value, key)
            self._producer.poll(0)


def _records() -> Iterator[tuple[bytes, bytes]]:
    for event in backlog("class", PER_S * (SECONDS + WARM_UP_S) * 2):
        yield event["student_id"].encode(), msgspec.json.encode(event)
