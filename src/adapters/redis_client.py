"""Connecting to Redis: the client, the scripts bound to one instance, and driver errors turned into ours."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha1
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeAlias

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.exceptions import (
    AskError,
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    SlotNotCoveredError,
    TryAgainError,
)

from ..errors import InstanceChanged, StoreUnavailable
from .redis_cluster import ClusterClient, Shard, client_of
from .redis_wire import PackingConnection, PackingSSLConnection, decode_lists, decode_numbers

TIMEOUT_S = 5
CONNECT_TIMEOUT_S = 2
SCRIPTS: dict[str, Callable[[bytes], list[Any]]] = {
    "apply": decode_numbers,
    "erase": decode_numbers,
    "remember": decode_numbers,
    "offset": decode_numbers,
    "offsets": decode_lists,
    "load": decode_lists,
    "windows": decode_lists,
    "read": decode_lists,
    "field": decode_lists,
    "window": decode_lists,
    "state": decode_lists,
    "verdict": decode_numbers,
}
"""The scripts, and how what each returns is unpacked."""

_log = logging.getLogger("mastery_engine.redis")

Client: TypeAlias = Redis | ClusterClient
"""Of one server or of a cluster: both do the same but for transactions, which a cluster does not have."""

_DETAILS: tuple[tuple[type[Exception], str], ...] = (
    (ClusterDownError, "The Redis Cluster is down: some of its slots have no master."),
    (SlotNotCoveredError, "The Redis Cluster is down: some of its slots have no master."),
    (AskError, "The Redis Cluster is moving slots."),
    (TryAgainError, "The Redis Cluster is moving slots."),
    (AuthenticationError, "Redis refuses the user or the password."),
    (NoPermissionError, "Redis refuses a command to this user."),
    (BusyLoadingError, "Redis is loading its data."),
    (ReadOnlyError, "Redis is a replica now and takes no writes."),
    (OutOfMemoryError, "Redis has no memory left."),
)
_DEFECTS = ("same key slot", "No way to dispatch", "blocked when running")
_NO_CLUSTER = "Redis is no cluster, though REDIS_CLUSTER says so."


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, known by its ``run_id``: what it holds, and the digests of the scripts that only it has."""

    run_id: str
    shard: Shard
    digests: Mapping[str, str]


@dataclass(frozen=True)
class Instance:
    """A running Redis: one server, or the masters of a cluster. It is another one when any of them is."""

    servers: tuple[Server, ...]

    @property
    def identity(self) -> list[tuple[str, Shard]]:
        """Return what tells it from every other."""
        return [(server.run_id, server.shard) for server in self.servers]

    @property
    def divided(self) -> bool:
        """Tell whether it is a cluster, of which one command may use the keys of one slot only."""
        return any(server.shard.slots for server in self.servers)

    def digest_of(self, script: str) -> Callable[[str], str]:
        """Return what finds, by a key, the digest of a script where that key lies."""
        if len(self.servers) == 1:
            digest = self.servers[0].digests[script]
            return lambda _: digest
        owners = self._owners
        return lambda key: owners[key_slot(key.encode())].digests[script]

    @cached_property
    def _owners(self) -> dict[int, Server]:
        return {slot: server for server in self.servers for slot in server.shard.slots}


def redis_client(
    url: str, *, username: str | None = None, password: str | None = None, ca_file: Path | None = None
) -> Redis:
    """Return a client that opens nothing yet and repeats no command by itself.

    User, password and authorities stand in for what the URL does not say; rediss:// always checks the certificate.

    A command whose answer was lost may have been carried out: only who sent it knows whether to send it again.
    """
    connection = PackingSSLConnection if url.startswith("rediss://") else PackingConnection
    return Redis.from_url(url, connection_class=connection, **_options(url, username, password, ca_file))


def cluster_client(
    url: str, *, username: str | None = None, password: str | None = None, ca_file: Path | None = None
) -> ClusterClient:
    """Return a client of the cluster that a server belongs to, likewise."""
    return ClusterClient.at(url, **_options(url, username, password, ca_file))


def _options(url: str, username: str | None, password: str | None, ca_file: Path | None) -> dict[str, Any]:
    given: dict[str, Any] = {"username": username, "password": password}
    if ca_file is not None and url.startswith("rediss://"):
        given["ssl_ca_certs"] = str(ca_file)
    return {
        "socket_timeout": TIMEOUT_S,
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        "retry": Retry(NoBackoff(), 0),
        "max_connections": 64,
        **{name: value for name, value in given.items() if value is not None},
    }


def script_text(name: str, run_id: str) -> str:
    """Return a script as it is loaded into one instance; the name of that is part of its text, and so of its digest."""
    each, script = ((files(__package__) / "lua" / f"{part}.lua").read_text() for part in ("each", name))
    return f"-- only for the instance {run_id}\n" + each.replace("--[[ script ]]", script)


@asynccontextmanager
async def each_server(client: Client) -> AsyncIterator[list[tuple[Redis, Shard]]]:
    """Connect to the server, or to every master of the cluster as it is now: one connection each, and no other."""
    async with AsyncExitStack() as stack:
        if isinstance(client, ClusterClient):
            shards = [
                (await stack.enter_async_context(client_of(node)), shard) for node, shard in await client.shards()
            ]
        else:
            shards = [(client, Shard())]
        yield [(await stack.enter_async_context(one.client()), shard) for one, shard in shards]


async def identify(client: Client) -> Instance:
    """Ask Redis which instance it is, and load the scripts on the same connections.

    Another instance does not have them under these digests: what is sent to it by mistake is refused (NOSCRIPT).
    """
    async with each_server(client) as servers:
        return Instance(tuple([await _meet(connection, shard) for connection, shard in servers]))


async def _meet(connection: Redis, shard: Shard) -> Server:
    run_id = await _run_id(connection)
    digests = {}
    for name in SCRIPTS:
        text = script_text(name, run_id)
        await connection.script_load(text)
        digests[name] = sha1(text.encode(), usedforsecurity=False).hexdigest()
    return Server(run_id, shard, digests)


async def is_same(client: Client, instance: Instance) -> bool:
    """Tell whether Redis still is an instance."""
    async with each_server(client) as servers:
        return [(await _run_id(connection), shard) for connection, shard in servers] == instance.identity


async def _run_id(connection: Redis) -> str:
    return str((await connection.info("server"))["run_id"])


@contextmanager
def redis_errors() -> Iterator[None]:
    """Turn what the driver raises into ``StoreUnavailable`` or ``InstanceChanged``."""
    try:
        yield
    except NoScriptError:
        message = "Redis is another instance, or forgot its scripts."
        raise InstanceChanged(message) from None
    except (RedisError, RedisClusterException, OSError, TimeoutError) as error:
        if _is_defect(error):
            raise  # ours, which no waiting mends
        detail = _detail(error)
        _log.warning("STORE Redis is away", extra={"reason": detail})
        raise StoreUnavailable(detail) from error


def _is_defect(error: Exception) -> bool:
    if isinstance(error, ResponseError):
        return str(error).startswith(("ERR ", "WRONGTYPE", "CROSSSLOT"))
    return isinstance(error, RedisClusterException) and any(sign in str(error) for sign in _DEFECTS)


def _detail(error: Exception) -> str:
    # A cluster of which no master answers says so, and has why from the last one that was asked.
    if isinstance(error, RedisClusterException) and isinstance(error.__cause__, Exception):
        return _NO_CLUSTER if "Cluster mode" in str(error.__cause__) else _detail(error.__cause__)
    told = next((text for kind, text in _DETAILS if isinstance(error, kind)), None)
    if told is None and isinstance(error, ResponseError):
        return f"Redis refuses commands ({str(error).partition(' ')[0]})."
    return told or "Redis does not answer."


def raise_first(results: list[Any]) -> list[Any]:
    """Return the results of a pipeline, or raise the first error among them."""
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results
