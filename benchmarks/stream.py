"""Redis, Kafka and the processes of the service between them, as the benchmarks of the stream use them."""

import http.client
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition

from src.adapters.kafka_topics import GROUP, PARTITIONS
from src.ports import Topic
from src.security import Role, SecurityManager
from tests.services import KafkaBroker, RedisServer, Unavailable

from .measure import NotHere
from .processes import SECRET, Serving, serving, settings

_SERVE = ("-m", "src", "serve", "--role")
_KIB = 1024
_TIMEOUT_S = 30


class Services(NamedTuple):
    """What runs for a benchmark, with a directory for the service."""

    redis: RedisServer
    kafka: KafkaBroker
    data_dir: str

    @contextmanager
    def running(self, role: str) -> Iterator[Serving]:
        """Run a process of the service until the end."""
        environment = {**settings(self.data_dir), **self.redis.environment, **self.kafka.environment}
        with serving((*_SERVE, role, "--json", "--port"), environment) as server:
            yield server


@contextmanager
def services() -> Iterator[Services]:
    """Run an empty Redis and an empty Kafka with the topics."""
    try:
        with RedisServer() as redis, KafkaBroker() as kafka, TemporaryDirectory() as data_dir:
            for topic, partitions in PARTITIONS.items():
                kafka.create_topic(topic, partitions=partitions)
            yield Services(redis, kafka, data_dir)
    except Unavailable as reason:
        raise NotHere(str(reason)) from None


def resident(pid: int) -> float:
    """Return the memory that a process holds, in bytes."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except FileNotFoundError:
        message = "this system does not tell the memory of a process under /proc"
        raise NotHere(message) from None
    return next(float(line.split()[1]) * _KIB for line in status.splitlines() if line.startswith("VmRSS"))


class Group:
    """How far the consumers have come, asked from outside."""

    def __init__(self, kafka: KafkaBroker) -> None:
        self._onlooker = Consumer(
            {"bootstrap.servers": kafka.bootstrap, "group.id": GROUP, "enable.auto.commit": False}
        )
        self._places = [TopicPartition(Topic.EVENTS, number) for number in range(PARTITIONS[Topic.EVENTS])]

    def committed(self) -> int:
        """Return the number of records that are committed."""
        return sum(max(0, place.offset) for place in self._onlooker.committed(self._places, timeout=_TIMEOUT_S))

    def close(self) -> None:
        """End."""
        self._onlooker.close()


class Asker:
    """One connection to the interface, asking one thing after the other."""

    def __init__(self, port: int) -> None:
        token = SecurityManager(SECRET).issue_jwt("benchmark", [Role.ADMIN], 3600)
        self._headers = {"Authorization": f"Bearer {token}"}
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)

    def mastery(self, student_id: str) -> bytes:
        """Return where a student stands; raises ``RuntimeError`` for another status than 200."""
        self._connection.request("GET", f"/api/v1/students/{student_id}/mastery", headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != http.client.OK:
            message = f"the server answered {answer.status}: {body.decode()}"
            raise RuntimeError(message)
        return body


class Readers:
    """Reads at a steady rate, over a few connections; what is late counts from when it was due."""

    def __init__(self, port: int, students: Sequence[str], *, per_s: float, connections: int = 8) -> None:
        self.took_s: list[float] = []
        self.failed: list[Exception] = []
        self._students = students
        self._every_s = 1 / per_s
        self._stopping = threading.Event()
        self._numbers = iter(range(10**9))
        self._taking = threading.Lock()
        self._start_s = time.perf_counter()
        self._threads = [threading.Thread(target=self._read, args=(Asker(port),)) for _ in range(connections)]

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read until the end; raises what a reader has met."""
        self._start_s = time.perf_counter()
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            for thread in self._threads:
                thread.join()
        if self.failed:
            raise self.failed[0]

    def _read(self, asker: Asker) -> None:
        try:
            while True:
                with self._taking:
                    number = next(self._numbers)
                due_s = self._start_s + number * self._every_s
                if self._stopping.wait(max(0, due_s - time.perf_counter())):
                    return
                asker.mastery(self._students[number * 7919 % len(self._students)])
                self.took_s.append(time.perf_counter() - due_s)
        except Exception as error:  # noqa: BLE001  # told to the thread that waits
            self.failed.append(error)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that so many percent of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
