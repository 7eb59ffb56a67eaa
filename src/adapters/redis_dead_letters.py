"""What was done with dead letters, in Redis: one value each, for as long as the topic keeps them."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from ..ports import DeadLetter, Handled
from ..state_manager import StateKeyPatterns
from .redis_client import Client, redis_errors

_decode = msgspec.json.Decoder(Handled).decode


class RedisDeadLetterIndex:
    """The port of the index; entries go by themselves."""

    def __init__(self, client: Client, *, lifetime: timedelta) -> None:
        self._client = client
        self._lifetime = lifetime

    async def handled(self, letters: Sequence[DeadLetter]) -> list[Handled | None]:
        """Return for each what was done with it, None where nothing was."""
        with redis_errors():
            async with self._client.pipeline(transaction=False) as pipeline:
                for letter in letters:
                    pipeline.get(_key(letter))
                found = await pipeline.execute()
        return [None if value is None else _decode(value) for value in found]

    async def remember(self, letter: DeadLetter, handled: Handled) -> Handled:
        """Keep what was done, unless something was before; return what is kept."""
        key = _key(letter)
        with redis_errors():
            # No transaction, which a cluster has not: what is kept changes no more.
            async with self._client.pipeline(transaction=False) as pipeline:
                pipeline.set(key, msgspec.json.encode(handled), nx=True, ex=self._lifetime)
                pipeline.get(key)
                _, kept = await pipeline.execute()
        return handled if kept is None else _decode(kept)


def _key(letter: DeadLetter) -> str:
    """Return the key; with the time in it, since a topic made anew begins again at offset 0."""
    return StateKeyPatterns.DEAD_LETTER.format(
        partition=letter.partition, offset=letter.offset, timestamp_ms=letter.timestamp_ms
    )
