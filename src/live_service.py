"""Streams for screens: how many there may be, for how long each goes on, and who may still listen."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager

from .cohort_rows import CohortRows, Question
from .cohort_service import no_such_cohort
from .domain.model import MasteryModel
from .errors import Forbidden, Refused, TooBusy, TooManyStreams, Unauthorized
from .live_answers import End, Update, UpdateKind
from .live_feeds import CohortMembers, Feed, Members, OneStudent
from .observability import Metrics
from .ports import CohortStore
from .state_manager import StateManager
from .watching import Watch, Watcher

MAX_STREAMS_OF_ONE = 8
MAX_WATCHED = 50_000
"""Students in all streams of a process, counted for each stream: this bounds memory, and the time to see a change."""

CHECK_S = 2.0
"""How often it is looked whether a listener may still listen; before every update it is looked too."""


class LiveService:
    """Opens streams and keeps them going; ``most`` is how many there may be in this process."""

    def __init__(
        self,
        watcher: Watcher,
        *,
        rows: CohortRows,
        cohorts: CohortStore,
        state: StateManager,
        model: MasteryModel,
        metrics: Metrics,
        most: int,
    ) -> None:
        self._watcher = watcher
        self._rows = rows
        self._cohorts = cohorts
        self._state = state
        self._model = model
        self._metrics = metrics
        self._most = most
        self._streams_of: Counter[str] = Counter()
        self._watches: set[Watch] = set()
        self._closing = False

    @contextmanager
    def admitted(self, user_id: str) -> Iterator[Watch]:
        """Let somebody listen; raises ``TooManyStreams`` or ``TooBusy`` where there are too many streams."""
        if self._streams_of[user_id] >= MAX_STREAMS_OF_ONE:
            detail = f"At most {MAX_STREAMS_OF_ONE} streams of one user are open at once; close one."
            raise TooManyStreams(detail)
        if len(self._watches) >= self._most:
            raise _too_many()
        with self._watcher.watching() as watch:
            self._streams_of[user_id] += 1
            self._watches.add(watch)
            self._metrics.streams.set(len(self._watches))
            try:
                yield watch
            finally:
                self._watches.discard(watch)
                self._metrics.streams.set(len(self._watches))
                self._streams_of -= Counter([user_id])

    def student(self, student_id: str, watch: Watch, last_id: str | None) -> Feed:
        """Return what is told of a student to somebody who knows what an id stands for."""
        return self._feed(OneStudent(student_id), watch, last_id)

    async def cohort(self, cohort_id: str, watch: Watch, last_id: str | None) -> Feed:
        """Return what is told of a cohort, likewise; raises ``NotFound``, or ``TooBusy`` for too many students."""
        stored = await self._cohorts.get(cohort_id)
        if stored is None:
            raise no_such_cohort()
        if sum(len(one.told) for one in self._watches) + len(stored.cohort.students) > MAX_WATCHED:
            raise _too_many()
        members = CohortMembers(stored, cohorts=self._cohorts)
        watch.follow(members.students)
        return self._feed(members, watch, last_id)

    def _feed(self, members: Members, watch: Watch, last_id: str | None) -> Feed:
        return Feed(members, rows=self._rows, question=self._question, watch=watch, last_id=last_id)

    def _question(self) -> Question:
        return Question(self._state.window(None), self._model)

    async def follow(
        self, feed: Feed, watch: Watch, *, check: Callable[[], Awaitable[object]], seconds: float | None
    ) -> AsyncIterator[Update]:
        """Yield updates until there will be no more, the time is over, the check refuses, or the service closes.

        What cannot be told while the store is away is told when it is back.
        """
        now = asyncio.get_running_loop().time
        end = float("inf") if seconds is None else now() + seconds
        while not self._closing:
            try:
                await check()
                checked = now()
                for update in await feed.news():
                    if now() - checked > CHECK_S:  # whoever reads slowly may have lost the right meanwhile
                        await check()
                        checked = now()
                    yield self._counted(update)
            except (Unauthorized, Forbidden) as refusal:
                yield self._counted(Update(UpdateKind.END, End(refusal.code)))
                return
            except Refused:  # what is needed for it is away, and it is told when that is back
                pass
            if feed.over or now() >= end:
                return
            await watch.wait(min(CHECK_S, end - now()))

    def _counted(self, update: Update) -> Update:
        self._metrics.stream_events.labels(update.kind).inc()
        return update

    def close(self) -> None:
        """End every stream: the service stops, and others take over."""
        self._closing = True
        for watch in self._watches:
            watch.interrupt()


def _too_many() -> TooBusy:
    detail = "As many streams are open as there may be."
    return TooBusy(detail)
