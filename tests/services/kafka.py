"""A real Kafka: one broker that is its own controller."""

import base64
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from typing import ClassVar

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from .errors import NotReady, ServiceError
from .java import KafkaPrograms
from .ports import HOST, Port
from .process import wait_until
from .server import Server

_SETTINGS: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "inter.broker.listener.name": "PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "auto.create.topics.enable": "false",
    # All its own topics have one replica, and as few partitions as let a start be quick.
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # A killed broker may come back once its session has ended.
    "broker.session.timeout.ms": "1500",
    "broker.heartbeat.interval.ms": "300",
    # The first member of a group need not wait for others.
    "group.initial.rebalance.delay.ms": "0",
    # Anybody may do anything until a rule says otherwise; without an authorizer kafka-acls.sh could only say that.
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "true",
    "super.users": "User:ANONYMOUS",
    # Modest needs, for small machines.
    "num.network.threads": "2",
    "num.io.threads": "4",
    "log.cleaner.dedupe.buffer.size": "16777216",
}
_ANSWER_WITHIN_S = 1.0


class KafkaBroker(Server):
    """One broker on 127.0.0.1 without TLS or passwords; topics are created by those who ask for them."""

    kind: ClassVar[str] = "kafka"
    ready_within_s: ClassVar[float] = 60
    ended_within_s: ClassVar[float] = 30

    def __init__(
        self,
        directory: Path | None = None,
        *,
        port: int = 0,
        auto_create_topics: bool = False,
        heap: str = "384m",
        settings: Mapping[str, str] | None = None,
        programs: KafkaPrograms | None = None,
    ) -> None:
        """Take further lines of ``server.properties`` as ``settings``; they go before our own."""
        super().__init__(directory, port=port)
        creation = {"auto.create.topics.enable": str(auto_create_topics).lower()}
        self._settings = {**_SETTINGS, **creation, **(settings or {})}
        self._heap = heap
        self._cluster_id = _new_id()
        self._programs = programs

    @property
    def bootstrap(self) -> str:
        """Return its address as ``KAFKA_BOOTSTRAP_SERVERS`` takes it."""
        return f"{HOST}:{self.port}"

    @property
    def environment(self) -> Mapping[str, str]:
        """Return the variable that tells the product where it is."""
        return {"KAFKA_BOOTSTRAP_SERVERS": self.bootstrap}

    @property
    def scripts(self) -> Path:
        """Return the directory of ``kafka-topics.sh`` and its like, to be put first on the path."""
        return self.directory / "bin"

    def run_tool(self, name: str, *arguments: str, stdin: str | None = None) -> CompletedProcess[str]:
        """Run a tool, such as ``kafka-topics.sh``, against this broker."""
        return self._found().run_tool(name, "--bootstrap-server", self.bootstrap, *arguments, stdin=stdin)

    def create_topic(self, name: str, *, partitions: int = 1, settings: Mapping[str, str] | None = None) -> None:
        """Create a topic."""
        admin = self._admin()
        topic = NewTopic(name, num_partitions=partitions, replication_factor=1, config=dict(settings or {}))
        admin.create_topics([topic])[name].result()

    def clear(self) -> None:
        """Delete every topic and every group; the members of a group have to be gone."""
        admin = self._admin()
        if not wait_until(lambda: _cleared(admin), self.ready_within_s):
            message = f"kafka could not be cleared in {self.ready_within_s:g} s: does a group have members?"
            raise NotReady(message)

    def _reserve(self, number: int) -> tuple[Port, ...]:
        return Port.reserve(number), Port.reserve()

    def _prepare(self) -> None:
        listeners = f"PLAINTEXT://{HOST}:{self.port},CONTROLLER://{HOST}:{self._controller_port}"
        settings = {
            "listeners": listeners,
            "advertised.listeners": listeners,
            "controller.quorum.bootstrap.servers": f"{HOST}:{self._controller_port}",
            "log.dirs": str(self._data),
            **self._settings,
        }
        lines = "".join(f"{name}={value}\n" for name, value in settings.items())
        self._configuration.write_text(lines, encoding="utf-8")
        self._found().write_scripts(self.scripts)
        if not (self._data / "meta.properties").exists():
            self._format()

    def _format(self) -> None:
        arguments = ["format", "--standalone", "--cluster-id", self._cluster_id, "--config", str(self._configuration)]
        done = self._found().run_tool("kafka-storage.sh", *arguments)
        if done.returncode:
            message = f"kafka could not make its directory:\n{done.stdout}{done.stderr}"
            raise ServiceError(message)

    def _command(self) -> Sequence[str | Path]:
        return self._found().broker(self._configuration, heap=self._heap)

    def _answers(self) -> bool:
        """Ask whether the broker is in the cluster and leads every partition."""
        try:
            known = self._admin().list_topics(timeout=_ANSWER_WITHIN_S)
        except KafkaException:
            return False
        partitions = [partition for topic in known.topics.values() for partition in topic.partitions.values()]
        return bool(known.brokers) and all(partition.leader >= 0 for partition in partitions)

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.bootstrap, "reconnect.backoff.max.ms": 100, "log_level": 0})

    def _found(self) -> KafkaPrograms:
        self._programs = self._programs or KafkaPrograms.find()
        return self._programs

    @property
    def _controller_port(self) -> int:
        return self._ports[1].number

    @property
    def _configuration(self) -> Path:
        return self.directory / "server.properties"

    @property
    def _data(self) -> Path:
        return self.directory / "data"


def _cleared(admin: AdminClient) -> bool:
    """Delete what there is; return True once nothing is."""
    try:
        topics = [name for name in admin.list_topics().topics if not name.startswith("__")]
        listed = admin.list_consumer_groups().result()
        groups = [group.group_id for group in listed.valid]
        futures = [*(admin.delete_topics(topics) if topics else {}).values()]
        futures += (admin.delete_consumer_groups(groups) if groups else {}).values()
        for future in futures:
            future.result()
    except KafkaException:
        return False
    return not (topics or groups or listed.errors)


def _new_id() -> str:
    """Return a cluster id as Kafka writes them: 16 bytes in 22 letters, never with a dash in front."""
    text = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
    return text if text[0] != "-" else _new_id()
