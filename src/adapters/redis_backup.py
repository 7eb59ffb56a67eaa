"""A student's keys of Redis as the commands that make them again, unless the student was erased meanwhile."""

import time
from collections.abc import AsyncIterator, Callable, Sequence

from .redis_client import Client, redis_errors
from .redis_store import PIPELINE

_RESTORE = """if (redis.call('GET', KEYS[2]) or '') ~= ARGV[3] then return redis.status_reply('ERASED') end
return redis.call('RESTORE', KEYS[1], ARGV[1], ARGV[2], 'ABSTTL', 'REPLACE')"""


async def restoring(
    client: Client, keys: Sequence[str], marker_of: Callable[[str], str], *, now_s: Callable[[], float] = time.time
) -> AsyncIterator[bytes]:
    """Yield for each key that is there the command that makes it again, with the end that it has.

    ``marker_of`` returns the key of the marker that an erasure of the key's student sets: where that is not as it was,
    the command does nothing. Raises ``StoreUnavailable``.
    """
    for start in range(0, len(keys), PIPELINE):
        some = keys[start : start + PIPELINE]
        with redis_errors():
            async with client.pipeline(transaction=False) as pipeline:
                for key in some:
                    pipeline.dump(key)
                    pipeline.pttl(key)
                    pipeline.get(marker_of(key))
                told = await pipeline.execute()
        for key, dumped, ms, marker in zip(some, told[::3], told[1::3], told[2::3], strict=True):
            if dumped is not None:
                ends_ms = 0 if ms < 0 else round(now_s() * 1000) + ms
                yield _command(b"EVAL", _RESTORE, 2, key, marker_of(key), ends_ms, dumped, marker or b"")


def _command(*parts: str | bytes | int) -> bytes:
    """Return a command in the protocol of Redis."""
    encoded = [part if isinstance(part, bytes) else str(part).encode() for part in parts]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in encoded)
