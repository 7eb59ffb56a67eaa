"""A client of a Redis Cluster that repeats no write, and that learns anew who holds what when something went wrong."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha1
from itertools import count, pairwise
from typing import Any, Self
from urllib.parse import urlsplit

from redis.asyncio import ConnectionPool, Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode, ClusterPipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.exceptions import (
    AskError,
    ClusterError,
    ConnectionError,  # noqa: A004  # the driver's own
    RedisClusterException,
    RedisError,
    TimeoutError,  # noqa: A004  # likewise
    TryAgainError,
)

DEFAULT_PORT = 6379
SLOTS = 16_384
_LOST = (ConnectionError, TimeoutError, ClusterError, AskError, TryAgainError, RedisClusterException, OSError)


@dataclass(frozen=True, slots=True)
class Shard:
    """What one master holds: everything, where it is the only one, or these slots of a cluster."""

    slots: tuple[int, ...] = ()

    @property
    def prefix(self) -> str:
        """Return what names a key that lies on this shard, and on no shard with other slots.

        The tag in braces is the first number whose slot is one of these. The rest changes with the slots: what was
        written of fewer of them tells nothing of those that have come since.
        """
        if not self.slots:
            return ""
        held = frozenset(self.slots)
        tag = next(number for number in count() if key_slot(str(number).encode()) in held)
        return f"{{{tag}}}:{sha1(_ranges(self.slots).encode(), usedforsecurity=False).hexdigest()[:12]}:"


class ClusterClient(RedisCluster):
    """The client; make it with ``at``.

    Where none of the masters that it knows answers it begins again at its first address.
    """

    first: tuple[str, int]

    @classmethod
    def at(cls, url: str, **options: Any) -> Self:  # noqa: ANN401  # what the driver takes
        """Return a client that opens nothing yet."""
        client = cls.from_url(url, **options)
        assert isinstance(client, cls)  # noqa: S101  # the driver says less than it does
        parts = urlsplit(url)
        client.first = parts.hostname or "localhost", parts.port or DEFAULT_PORT
        return client

    async def initialize(
        self,
        additional_startup_nodes_info: list[tuple[str, int]] | None = None,
        last_failed_node_name: str | None = None,
    ) -> Self:
        """Find the masters, where that has not been done or where they were lost."""
        self._begin_at_the_first_too()
        await super().initialize(additional_startup_nodes_info, last_failed_node_name)
        return self

    async def execute_command(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # as the driver has it
        """Do a command, once the masters are known.

        The driver does so too, but after it has begun: of several commands that are the first, or the first after a
        failure, some then lost their connections to one another.
        """
        await self.initialize()
        return await super().execute_command(*args, **kwargs)

    async def aclose(self) -> None:
        """Close all connections, also where the driver thinks that it has none since it lost a master."""
        await super().aclose()
        await self.nodes_manager.aclose()
        await self.nodes_manager.aclose("startup_nodes")

    async def learn(self) -> None:
        """Ask anew who holds what; connections stay open."""
        await self.initialize()
        await self.nodes_manager.initialize()

    def pipeline(self, transaction: Any = None, shard_hint: Any = None) -> ClusterPipeline:  # noqa: ANN401  # as there
        """Return a pipeline that goes to every master that it concerns; never a transaction."""
        if transaction or shard_hint:
            message = "A transaction over a cluster blocks the loop: use a script."
            raise RedisClusterException(message)
        return _LearningPipeline(self)  # type: ignore[abstract]  # so is what it inherits from

    async def shards(self) -> list[tuple[ClusterNode, Shard]]:
        """Return the masters, as they are now, in the order of their slots."""
        await self.learn()
        held: defaultdict[ClusterNode, list[int]] = defaultdict(list)
        slots: Mapping[int, Sequence[ClusterNode]] = self.nodes_manager.slots_cache
        for slot in sorted(slots):
            held[slots[slot][0]].append(slot)
        return [(node, Shard(tuple(found))) for node, found in held.items()]

    def _begin_at_the_first_too(self) -> None:
        """Keep the first address among those asked; the driver forgets it for those that the masters tell."""
        first = ClusterNode(*self.first, **self.connection_kwargs)
        self.nodes_manager.startup_nodes.setdefault(first.name, first)


class _LearningPipeline(ClusterPipeline):
    """Left to itself the driver's pipeline would go on asking a master that is gone, for ever."""

    def __init__(self, client: ClusterClient) -> None:
        super().__init__(client)
        self._client = client

    async def execute(self, raise_on_error: bool = True, allow_redirections: bool = True) -> list[Any]:  # noqa: FBT001, FBT002  # as there
        try:
            results = await super().execute(raise_on_error, allow_redirections)
        except _LOST:
            await self._learn()
            raise
        if any(isinstance(result, _LOST) for result in results):
            await self._learn()
        return results

    def evalsha(self, sha: str, numkeys: int, *keys_and_args: Any) -> ClusterPipeline:  # noqa: ANN401  # as there
        """Queue a script; the driver lets nobody do so, since it may not know which nodes have the script."""
        return self.execute_command("EVALSHA", sha, numkeys, *keys_and_args)

    async def _learn(self) -> None:
        with suppress(RedisError, RedisClusterException, OSError):
            await self._client.learn()


def client_of(node: ClusterNode) -> Redis:
    """Return a client of one master alone, which closes its connections when it is closed."""
    options = {**node.connection_kwargs, "retry": Retry(NoBackoff(), 0)}
    return Redis.from_pool(ConnectionPool(node.connection_class, **options))


def tag_of(slot: int) -> str:
    """Return what stands in the braces of a key that is to lie in a slot."""
    return _tags()[slot]


@cache
def _tags() -> Mapping[int, str]:
    """Return the first number in each slot; it takes a tenth of a second."""
    tags: dict[int, str] = {}
    for number in count():
        tags.setdefault(key_slot(str(number).encode()), str(number))
        if len(tags) == SLOTS:
            break
    return tags


def _ranges(slots: Sequence[int]) -> str:
    """Return slots as ``0-5460,5462``."""
    starts = [slots[0], *(after for before, after in pairwise(slots) if after != before + 1)]
    ends = [*(before for before, after in pairwise(slots) if after != before + 1), slots[-1]]
    return ",".join(f"{start}-{end}" for start, end in zip(starts, ends, strict=True))
