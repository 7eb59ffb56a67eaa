"""Documents in Redis: a hash each."""

from collections.abc import Callable
from functools import cache
from importlib.resources import files

from ..ports import Document
from ..state_manager import StateKeyPatterns
from .redis_client import Client, redis_errors


class RedisDocuments:
    """The port of documents; ``new_version`` is never the version of another state."""

    def __init__(self, client: Client, *, new_version: Callable[[], int]) -> None:
        self._client = client
        self._new_version = new_version

    async def get(self, name: str) -> Document | None:
        """Return a document, None where there is none."""
        with redis_errors():
            version, body = await self._client.hmget(_key(name), ["version", "body"])
        return None if version is None or not isinstance(body, bytes) else Document(int(version), body)

    async def put(self, name: str, body: bytes, expected: int | None) -> int | None:
        """Keep a document if its version is the one expected; return the new version."""
        version = self._new_version()
        with redis_errors():
            kept = await self._client.eval(
                _script(), 1, _key(name), "" if expected is None else expected, version, body
            )
        return version if kept else None

    async def delete(self, name: str) -> bool:
        """Remove a document, whatever its version; tell whether there was one."""
        with redis_errors():
            return bool(await self._client.unlink(_key(name)))


def _key(name: str) -> str:
    return StateKeyPatterns.DOCUMENT.format(name=name)


@cache
def _script() -> str:
    return (files(__package__) / "lua" / "document_put.lua").read_text()
