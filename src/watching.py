"""Who listens to which students, and a look at the versions of these whose cost is bounded.

Nothing is sent from one process to another: whoever listens compares the versions in the store with what it was told.
So nothing is lost, whoever has changed a state and over whichever store, and nothing is done while nobody listens.
"""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from .errors import StoreUnavailable
from .ports import EvidenceOfMany

_log = logging.getLogger("mastery_engine.streams")

EVERY_S = 0.25
VERSIONS_A_SECOND = 20_000
AT_ONCE = 200
UNTOLD: Final = -1
"""Stands for the version of a student of whom nothing was told yet; no state has it."""


class Watch:
    """What one listener was told: of each student the version. What differs from that is news.

    It grows with the students and not with what happens to them, however slowly its news are taken.
    """

    def __init__(self, watches: dict[str, set["Watch"]]) -> None:
        self.told: dict[str, int | None] = {}
        self._watches = watches
        self._followed: Sequence[str] = ()
        self._news: set[str] = set()
        self._woken = asyncio.Event()

    def follow(self, students: Sequence[str]) -> None:
        """Watch exactly these students; those who are new are news."""
        if students is self._followed:
            return
        self._followed, wanted = students, set(students)
        for student_id in self.told.keys() - wanted:
            del self.told[student_id]
            others = self._watches[student_id]
            others.discard(self)
            if not others:
                del self._watches[student_id]
        for student_id in wanted - self.told.keys():
            self.told[student_id] = UNTOLD
            self._watches.setdefault(student_id, set()).add(self)
            self._news.add(student_id)
        self._news &= wanted

    def compare(self, student_id: str, version: int | None) -> None:
        """Wake the listener if it was told of another version."""
        if self.told[student_id] != version:
            self._news.add(student_id)
            self.interrupt()

    def interrupt(self) -> None:
        """End the waiting of the listener, with or without news."""
        self._woken.set()

    def take(self) -> set[str]:
        """Return the students that may have changed."""
        news, self._news = self._news, set()
        return news

    async def wait(self, seconds: float) -> None:
        """Return when there may be news, or after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        self._woken.clear()


class Watcher:
    """Looks at the versions of everybody who is watched, for all listeners of a process together."""

    def __init__(self, evidence: EvidenceOfMany) -> None:
        self._evidence = evidence
        self._watches: dict[str, set[Watch]] = {}
        self._listeners = 0
        self._wanted = asyncio.Event()

    @contextmanager
    def watching(self) -> Iterator[Watch]:
        """Give a listener a watch for as long as it listens."""
        watch = Watch(self._watches)
        self._listeners += 1
        self._wanted.set()
        try:
            yield watch
        finally:
            watch.follow([])
            self._listeners -= 1

    @property
    def watched(self) -> int:
        """Tell how many students are watched by anybody."""
        return len(self._watches)

    async def keep_watching(self) -> None:
        """Look four times a second; less often where there are so many students that this would be too much."""
        while True:
            await self._wanted.wait()
            try:
                await self.look()
            except StoreUnavailable:
                pass  # what has changed is seen when it is back
            except Exception:  # noqa: BLE001  # whatever it is, all streams depend on the next look
                _log.exception("STREAMS a look at what has changed failed")
            await asyncio.sleep(max(0.0, EVERY_S - self.watched / VERSIONS_A_SECOND))
            if not self._listeners:
                self._wanted.clear()

    async def look(self) -> None:
        """Look at everybody who is watched, once, at an even pace."""
        students = list(self._watches)
        for start in range(0, len(students), AT_ONCE):
            some = students[start : start + AT_ONCE]
            for student_id, version in zip(some, await self._evidence.versions_of(some), strict=True):
                for watch in self._watches.get(student_id, ()):
                    watch.compare(student_id, version)
            await asyncio.sleep(len(some) / VERSIONS_A_SECOND)
