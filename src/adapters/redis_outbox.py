"""What targets are still to hear, in Redis.

Of each target there is what is due when, the notices, and how often each was tried; of each student which notices there
are. All keys share one hash tag, since one script touches several of them.
"""

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from hashlib import sha256
from importlib.resources import files
from itertools import islice
from typing import Any, cast

from ..ports import Backlog, Delivery, Notice
from ..state_manager import StateKeyPatterns
from .outbox_entries import packed, shown, unpacked
from .redis_client import Client, redis_errors

AT_ONCE = 200
"""So many notices are kept by one script."""

_DAY_S = 86_400


class RedisOutbox:
    """The port of the outbox, and what is kept of a student in it."""

    def __init__(self, client: Client, *, lifetime: timedelta) -> None:
        self._client = client
        # Those who deliver notices give them up in time; what nobody delivers any more goes a day later.
        self._lifetime_s = int(lifetime.total_seconds()) + _DAY_S

    async def put(self, notices: Sequence[Notice], targets: Sequence[str]) -> None:
        """Keep each notice for each target; another time keeps only what is missing."""
        for target in targets:
            name, left = _name(target), iter(notices)
            while some := list(islice(left, AT_ONCE)):
                due, kept, _ = _keys(name)
                arguments: list[Any] = [self._lifetime_s, name]
                for one in some:
                    arguments += [one.created_us, one.notice_id, packed(one)]
                await self._eval("outbox_put", [due, kept, *(_of(one.student_id) for one in some)], *arguments)

    async def take(self, target: str, now_us: int, until_us: int, limit: int) -> list[Delivery]:
        """Take the notices that are due to a target."""
        found = await self._eval("outbox_take", _keys(_name(target)), now_us, until_us, limit, self._lifetime_s)
        return [Delivery(unpacked(body), attempt) for attempt, body in zip(found[::2], found[1::2], strict=True)]

    async def done(self, target: str, notice: Notice) -> None:
        """Forget a notice that a target has heard."""
        await self._forget(_name(target), notice.notice_id, notice.student_id)

    async def postpone(self, target: str, notice: Notice, due_us: int) -> None:
        """Have a notice be due again at a time."""
        with redis_errors():
            await self._client.zadd(_keys(_name(target))[0], {notice.notice_id: due_us}, xx=True)

    async def backlog(self, target: str) -> Backlog:
        """Return what a target is still to hear; the oldest is the oldest of the first ones due."""
        due, kept, _ = _keys(_name(target))
        with redis_errors():
            pending = await self._client.zcard(due)
            first = await self._client.zrange(due, 0, AT_ONCE - 1)
            found: list[Any] = await self._client.hmget(kept, cast("list[str]", first)) if first else []
        created = [unpacked(body).created_us for body in found if body is not None]
        return Backlog(int(pending), min(created, default=None))

    async def trim(self, now_us: int) -> int:
        """Do nothing: who delivers gives them up, and keys expire."""
        del now_us
        return 0

    # -- what is kept of a student

    async def export(self, student_id: str) -> list[dict[str, Any]] | None:
        """Return the notices of a student that are still to be heard, None where there are none."""
        found = {}
        for name, notice_id in await self._entries(student_id):
            with redis_errors():
                body: Any = await self._client.hget(_keys(name)[1], notice_id)
            if body is not None:
                notice = unpacked(body)
                found[notice.created_us, notice_id] = shown(notice)
        return [found[key] for key in sorted(found)] or None

    async def erase(self, student_id: str) -> int:
        """Forget them, and return how many there were."""
        entries = await self._entries(student_id)
        erased = sum([await self._forget(name, notice_id, student_id) for name, notice_id in entries])
        with redis_errors():
            await self._client.delete(_of(student_id))
        return erased

    async def remains(self, student_id: str) -> int:
        """Return how many there are, found by looking through all."""
        number = 0
        with redis_errors():
            async for key in self._client.scan_iter(match=_keys("*")[1], count=1000):
                notices: Any = self._client.hscan_iter(cast("str", key))
                async for _, body in notices:
                    number += unpacked(body).student_id == student_id
        return number

    async def _entries(self, student_id: str) -> list[tuple[str, str]]:
        with redis_errors():
            found: Any = await self._client.smembers(_of(student_id))
        entries = (entry.decode().split(" ") for entry in found)
        return sorted((name, notice_id) for name, notice_id in entries)

    async def _forget(self, name: str, notice_id: str, student_id: str) -> int:
        keys = [*_keys(name), _of(student_id)]
        return int(await self._eval("outbox_done", keys, notice_id, f"{name} {notice_id}"))

    async def _eval(self, script: str, keys: Sequence[str], *arguments: Any) -> Any:  # noqa: ANN401  # what it takes and returns
        with redis_errors():
            return await self._client.eval(_script(script), len(keys), *keys, *arguments)


def _name(target: str) -> str:
    """Return what a target is called in keys: its address may be long, or hold anything."""
    return sha256(target.encode()).hexdigest()[:16]


def _keys(name: str) -> list[str]:
    """Return the keys of a target: due, notices, attempts."""
    patterns = (StateKeyPatterns.OUTBOX_DUE, StateKeyPatterns.OUTBOX_NOTICES, StateKeyPatterns.OUTBOX_ATTEMPTS)
    return [pattern.format(target=name) for pattern in patterns]


def _of(student_id: str) -> str:
    return StateKeyPatterns.OUTBOX_OF_STUDENT.format(student_id=student_id)


@cache
def _script(name: str) -> str:
    return (files(__package__) / "lua" / f"{name}.lua").read_text()
