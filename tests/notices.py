"""An outbox in a dictionary, and channels that take or refuse."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from src.adapters.outbox_entries import shown
from src.errors import DeliveryFailed
from src.ports import Backlog, Delivery, Notice


@dataclass
class _Waiting:
    notice: Notice
    due_us: int
    attempts: int = 0


class MemoryOutbox:
    """The port of the outbox."""

    def __init__(self, lifetime: timedelta) -> None:
        self._lifetime_us = lifetime // timedelta(microseconds=1)
        self.waiting: dict[tuple[str, str], _Waiting] = {}

    async def put(self, notices: Sequence[Notice], targets: Sequence[str]) -> None:
        for target in targets:
            for notice in notices:
                self.waiting.setdefault((target, notice.notice_id), _Waiting(notice, notice.created_us))

    async def take(self, target: str, now_us: int, until_us: int, limit: int) -> list[Delivery]:
        due = [one for (of, _), one in self.waiting.items() if of == target and one.due_us <= now_us]
        chosen = sorted(due, key=lambda one: one.due_us)[:limit]
        for one in chosen:
            one.due_us = until_us
            one.attempts += 1
        return [Delivery(one.notice, one.attempts) for one in chosen]

    async def done(self, target: str, notice: Notice) -> None:
        self.waiting.pop((target, notice.notice_id), None)

    async def postpone(self, target: str, notice: Notice, due_us: int) -> None:
        if (target, notice.notice_id) in self.waiting:
            self.waiting[target, notice.notice_id].due_us = due_us

    async def backlog(self, target: str) -> Backlog:
        created = [one.notice.created_us for (of, _), one in self.waiting.items() if of == target]
        return Backlog(len(created), min(created, default=None))

    async def trim(self, now_us: int) -> int:
        old = [key for key, one in self.waiting.items() if one.notice.created_us < now_us - self._lifetime_us]
        for key in old:
            del self.waiting[key]
        return len(old)

    async def export(self, student_id: str) -> list[dict[str, Any]] | None:
        found = {one.notice for one in self.waiting.values() if one.notice.student_id == student_id}
        return [shown(one) for one in sorted(found, key=lambda one: one.created_us)] or None

    async def erase(self, student_id: str) -> int:
        theirs = [key for key, one in self.waiting.items() if one.notice.student_id == student_id]
        for key in theirs:
            del self.waiting[key]
        return len(theirs)

    async def remains(self, student_id: str) -> int:
        return sum(one.notice.student_id == student_id for one in self.waiting.values())


@dataclass
class MemoryChannel:
    """The way to a target that takes notices while it is well."""

    name: str = "agent"
    away: bool = False
    heard: list[str] = field(default_factory=list)

    async def deliver(self, notice: Notice) -> None:
        if self.away:
            detail = "It answers 500."
            raise DeliveryFailed(detail)
        self.heard.append(notice.notice_id)
