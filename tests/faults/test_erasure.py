"""An erased student stays erased: under load, when the log is read again, and on an older copy of Redis."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from typing import Any

from redis import Redis

from src.adapters.kafka_topics import GROUP
from src.errors import InvalidJSON
from src.event_validator import Invalid, decode_record, validate
from tests.api.tokens import token
from tests.processes import SECRET
from tests.services import RedisServer
from tests.services.fixtures import Running

from . import topics
from .generator import PURE, Generator, Sending, record
from .node import Node
from .topics import Stored
from .world import World

KEEPS_ITS_FILE = "auto-aof-rewrite-percentage 0"
STUDENT = "canary-4711"
QUEUED = 1000


class Admin:
    """Whoever erases, over HTTP."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def ask(self, method: str, path: str) -> Any:
        """Return an answer that must be one."""
        bearer = token("admin", user_id="ada", now_s=int(time.time()), secret=SECRET)
        headers = {"Authorization": f"Bearer {bearer}"}
        request = urllib.request.Request(f"{self._node.url}{path}", headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(error.read() + self._node.log[-3000:].encode()) from error

    def about(self, method: str, path: str = "") -> Any:
        """Return an answer about the student."""
        return self.ask(method, f"/api/v1/students/{STUDENT}{path}")

    def letters(self) -> list[str]:
        """Return the ids of the events in the dead letters that are shown."""
        return [letter["event_id"] for letter in self.ask("GET", "/api/v1/dead-letters?limit=1000")["dead_letters"]]


def theirs(generator: Generator, number: int) -> Iterator[Sending]:
    """Yield new events of the student."""
    return (record(generator.event(STUDENT)) for _ in range(number))


def broken(event_id: str, student_id: str) -> Sending:
    """Return an event of a student that can never be applied."""
    return record({"event_id": event_id, "event_type": "no.such", "student_id": student_id})


def of_the_others(log: Iterable[Stored]) -> list[Stored]:
    """Return a log without the events that were refused: the valid ones of the student."""
    return [one for one in log if one.key != STUDENT.encode() or not _is_valid(one)]


def _is_valid(one: Stored) -> bool:
    try:
        return not isinstance(validate(decode_record(one.value, one.headers), one.timestamp_ms * 1000), Invalid)
    except InvalidJSON:
        return False


def traces(url: str) -> list[bytes]:
    """Return every key in Redis under which the student is named, by the key or by what lies there."""
    sought = STUDENT.encode()
    with Redis.from_url(url) as client:
        # Not compressed, since the configuration says so.
        return [key for key in client.scan_iter(count=1000) if sought in key or sought in (client.dump(key) or b"")]


def endless(url: str) -> list[str]:
    """Return the keys of students and predictions that have no end."""
    with Redis.from_url(url, decode_responses=True) as client:
        keys = [key for key in client.scan_iter(count=1000) if key.startswith(("student:", "prediction:"))]
        return [key for key in keys if client.ttl(key) < 0]


def test_nothing_of_an_erased_student_comes_back(world: World, running: Running) -> None:
    world.redis = running(RedisServer(settings=[KEEPS_ITS_FILE, "rdbcompression no"]))
    world.create_topics()
    consumer = world.start()
    api = world.start("api", working=False)
    admin = Admin(api)
    load, student = Generator("load", students=30), Generator("student")
    world.send([*theirs(student, 200), broken("theirs", STUDENT), *load.records(2000, PURE), broken("other", "load-1")])
    world.drain()
    keep = world.redis.append_only_file.stat().st_size
    assert set(admin.letters()) == {"theirs", "other"}
    assert len(traces(world.redis.url)) > 200
    assert endless(world.redis.url) == []

    # Erased while a thousand of their events wait among those of others, and the consumer is in the middle of its work.
    world.send(load.records(1000, PURE))
    consumer.freeze()
    world.send([*theirs(student, QUEUED), *load.records(1000, PURE)])
    receipt = admin.about("DELETE")
    assert (receipt["verified"], receipt["erasure"]) == (True, 1)
    assert receipt["places"]["state"]["entries"] > 200
    assert receipt["raw_records_until"] is not None
    consumer.thaw()
    world.send(theirs(student, 50))
    world.drain()
    assert consumer.metric("mastery_engine_events_total")["refused"] == QUEUED + 50
    assert_gone(world, admin)
    assert admin.letters() == ["other"]

    # The group goes back to the beginning of the log.
    assert consumer.stop() == 0
    world.kafka.run_tool(
        "kafka-consumer-groups.sh", "--group", GROUP, "--reset-offsets", "--to-earliest", "--all-topics", "--execute"
    )
    assert not world.drained()
    again = world.start()
    world.drain()
    assert again.metric("mastery_engine_events_total")["refused"] == 200 + QUEUED + 50
    assert_gone(world, admin)

    # Redis comes back as it was before the erasure.
    world.forget_offsets()
    world.redis.kill()
    world.redis.lose_tail(keep)
    world.redis.start()
    world.eventually(world.caught_up)
    world.eventually(lambda: not traces(world.redis.url))
    assert_gone(world, admin)
    assert any("ERASURE applied again" in node.log for node in world.nodes)

    # With consent only what is received from now on is taken.
    assert admin.about("POST", "/restore-consent")["erasure"] == 1
    new = list(theirs(student, 20))
    world.send(new)
    world.drain()
    assert admin.about("GET", "/export")["places"]["state"]["events"] == len(new)
    revisions = [
        json.loads(one.value or b"")["data"]["revision"]
        for one in topics.read_topic(world.kafka.bootstrap, topics.RESULTS)
        if one.key == STUDENT.encode() and b"mastery.updated" in (one.value or b"")
    ]
    assert max(revisions) == 1_000_000_000 + len(new)
    assert endless(world.redis.url) == []
    assert STUDENT not in world.logs()


def assert_gone(world: World, admin: Admin) -> None:
    """Look for the student everywhere, and for what became of the others."""
    assert traces(world.redis.url) == []
    exported = admin.about("GET", "/export")
    assert set(exported["places"].values()) == {None}
    assert STUDENT not in world.dump().decode()
    world.verify(log=of_the_others(topics.read_topic(world.kafka.bootstrap, topics.EVENTS)))
