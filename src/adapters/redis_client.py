"""Connecting to Redis: the client, the scripts bound to one instance, and driver errors turned into ours."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha1
from importlib.resources import files
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from ..errors import InstanceChanged, StoreUnavailable

TIMEOUT_S = 5
CONNECT_TIMEOUT_S = 2
SCRIPTS = ("apply", "remember", "offset", "offsets", "read")
_log = logging.getLogger("mastery_engine.redis")

_DETAILS: tuple[tuple[type[RedisError], str], ...] = (
    (AuthenticationError, "Redis refuses the user or the password."),
    (NoPermissionError, "Redis refuses a command to this user."),
    (BusyLoadingError, "Redis is loading its data."),
    (ReadOnlyError, "Redis is a replica now and takes no writes."),
    (OutOfMemoryError, "Redis has no memory left."),
)


@dataclass(frozen=True, slots=True)
class Instance:
    """A running Redis, known by its ``run_id``, and the digests of the scripts that only it holds."""

    run_id: str
    digests: dict[str, str]


def redis_client(
    url: str, *, username: str | None = None, password: str | None = None, ca_file: Path | None = None
) -> Redis:
    """Return a client that opens nothing yet and repeats no command by itself.

    User, password and authorities stand in for what the URL does not say; rediss:// always checks the certificate.

    A command whose answer was lost may have been carried out: only who sent it knows whether to send it again.
    """
    given: dict[str, Any] = {"username": username, "password": password}
    if ca_file is not None and url.startswith("rediss://"):
        given["ssl_ca_certs"] = str(ca_file)
    return Redis.from_url(
        url,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        max_connections=64,
        **{name: value for name, value in given.items() if value is not None},
    )


def script_text(name: str, run_id: str) -> str:
    """Return a script as it is loaded into one instance; the name of that is part of its text, and so of its digest."""
    return f"-- only for the instance {run_id}\n" + (files(__package__) / "lua" / f"{name}.lua").read_text()


async def identify(client: Redis) -> Instance:
    """Ask Redis which instance it is, and load the scripts on the same connection.

    Another instance does not have them under these digests: what is sent to it by mistake is refused (NOSCRIPT).
    """
    async with client.client() as connection:
        run_id = await run_id_of(connection)
        digests = {}
        for name in SCRIPTS:
            text = script_text(name, run_id)
            await connection.script_load(text)
            digests[name] = sha1(text.encode(), usedforsecurity=False).hexdigest()
    return Instance(run_id, digests)


async def run_id_of(client: Redis) -> str:
    """Return the ``run_id`` of the instance that answers."""
    return str((await client.info("server"))["run_id"])


@contextmanager
def redis_errors() -> Iterator[None]:
    """Turn what the driver raises into ``StoreUnavailable`` or ``InstanceChanged``."""
    try:
        yield
    except NoScriptError:
        message = "Redis is another instance, or forgot its scripts."
        raise InstanceChanged(message) from None
    except (RedisError, OSError, TimeoutError) as error:
        if isinstance(error, ResponseError) and str(error).startswith(("ERR ", "WRONGTYPE", "CROSSSLOT")):
            raise  # a defect of ours, which no waiting mends
        detail = next((text for kind, text in _DETAILS if isinstance(error, kind)), "Redis does not answer.")
        if isinstance(error, ResponseError) and detail == "Redis does not answer.":
            detail = f"Redis refuses commands ({str(error).partition(' ')[0]})."
        _log.warning("STORE Redis is away", extra={"reason": detail})
        raise StoreUnavailable(detail) from error


def raise_first(results: list[Any]) -> list[Any]:
    """Return the results of a pipeline, or raise the first error among them."""
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results
