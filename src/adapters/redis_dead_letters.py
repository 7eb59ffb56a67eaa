"""What was done with dead letters, in Redis: one value each, for as long as the topic keeps them."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from ..domain.erasures import Pseudonym
from ..ports import DeadLetter, Handled
from ..state_manager import StateKeyPatterns
from .redis_client import Client, redis_errors

_decode = msgspec.json.Decoder(Handled).decode


class RedisDeadLetterIndex:
    """The port of the index; entries go by themselves. Which are of a student is kept under their pseudonym."""

    def __init__(self, client: Client, *, lifetime: timedelta, pseudonym: Pseudonym) -> None:
        self._client = client
        self._lifetime = lifetime
        self._pseudonym = pseudonym

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
                for student_id in letter.students:
                    pipeline.sadd(self._theirs(student_id), key)
                    pipeline.expire(self._theirs(student_id), self._lifetime)
                _, kept, *_ = await pipeline.execute()
        return handled if kept is None else _decode(kept)

    async def forget(self, student_id: str) -> int:
        """Forget what was done with the dead letters of a student, and return of how many."""
        with redis_errors():
            keys = await self._client.smembers(self._theirs(student_id))
            gone = await self._client.unlink(*keys) if keys else 0
            await self._client.unlink(self._theirs(student_id))
        return int(gone)

    async def kept(self, student_id: str) -> int:
        """Return of how many dead letters of a student something is kept."""
        with redis_errors():
            keys = await self._client.smembers(self._theirs(student_id))
            return int(await self._client.exists(*keys)) if keys else 0

    def _theirs(self, student_id: str) -> str:
        return StateKeyPatterns.DEAD_LETTERS_OF.format(pseudonym=self._pseudonym(student_id))


def _key(letter: DeadLetter) -> str:
    """Return the key; with the time in it, since a topic made anew begins again at offset 0."""
    return StateKeyPatterns.DEAD_LETTER.format(
        partition=letter.partition, offset=letter.offset, timestamp_ms=letter.timestamp_ms
    )
