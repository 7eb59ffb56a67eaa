"""A Kafka, a Redis and the processes of the service between them, and the oracle's view of all."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event as Pause

from click.testing import CliRunner
from confluent_kafka import KafkaException
from redis import Redis, RedisError

from src.commands import dump
from tests.services import KafkaBroker, RedisServer
from tests.services.process import wait_until

from . import topics
from .generator import Sending
from .node import Node
from .oracle import Expected, Found, fold, violations
from .topics import Stored

DRAIN_S = 120
SESSION_TIMEOUT_MS = "6000"


@dataclass
class World:
    """What a fault happens to; every node goes with it."""

    redis: RedisServer
    kafka: KafkaBroker
    directory: Path
    nodes: list[Node] = field(default_factory=list)
    went_back: list[str] = field(default_factory=list)
    """Each time that an offset in Redis was seen lower than before."""
    _seen: dict[int, tuple[int, int]] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, str]:
        """Return the settings of a process of the service."""
        return {
            "REDIS_URL": self.redis.url,
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap,
            "KAFKA_SESSION_TIMEOUT_MS": SESSION_TIMEOUT_MS,
        }

    def start(self, role: str = "consumer", *, working: bool = True, **settings: str) -> Node:
        """Start a process of the service, and return once it reads a partition where it shall be ``working``."""
        arguments = ("serve", "--role", role, "--port", "0", "--json")
        return self._keep(
            Node(self._place(), self.settings | settings, arguments=arguments),
            working=working,
        )

    def start_dying(self, step: str, *, nth: int = 1, working: bool = True) -> Node:
        """Start a consumer that is killed after a step of its work."""
        return self._start_consumer("--die-after", step, "--nth", str(nth), working=working)

    def start_static(self, name: str, *, working: bool = True) -> Node:
        """Start a process of the service whose consumer keeps its place in the group under a name."""
        return self._start_consumer("--static", name, working=working)

    def start_hurried(self, max_poll_interval_ms: int, **settings: str) -> Node:
        """Start a consumer that Kafka takes for dead when it has not polled for so long."""
        return self._start_consumer("--max-poll-interval-ms", str(max_poll_interval_ms), working=True, **settings)

    def _start_consumer(self, *arguments: str, working: bool, **settings: str) -> Node:
        node = Node(self._place(), self.settings | settings, arguments=arguments, module="tests.faults.consumer")
        return self._keep(node, working=working)

    def create_topics(self, *, partitions: int = 3) -> None:
        """Create the topics, so that records may be sent before the service is there."""
        for topic, number in ((topics.EVENTS, partitions), (topics.DEAD_LETTERS, 1), (topics.RESULTS, 3)):
            settings = {"max.message.bytes": "2097152"} if topic == topics.DEAD_LETTERS else {}
            self.kafka.create_topic(topic, partitions=number, settings=settings)

    def send(self, records: Iterable[Sending]) -> None:
        """Send records and wait for the acknowledgement of each."""
        topics.send(self.kafka.bootstrap, records)

    def drain(self, within_s: float = DRAIN_S) -> None:
        """Wait until the group has committed the end of every partition."""
        assert wait_until(self.drained, within_s), self.trouble("not drained")

    def drained(self) -> bool:
        """Tell whether the group has committed the end of every partition."""
        try:
            return topics.committed(self.kafka.bootstrap) == self.ends()
        except KafkaException:
            return False

    def caught_up(self) -> bool:
        """Tell whether Redis has the end of every partition as applied and published."""
        offsets = self.offsets()
        return all(offsets.get(number, (0, 0)) == (end, end) for number, end in self.ends().items())

    def ends(self) -> dict[int, int]:
        """Return where each partition of the log ends."""
        return topics.ends(self.kafka.bootstrap)

    def offsets(self) -> dict[int, tuple[int, int]]:
        """Return the applied and the published offset of each partition that has any."""
        found = {}
        try:
            with Redis.from_url(self.redis.url, socket_timeout=1) as client:
                for key in client.scan_iter("offsets:*"):
                    applied, published = client.hmget(key, ["applied", "published"])
                    number = int(key.decode().rpartition(":")[2])
                    found[number] = (int(applied or 0), int(published or 0))
        except RedisError:
            return {}
        self._compare(found)
        return found

    def forget_offsets(self) -> None:
        """Let offsets be lower than before from now on, for a fault that takes them back."""
        self._seen.clear()

    def _compare(self, found: dict[int, tuple[int, int]]) -> None:
        for number, (applied, published) in self._seen.items():
            now = found.get(number, (0, 0))
            if now[0] < applied or now[1] < published:
                self.went_back.append(f"partition {number}: from {applied, published} to {now}")
        self._seen = found

    def applied(self) -> int:
        """Return how many records have been applied, over all partitions."""
        return sum(applied for applied, _ in self.offsets().values())

    def wait_applied(self, more_than: int) -> None:
        """Wait until more records than that have been applied."""
        assert wait_until(lambda: self.applied() > more_than, DRAIN_S), self.trouble("nothing is applied")

    def eventually(self, true: Callable[[], bool], within_s: float = DRAIN_S) -> None:
        """Wait until something holds."""
        assert wait_until(true, within_s), self.trouble("it never came true")

    def verify(self, *, log: Sequence[Stored] | None = None) -> Expected:
        """Ask the oracle; returns what it expected, when that is what is there.

        ``log`` stands in for the log where that has lost records which were counted.
        """
        bootstrap = self.kafka.bootstrap
        expected = fold(topics.read_topic(bootstrap, topics.EVENTS) if log is None else log)
        found = Found(
            dump=self.dump(),
            results=topics.stream_topic(bootstrap, topics.RESULTS),
            dead_letters=topics.stream_topic(bootstrap, topics.DEAD_LETTERS),
            committed=topics.committed(bootstrap),
            offsets=self.offsets(),
            ends=self.ends(),
            logs=self.logs(),
        )
        wrong = violations(expected, found)
        assert not wrong, self.trouble("\n".join(wrong))
        return expected

    def dump(self) -> bytes:
        """Return what ``dump --all`` prints."""
        environment = {"DATA_DIR": str(self.directory), "REDIS_URL": self.redis.url}
        done = CliRunner().invoke(dump.command, ["--all"], env=environment, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout_bytes

    def logs(self) -> str:
        """Return what all nodes have written."""
        return "\n".join(node.log for node in self.nodes)

    def trouble(self, what: str) -> str:
        """Return what is wrong, with what the nodes last said."""
        said = "\n".join(f"-- {node.log_file.parent.name}: {node.log[-1500:]}" for node in self.nodes[-4:])
        waiting = [node.ask("/ready")[1].get("checks") for node in self.nodes if node.running]
        state = f"offsets {self.offsets()}\nready {waiting}"
        return f"{what}\n{state}\n{said}"

    def close(self) -> None:
        """End every node."""
        for node in self.nodes:
            if node.running:
                node.process.terminate()
                node.thaw()
        for node in self.nodes:
            node.close()

    def _place(self) -> Path:
        return self.directory / f"node-{len(self.nodes)}"

    def _keep(self, node: Node, *, working: bool) -> Node:
        self.nodes.append(node)
        if working:
            self.eventually(lambda: node.holds_partitions or not node.running)
            assert node.holds_partitions, node.log[-3000:]
        return node


def pause(seconds: float) -> None:
    """Let time pass: a fault lasts, and its moment is one of chance."""
    Pause().wait(seconds)


def deadline(seconds: float) -> Callable[[], bool]:
    """Return a question that is answered with yes until the time is over."""
    until_s = time.monotonic() + seconds
    return lambda: time.monotonic() < until_s
