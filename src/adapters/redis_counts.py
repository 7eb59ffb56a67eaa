"""Counts that processes share, in Redis; they go by themselves."""

from collections.abc import Mapping
from datetime import timedelta

from ..state_manager import StateKeyPatterns
from .redis_client import Client, redis_errors


class RedisCounts:
    """The port of shared counts."""

    def __init__(self, client: Client, *, lifetime: timedelta) -> None:
        self._client = client
        self._lifetime = lifetime

    async def add(self, uses: Mapping[str, int]) -> dict[str, int]:
        """Add to each count and return it; a key has its lifetime from the moment at which it is made."""
        with redis_errors():
            async with self._client.pipeline(transaction=False) as pipeline:
                for name, number in uses.items():
                    key = StateKeyPatterns.RATE.format(digest=name)
                    pipeline.set(key, 0, nx=True, ex=self._lifetime)
                    pipeline.incrby(key, number)
                counts = await pipeline.execute()
        return dict(zip(uses, counts[1::2], strict=True))
