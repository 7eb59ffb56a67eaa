import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient
from redis import Redis
from redis import RedisCluster as ClusterClient
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, OutOfMemoryError
from redis.exceptions import TimeoutError as NoAnswer
from redis.retry import Retry

from tests.services import KafkaBroker, NotReady, RedisCluster, RedisServer, WrongState
from tests.services.fixtures import Running, available
from tests.services.process import ProcessId
from tests.services.programs import HERE, kafka_version
from tests.services.record import Record, Records

ROOT = HERE.parents[1]
WITHIN_S = 30
OWNER = """
import sys
from pathlib import Path
from tests.services import RedisServer
with RedisServer(Path(sys.argv[1])) as server:
    print(server.processes[0].pid, flush=True)
    input()
"""

Command = Callable[..., subprocess.CompletedProcess[str]]


def client_of(server: RedisServer, **options: Any) -> Redis:
    return Redis.from_url(server.url, retry=Retry(NoBackoff(), 0), decode_responses=True, **options)


def fill(client: Redis) -> None:
    for number in range(10_000):
        client.set(str(number), "x" * 1000)


def consumed(bootstrap: str, topic: str) -> bytes | None:
    """Return the first record of a topic."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "auto.offset.reset": "earliest"})
    try:
        consumer.subscribe([topic])
        record = consumer.poll(WITHIN_S)
        return record.value() if record else None
    finally:
        consumer.close()


def produce(bootstrap: str, topic: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    producer.produce(topic, value)
    assert producer.flush(WITHIN_S) == 0


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    """Run ``python -m tests.services`` with a state directory of its own, and stop at the end what it has started."""

    def run(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "tests.services", *arguments, "--state-dir", str(tmp_path)]
        variables = {**os.environ, **(environment or {})}
        return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, env=variables)

    yield run
    run("down")


def test_redis_keeps_its_data_and_its_port_over_a_kill_and_becomes_another_run(running: Running) -> None:
    server = running(RedisServer())
    port = server.port
    with client_of(server) as client:
        client.set("student:1", "kept")
        first_run = client.info("server")["run_id"]
        server.kill()
        server.restart()
        assert client.get("student:1") == "kept"
        assert client.info("server")["run_id"] != first_run
    assert server.port == port


def test_redis_never_evicts_and_refuses_when_its_memory_is_full(running: Running) -> None:
    server = running(RedisServer(maxmemory="2mb"))
    with client_of(server) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        with pytest.raises(OutOfMemoryError):
            fill(client)
        accepted = client.dbsize()
        assert client.mget(range(accepted)) == ["x" * 1000] * accepted


def test_redis_asks_for_the_password_that_is_in_its_address(running: Running) -> None:
    server = running(RedisServer(password='a "quoted" \\ /@: one'))
    with client_of(server) as client:
        assert client.ping()
    with Redis(port=server.port, retry=Retry(NoBackoff(), 0)) as stranger, pytest.raises(AuthenticationError):
        stranger.ping()
    assert server.run_cli("PING").stdout == "PONG\n"


def test_a_lost_tail_leaves_an_exact_prefix_of_what_was_written(running: Running) -> None:
    server = running(RedisServer(fsync="always"))
    with client_of(server) as client:
        for number in range(100):
            client.rpush("log", number)
        client.set("after", "lost")
        server.kill()
        server.lose_tail(keep=server.append_only_file.stat().st_size * 6 // 10)
        server.start()
        survived = client.lrange("log", 0, -1)
        assert survived == [str(number) for number in range(len(survived))]
        assert 0 < len(survived) < 100
        assert client.get("after") is None


def test_the_tail_is_not_cut_under_a_running_redis(running: Running) -> None:
    with pytest.raises(WrongState, match="kill it first"):
        running(RedisServer()).lose_tail(keep=0)


def test_a_frozen_redis_gives_no_answer_until_it_is_thawed(running: Running) -> None:
    server = running(RedisServer())
    with client_of(server, socket_timeout=0.05) as client:
        server.freeze()
        with pytest.raises(NoAnswer):
            client.ping()
        server.thaw()
        server.wait_until_ready()
        assert client.ping()


def test_a_frozen_redis_can_be_stopped(running: Running) -> None:
    server = running(RedisServer())
    server.freeze()
    server.stop()
    assert not server.running


def test_a_port_that_is_taken_is_named(running: Running) -> None:
    port = running(RedisServer()).port
    with pytest.raises(WrongState, match=f"port {port} is in use"):
        running(RedisServer(port=port))


def test_redis_says_why_it_did_not_start(running: Running) -> None:
    with pytest.raises(NotReady, match="Bad directive"):
        running(RedisServer(settings=["nonsense yes"]))


def test_a_server_does_not_outlive_a_process_that_was_killed(running: Running, tmp_path: Path) -> None:
    running(RedisServer())  # skips where there is none
    words = [sys.executable, "-c", OWNER, str(tmp_path)]
    with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        server = ProcessId.of(int(owner.stdout.readline()))
        owner.send_signal(signal.SIGKILL)
    assert server.wait(WITHIN_S)


def test_a_directory_of_its_own_goes_when_the_server_is_closed(running: Running, tmp_path: Path) -> None:
    own, given = running(RedisServer()), running(RedisServer(tmp_path / "given"))
    directory = own.directory
    own.close()
    given.close()
    assert not directory.exists()
    assert (tmp_path / "given" / "redis.log").exists()


def test_a_test_gets_an_empty_redis_whatever_was_done_to_it_before(
    redis_server: RedisServer, request: pytest.FixtureRequest
) -> None:
    with client_of(redis_server) as client:
        client.set("student:1", "left behind")
        redis_server.kill()
        assert request.getfixturevalue("redis_url") == redis_server.url
        assert client.dbsize() == 0


def test_the_cluster_spreads_keys_over_three_masters(redis_cluster: RedisCluster) -> None:
    keys = [f"student:{{{number}}}:state" for number in range(60)]
    with ClusterClient.from_url(redis_cluster.url, decode_responses=True) as client:
        for key in keys:
            client.set(key, key)
        assert [client.get(key) for key in keys] == keys
        holders = {client.get_node_from_key(key).port for key in keys}
        assert holders == {node.port for node in redis_cluster.nodes}
        assert [client.get_node_from_key(key).port for key in keys] == [redis_cluster.node_of(key).port for key in keys]


def test_a_killed_master_comes_back_with_its_data(redis_cluster: RedisCluster) -> None:
    with ClusterClient.from_url(redis_cluster.url, decode_responses=True) as client:
        client.set("student:{7}", "kept")
        redis_cluster.node_of("student:{7}").kill()
        redis_cluster.start()
        assert client.get("student:{7}") == "kept"


def test_kafka_gives_back_a_record_after_a_kill(kafka: KafkaBroker, kafka_bootstrap: str) -> None:
    kafka.create_topic("mastery.events", partitions=3)
    produce(kafka_bootstrap, "mastery.events", b"kept")
    kafka.kill()
    kafka.restart()
    assert consumed(kafka_bootstrap, "mastery.events") == b"kept"


def test_kafka_creates_no_topic_unasked(kafka_bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap})
    error = admin.list_topics("unasked", timeout=WITHIN_S).topics["unasked"].error
    assert error is not None
    assert error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_kafka_forgets_topics_and_groups_between_tests(kafka: KafkaBroker, kafka_bootstrap: str) -> None:
    kafka.create_topic("mastery.events")
    produce(kafka_bootstrap, "mastery.events", b"read")
    assert consumed(kafka_bootstrap, "mastery.events") == b"read"
    kafka.clear()
    assert kafka.run_tool("kafka-topics.sh", "--list", "--exclude-internal").stdout.split() == []
    assert kafka.run_tool("kafka-consumer-groups.sh", "--list").stdout.split() == []


def test_the_tools_of_kafka_work_by_their_names(kafka: KafkaBroker, kafka_bootstrap: str) -> None:
    script = """
        set -e
        kafka-topics.sh --create --topic mastery.dlq --partitions 1 --replication-factor 1 --bootstrap-server $AT
        echo a letter | kafka-console-producer.sh --topic mastery.dlq --bootstrap-server $AT
        kafka-console-consumer.sh --topic mastery.dlq --from-beginning --max-messages 1 --group g --bootstrap-server $AT
        kafka-consumer-groups.sh --describe --group g --bootstrap-server $AT
        kafka-get-offsets.sh --topic mastery.dlq --bootstrap-server $AT
        kafka-configs.sh --describe --topic mastery.dlq --bootstrap-server $AT
        kafka-acls.sh --add --allow-principal User:engine --operation Read --topic mastery.dlq --bootstrap-server $AT
        kafka-acls.sh --list --topic mastery.dlq --bootstrap-server $AT
        kafka-acls.sh --remove --force --topic mastery.dlq --bootstrap-server $AT
    """
    variables = {**os.environ, "PATH": f"{kafka.scripts}:{os.environ['PATH']}", "AT": kafka_bootstrap}
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=False, env=variables)
    assert done.returncode == 0, done.stderr
    for expected in ["Created topic mastery.dlq.", "a letter", "mastery.dlq:0:1", "principal=User:engine"]:
        assert expected in done.stdout


def test_what_is_missing_is_skipped_with_its_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("REQUIRE_SERVICES", raising=False)
    reason = "redis-server is not on the path: run scripts/install-services"
    with pytest.raises(pytest.skip.Exception, match=reason), available(), RedisServer():
        pass


def test_what_is_missing_fails_where_it_is_required(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("REQUIRE_SERVICES", "1")
    with pytest.raises(pytest.fail.Exception, match="java is neither in JAVA_HOME"), available(), KafkaBroker():
        pass


def test_up_starts_what_down_stops(command: Command, running: Running) -> None:
    running(RedisServer())  # skips where there is none
    address = command("up", "--redis").stdout.strip()
    with Redis.from_url(address.removeprefix("REDIS_URL=")) as client:
        pid = client.info("server")["process_id"]
    told = msgspec.json.decode(command("status", "--json").stdout)
    assert [service["pids"] for service in told["services"]] == [[pid]]
    assert command("up", "--redis").stdout.strip() == address
    process = ProcessId.of(pid)
    assert command("down").returncode == 0
    assert not process.running
    assert command("status").returncode == 1


def test_up_tells_of_a_cluster_as_the_product_is_told(command: Command) -> None:
    address, kind = command("up", "--cluster").stdout.split()
    assert address.startswith("REDIS_URL=redis://127.0.0.1:")
    assert kind == "REDIS_CLUSTER=true"
    assert command("down").returncode == 0


def test_up_starts_either_a_redis_or_a_cluster(command: Command) -> None:
    assert "either a Redis or a cluster" in command("up", "--redis", "--cluster").stderr


def test_up_takes_the_port_that_it_is_given(command: Command, running: Running) -> None:
    stopped = running(RedisServer())
    port = stopped.port
    stopped.close()
    assert command("up", "--redis", "--port-redis", str(port)).stdout == f"REDIS_URL=redis://127.0.0.1:{port}/0\n"


def test_down_leaves_a_process_alone_that_has_got_the_same_id(
    command: Command, running: Running, tmp_path: Path
) -> None:
    server = running(RedisServer())
    (identity,) = server.processes
    namesake = ProcessId(identity.pid, f"{identity.started}0")
    Records(tmp_path).keep(Record(name="redis", environment={}, processes=(namesake,)))
    assert "had ended already" in command("down").stderr
    assert server.running


def test_up_starts_nothing_when_something_cannot_be_had(command: Command, tmp_path: Path) -> None:
    lacking = {"PATH": "", "XDG_CACHE_HOME": str(tmp_path)}
    done = command("up", environment=lacking)
    assert (done.returncode, done.stdout) == (1, "")
    assert "redis-server is not on the path" in done.stderr
    assert command("status").stdout == "Nothing was started.\n"


def test_docker_is_asked_for_before_anything_is_started(command: Command) -> None:
    assert "docker is not on the path" in command("up", "--docker", environment={"PATH": ""}).stderr
    assert "no Redis Cluster" in command("up", "--docker", "--cluster").stderr


def test_docker_and_the_jars_are_of_one_version_of_kafka() -> None:
    assert f"image: apache/kafka:{kafka_version()}\n" in (ROOT / "compose.yaml").read_text(encoding="utf-8")
