"""Streams over several processes of the service, and of what comes through Kafka."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from confluent_kafka import Producer

from tests.api.serving import Server, bearer_now, running_server
from tests.api.streams import WITHIN_S, streaming
from tests.making import wire
from tests.services import RedisServer
from tests.services.fixtures import Running
from tests.services.process import wait_until

STREAM = "/api/v1/students/student-1/stream"


def own() -> dict[str, str]:
    return bearer_now("student", user_id="student-1")


def stuck(event_id: str) -> dict[str, object]:
    return wire(event_id, "help.requested", timestamp=int(time.time() * 1000))


def sent(server: Server, event_id: str) -> httpx.Response:
    return httpx.post(f"{server.url}/api/v1/events", json=stuck(event_id), headers=bearer_now("service"))


def send(server: Server, event_id: str) -> None:
    answer = sent(server, event_id)
    assert answer.status_code == httpx.codes.OK, answer.text


@pytest.fixture(params=["redis"])
def redis(request: pytest.FixtureRequest) -> dict[str, str]:
    """Return the settings of a Redis, or of a cluster."""
    if request.param == "redis":
        return {"REDIS_URL": request.getfixturevalue("redis_url")}
    return {"REDIS_URL": request.getfixturevalue("redis_cluster_url"), "REDIS_CLUSTER": "true"}


@pytest.fixture
def replicas(redis: dict[str, str], tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    with ExitStack() as stack:
        one, other = (stack.enter_context(running_server(tmp_path / name, **redis)) for name in "ab")
        yield one, other


@pytest.mark.parametrize("redis", ["redis", "cluster"], indirect=True)
def test_what_one_process_changes_shows_on_a_stream_of_another(replicas: tuple[Server, Server]) -> None:
    one, other = replicas
    with streaming(other.url + STREAM, own()) as stream:
        assert stream.next().data["status"] == "no_evidence"
        send(one, "e-1")
        assert [sent.data.get("signal") for sent in stream.until("mastery")] == ["stuck", None]


def test_a_student_who_is_erased_by_one_process_is_gone_from_a_stream_of_another(
    replicas: tuple[Server, Server],
) -> None:
    one, other = replicas
    send(one, "e-1")
    with streaming(other.url + STREAM, own()) as stream:
        stream.until("mastery")
        httpx.delete(f"{one.url}/api/v1/students/student-1", headers=bearer_now("admin")).raise_for_status()
        assert [(sent.event, sent.data) for sent in stream.rest()] == [("gone", {})]


def test_a_stream_goes_on_at_another_process(replicas: tuple[Server, Server]) -> None:
    one, other = replicas
    with streaming(one.url + STREAM, own()) as stream:
        known = stream.next().id
    with streaming(other.url + STREAM, own(), known) as stream:
        send(one, "e-1")
        known = stream.until("mastery")[-1].id
    content = {"name": "Loops", "teachers": [], "students": ["student-1", "student-2"]}
    admin = bearer_now("admin")
    httpx.put(f"{one.url}/api/v1/cohorts/loops", json=content, headers=admin).raise_for_status()
    with streaming(f"{one.url}/api/v1/cohorts/loops/stream", admin) as stream:
        known = stream.together()[-1].id
    send(other, "e-2")
    with streaming(f"{other.url}/api/v1/cohorts/loops/stream", admin, known) as stream:
        *struggles, mastery = stream.together()
    assert [told.data["id"] for told in struggles] == ["stuck.e-1", "stuck.e-2"]
    assert mastery.data["student_id"] == "student-1"
    assert mastery.data["open_struggles"] == ["stuck.e-2", "stuck.e-1"]


def test_a_stream_outlives_redis(running: Running, tmp_path: Path) -> None:
    redis = running(RedisServer())
    with running_server(tmp_path, REDIS_URL=redis.url) as server:
        with streaming(server.url + STREAM, own()) as stream:
            assert stream.next().event == "mastery"
            redis.kill()
            assert wait_until(lambda: httpx.get(f"{server.url}/ready").status_code == 503, WITHIN_S)
            redis.start()
            assert wait_until(lambda: sent(server, "e-1").status_code == 200, WITHIN_S)
            assert [sent.event for sent in stream.until("mastery")] == ["struggle", "mastery"]
        assert '"status":500' not in server.log()


def test_a_struggle_in_an_event_from_kafka_shows_on_the_stream_and_among_the_struggles(
    kafka_bootstrap: str, redis_url: str, tmp_path: Path
) -> None:
    settings = {"REDIS_URL": redis_url, "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap}
    with running_server(tmp_path, **settings) as server:
        assert wait_until(lambda: httpx.get(f"{server.url}/ready").status_code == 200, WITHIN_S)
        with streaming(server.url + STREAM, own()) as stream:
            assert stream.next().data["status"] == "no_evidence"
            producer = Producer({"bootstrap.servers": kafka_bootstrap})
            producer.produce("mastery.events", json.dumps(stuck("e-1")), "student-1")
            assert producer.flush(WITHIN_S) == 0
            struggle, mastery = stream.next(), stream.next()
        assert (struggle.data["id"], mastery.data["open_struggles"]) == ("stuck.e-1", ["stuck.e-1"])
        path = "/api/v1/students/student-1/struggles?open=true"
        shown = {name: value for name, value in struggle.data.items() if name != "student_id"}
        assert httpx.get(server.url + path, headers=own()).json()["struggles"] == [shown]
