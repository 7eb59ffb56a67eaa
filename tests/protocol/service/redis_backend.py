"""A real Redis that loses the end of its append only file, or everything, and is another run afterwards."""

from collections.abc import Iterable, Sequence

from redis import Redis

from src.adapters.redis_client import redis_client
from src.adapters.redis_erasures import RedisErasures
from src.adapters.redis_store import RedisStore
from src.adapters.redis_stream import RedisStream
from src.domain.erasures import Erasure
from src.ports import Offsets, Partition
from src.state_manager import StateKeyPatterns
from tests.making import NOW_US, PSEUDONYM
from tests.services import RedisServer

from ..schedule import Chance
from .backend import Connected, Stored
from .stepped_redis import SteppedRedis
from .surroundings import RETENTION

_EXEC = b"*1\r\n$4\r\nEXEC\r\n"


class RedisBackend:
    """One server, emptied for a new schedule.

    It has to write its file without waiting for the disk (``appendfsync no``): then the file is as long as what was
    answered.
    """

    def __init__(self, server: RedisServer, chance: Chance) -> None:
        self.run = 0
        self._sizes: list[int] = []
        self._server = server
        self._chance = chance
        self._empty()

    def connect(self, name: str, *, loses: bool) -> Connected:
        del name
        client = SteppedRedis.like(redis_client(self._server.url), loses=loses)
        store = RedisStore(
            client, retention=RETENTION, new_version=self._new_version, pseudonym=PSEUDONYM, follows=False
        )
        stream = RedisStream(store, retention=RETENTION, clock=lambda: NOW_US)
        return Connected(stream, client.connection_pool.disconnect)

    def _new_version(self) -> int:
        return self._chance.getrandbits(48)

    async def mark(self) -> None:
        size = self._file.stat().st_size
        if size > self._sizes[-1]:
            self._sizes.append(size)

    async def roll_back(self, writes: int) -> None:
        kept = self._sizes[:-writes] or self._sizes[:1]
        keep = kept[-1]
        if len(kept) < len(self._sizes) and self._chance.happens(0.5):
            keep = self._end_of_a_transaction(keep, self._chance.randint(keep, self._sizes[len(kept)]))
        self._server.kill()
        self._server.lose_tail(keep)
        self._restart()
        self._sizes = [*kept[:-1], keep]

    def _end_of_a_transaction(self, first: int, last: int) -> int:
        """Return the last place between two at which a transaction has ended, the first where there is none.

        A file that was torn within a transaction had to be mended with ``redis-check-aof`` before: Redis itself leaves
        the beginning of the transaction there, and does it after all when it loads the file the next time.
        """
        written = self._file.read_bytes()[first:last]
        end = written.rfind(_EXEC)
        return first if end < 0 else first + end + len(_EXEC)

    async def replace(self) -> None:
        self._server.kill()
        self._restart()
        self._empty()

    def _restart(self) -> None:
        self._server.start()
        self.run += 1

    def _empty(self) -> None:
        with Redis.from_url(self._server.url) as client:
            client.flushall()
        self._file = self._server.append_only_file
        self._sizes = [self._file.stat().st_size]

    async def erase(self, student_id: str, erasure: Erasure) -> None:
        client = redis_client(self._server.url)
        store = RedisStore(client, retention=RETENTION, new_version=self._new_version, pseudonym=PSEUDONYM)
        await RedisErasures(store, retention=RETENTION, clock=lambda: NOW_US).erase(student_id, erasure)
        await client.aclose()

    # -- what is in it

    async def stored(self, student_id: str, event_ids: Iterable[str]) -> Stored:
        client = redis_client(self._server.url)
        state = await RedisStore(client, retention=RETENTION, new_version=self._new_version, pseudonym=PSEUDONYM).state(
            student_id
        )
        contents = {}
        for event_id in event_ids:
            content = await client.get(StateKeyPatterns.EVENT.format(student_id=student_id, event_id=event_id))
            if content is not None:
                contents[event_id] = int(content)
        values: dict[str, bytes] = {}
        for pattern in (StateKeyPatterns.TOLD, StateKeyPatterns.MASTERY):
            match = pattern.format(student_id=student_id, date="*")
            values |= {key.decode(): await client.get(key) async for key in client.scan_iter(match=match)}
        await client.aclose()
        return Stored(state, contents, values)

    async def offsets(self, partitions: Sequence[Partition]) -> list[Offsets]:
        client = redis_client(self._server.url)
        stream = RedisStream(
            RedisStore(client, retention=RETENTION, new_version=self._new_version, pseudonym=PSEUDONYM),
            retention=RETENTION,
        )
        await stream.begin()
        found = [await stream.offsets(partition) for partition in partitions]
        await client.aclose()
        return found
