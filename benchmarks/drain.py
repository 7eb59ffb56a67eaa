"""A consumer that drains a backlog, the whole way from bytes to commits, beside counting alone, and beside peers."""

import json
import os
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple
from uuid import uuid4

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from src.adapters.kafka_topics import GROUP, PARTITIONS
from src.ports import Topic
from tests.services import KafkaBroker, RedisServer, Unavailable

from .backlog import MIXES, STUDENTS, fill
from .figures import Amount, Bound, Figure
from .measure import NotHere, summarise
from .peers import EVENTS, PEERS, TOPIC, rate
from .processes import Serving, run_to_end, serving, settings

ROUNDS = 3


class Drained(NamedTuple):
    """What a drain came to: events per second, processor time per event, and the most memory held, in bytes."""

    rate: float
    processor_us: float
    resident: float


_SERVE = ("-m", "src", "serve", "--role", "consumer", "--json", "--port")
_DRAINED_WITHIN_S = 900
_POLL_S = 0.01
_UNIT = "events/s"
_MB = 1_000_000
_KIB = 1024


def run(*, events: int = EVENTS, with_peers: bool = False) -> list[Figure]:
    """Drain a backlog of each mix in turns with its floor; with peers, those in the same run."""
    figures = []
    for mix in MIXES:
        with _services() as (redis, kafka):
            fill(kafka.bootstrap, Topic.EVENTS, mix, events)
            # One after the other, and the first ones thrown away: the broker compiles itself as it runs.
            _floor(redis, kafka, events)
            rounds = [(_drain(redis, kafka, events), _floor(redis, kafka, events)) for _ in range(ROUNDS)]
            figures += _figures(mix, events, rounds)
            if with_peers and events == EVENTS:
                figures += _peers(kafka, mix, median(drained.rate for drained, _ in rounds))
    return figures


def _figures(mix: str, events: int, rounds: list[tuple[Drained, Drained]]) -> list[Figure]:
    what = f"drain of {events:,} events of {STUDENTS:,} students, {mix}"
    against = "consume, decode, count and add in Redis, commit"
    speed = summarise([(drained.rate, floor.rate) for drained, floor in rounds])
    processor = summarise([(drained.processor_us, floor.processor_us) for drained, floor in rounds])
    resident = max(drained.resident for drained, _ in rounds) / _MB
    floor_resident = max(floor.resident for _, floor in rounds) / _MB
    return [
        Figure(
            what,
            Amount(speed.measured, _UNIT),
            against,
            Amount(speed.floor, _UNIT),
            speed.ratio,
            Bound(0.5, at_least=True, of_ratio=True),
        ),
        Figure(
            f"{what}, processor time of the process and of Redis",
            Amount(processor.measured, "µs/event"),
            against,
            Amount(processor.floor, "µs/event"),
            processor.ratio,
        ),
        Figure(
            f"{what}, resident memory",
            Amount(resident, "MB"),
            against,
            Amount(floor_resident, "MB"),
            resident / floor_resident,
            Bound(256, at_least=False, of_ratio=False),
        ),
    ]


def _peers(kafka: KafkaBroker, mix: str, drained: float) -> list[Figure]:
    kafka.create_topic(TOPIC, partitions=PARTITIONS[Topic.EVENTS])
    fill(kafka.bootstrap, TOPIC, mix, EVENTS)
    figures = []
    for peer in PEERS:
        try:
            measured = rate(peer, kafka.bootstrap, lambda name: kafka.create_topic(name, partitions=3))
        except NotHere as reason:
            print(f"drain beside {peer.name} left out: {reason}", file=sys.stderr)
            continue
        figures.append(
            Figure(
                f"drain of {EVENTS:,} events, {mix}, beside {peer.name}",
                Amount(drained, _UNIT),
                f"{peer.name}, count and sum per key only",
                Amount(measured, _UNIT),
                drained / measured,
                Bound(1, at_least=True, of_ratio=True),
            )
        )
    return figures


@contextmanager
def _services() -> Iterator[tuple[RedisServer, KafkaBroker]]:
    if sys.platform != "linux":
        message = "what a process spends is read in /proc"
        raise NotHere(message)
    try:
        with RedisServer() as redis, KafkaBroker() as kafka:
            for topic, partitions in PARTITIONS.items():
                kafka.create_topic(topic, partitions=partitions)
            yield redis, kafka
    except Unavailable as reason:
        raise NotHere(str(reason)) from None


def _floor(redis: RedisServer, kafka: KafkaBroker, events: int) -> Drained:
    _empty(redis)
    before_s = _redis_seconds(redis)
    arguments = ["-m", "benchmarks.drain_floor", kafka.bootstrap, redis.url, f"floor-{uuid4().hex[:8]}", str(events)]
    finished = run_to_end(arguments, {})
    rate, own_s = map(float, finished.output.split())
    return Drained(rate, (own_s + _redis_seconds(redis) - before_s) / events * 1e6, finished.resident)


def _drain(redis: RedisServer, kafka: KafkaBroker, events: int) -> Drained:
    """Let a consumer drain everything; its clock runs from the assignment of the partitions to the last commit."""
    _empty(redis)
    _forget_group(AdminClient({"bootstrap.servers": kafka.bootstrap}))
    with TemporaryDirectory() as data_dir:
        environment = {**settings(data_dir), **redis.environment, **kafka.environment}
        before_s = _redis_seconds(redis)
        with serving(_SERVE, environment) as server:
            started_s = _process_seconds(server)
            finished_s = _wait_until_committed(kafka, events)
            spent_s = _process_seconds(server) - started_s + _redis_seconds(redis) - before_s
            _check(server, events)
            rate = events / (finished_s - _resumed_s(server))
            return Drained(rate, spent_s / events * 1e6, _resident(server))


def _redis_seconds(redis: RedisServer) -> float:
    """Return the processor time that Redis has taken."""
    with Redis.from_url(redis.url) as client:
        used = client.info("cpu")
    return float(used["used_cpu_user"]) + float(used["used_cpu_sys"])


def _wait_until_committed(kafka: KafkaBroker, events: int) -> float:
    """Return the time at which the group has committed everything."""
    onlooker = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": GROUP, "enable.auto.commit": False})
    places = [TopicPartition(Topic.EVENTS, number) for number in range(PARTITIONS[Topic.EVENTS])]
    deadline = time.monotonic() + _DRAINED_WITHIN_S
    try:
        while time.monotonic() < deadline:
            if sum(max(0, place.offset) for place in onlooker.committed(places, timeout=5)) >= events:
                return time.time()
            time.sleep(_POLL_S)
    finally:
        onlooker.close()
    message = f"the backlog was not drained in {_DRAINED_WITHIN_S} s"
    raise RuntimeError(message)


def _resumed_s(server: Serving) -> float:
    """Return the time at which the consumer began to read, as its log tells."""
    for line in server.log().splitlines():
        if line.startswith(b"{") and (told := json.loads(line))["message"] == "KAFKA resumes":
            return datetime.fromisoformat(told["time"]).timestamp()
    message = "the consumer did not say that it resumes"
    raise RuntimeError(message)


def _check(server: Serving, events: int) -> None:
    """Raise ``RuntimeError`` unless every event was applied: speed without the work means nothing."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=5) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    samples = [sample for family in families for sample in family.samples]
    applied = [
        one.value for one in samples if one.name == "mastery_engine_events_total" and one.labels["status"] == "applied"
    ]
    if applied != [events]:
        message = "not every event was applied"
        raise RuntimeError(message)


def _process_seconds(server: Serving) -> float:
    """Return the processor time that the process has taken."""
    fields = Path(f"/proc/{server.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident(server: Serving) -> float:
    """Return the most memory that the process has held, in bytes."""
    lines = Path(f"/proc/{server.pid}/status").read_text(encoding="ascii").splitlines()
    return next(float(line.split()[1]) * _KIB for line in lines if line.startswith("VmHWM"))


def _empty(redis: RedisServer) -> None:
    with Redis.from_url(redis.url) as client:
        client.flushall()
        client.config_set("appendonly", "no")
        client.config_set("appendonly", "yes")


def _forget_group(admin: AdminClient) -> None:
    for future in admin.delete_consumer_groups([GROUP]).values():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].name() != "GROUP_ID_NOT_FOUND":
                raise
