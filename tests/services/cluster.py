"""A real Redis Cluster of three masters."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from redis import Redis, RedisError
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from .errors import NotReady
from .ports import HOST, Port, reserve_pair
from .process import ProcessId, wait_until
from .redis import RedisServer
from .service import Service

MASTERS = 3
_BUS_DISTANCE = 10_000  # how far above its port a node of any version talks to the others, unless told otherwise
_READY_WITHIN_S = 30.0
NODE_SETTINGS = ("cluster-enabled yes", "cluster-config-file nodes.conf", "cluster-node-timeout 2000")


class RedisNode(RedisServer):
    """One master of a cluster."""

    kind: ClassVar[str] = "redis-node"

    def _reserve(self, number: int) -> tuple[Port, ...]:
        return reserve_pair(number, _BUS_DISTANCE)


class RedisCluster(Service):
    """Three masters that share the slots evenly, without replicas; each of ``nodes`` can be killed alone."""

    kind: ClassVar[str] = "redis-cluster"

    def __init__(self, directory: Path | None = None, *, port: int = 0, settings: Iterable[str] = ()) -> None:
        """Take the first of three ports in a row, or with 0 any three, and further lines of every ``redis.conf``."""
        lines = [*NODE_SETTINGS, *settings]
        self.nodes = tuple(
            RedisNode(directory / str(number) if directory else None, port=port and port + number, settings=lines)
            for number in range(MASTERS)
        )

    @property
    def url(self) -> str:
        """Return the address of the first node, which knows the others."""
        return self.nodes[0].url

    @property
    def environment(self) -> Mapping[str, str]:
        """Return the variables that tell the product where and what it is."""
        return {"REDIS_URL": self.url, "REDIS_CLUSTER": "true"}

    @property
    def running(self) -> bool:
        """Tell whether all nodes run."""
        return all(node.running for node in self.nodes)

    @property
    def processes(self) -> tuple[ProcessId, ...]:
        """Return the identities of the nodes."""
        return tuple(identity for node in self.nodes for identity in node.processes)

    def node_of(self, key: str) -> RedisNode:
        """Return the node that holds a key."""
        return self.nodes[key_slot(key.encode()) * MASTERS // REDIS_CLUSTER_HASH_SLOTS]

    def start(self) -> None:
        """Start the nodes that do not run, make them a cluster the first time, and return when all agree."""
        for node in self.nodes:
            if not node.running:
                node.start()
        if _ask(self.nodes[0], "INFO")["cluster_known_nodes"] == "1":
            self._form()
        self.wait_until_ready()

    def stop(self) -> None:
        """Stop the nodes that run."""
        for node in self._those_that_run():
            node.stop()

    def kill(self) -> None:
        """Kill the nodes that run."""
        for node in self._those_that_run():
            node.kill()

    def freeze(self) -> None:
        """Halt the nodes that run."""
        for node in self._those_that_run():
            node.freeze()

    def thaw(self) -> None:
        """Let them go on."""
        for node in self._those_that_run():
            node.thaw()

    def close(self) -> None:
        """Stop the nodes and give back what they had."""
        for node in self.nodes:
            node.close()

    def detach(self) -> None:
        """Let the nodes run on when we end."""
        for node in self.nodes:
            node.detach()

    def wait_until_ready(self) -> None:
        """Ask until every node sees the whole cluster well; raises ``NotReady`` when that takes too long."""
        if not wait_until(lambda: all(_well(node) for node in self.nodes), _READY_WITHIN_S):
            message = f"the nodes did not become a cluster in {_READY_WITHIN_S:g} s; {self.nodes[0].log} says more"
            raise NotReady(message)

    def _those_that_run(self) -> list[RedisNode]:
        return [node for node in self.nodes if node.running]

    def _form(self) -> None:
        bounds = [-(-REDIS_CLUSTER_HASH_SLOTS * number // MASTERS) for number in range(MASTERS + 1)]
        for number, node in enumerate(self.nodes):
            _ask(node, "ADDSLOTS", *range(bounds[number], bounds[number + 1]))
            _ask(node, "SET-CONFIG-EPOCH", number + 1)
        for node in self.nodes[1:]:
            _ask(node, "MEET", HOST, self.nodes[0].port)


def _ask(node: RedisNode, command: str, *arguments: int | str) -> Any:
    with Redis.from_url(node.url) as client:
        return client.execute_command(f"CLUSTER {command}", *arguments)


def _well(node: RedisNode) -> bool:
    try:
        said = _ask(node, "INFO")
    except RedisError:
        return False
    return [said["cluster_state"], said["cluster_known_nodes"], said["cluster_size"]] == [
        "ok",
        str(MASTERS),
        str(MASTERS),
    ]
