"""What the tests of streams share: everything that a feed needs, in memory."""

from collections.abc import Iterable
from typing import Any

from src.cohort_rows import CohortRows, Question
from src.domain.cohorts import Cohort
from src.domain.model import MasteryModel
from src.live_answers import Update
from src.live_feeds import CohortMembers, Feed, Members, OneStudent
from src.ports import Retention, StoredCohort
from src.state_manager import StateManager, Ttl
from src.watching import Watch, Watcher

from .cohorts import MemoryCohorts
from .fakes import MemoryStore
from .making import NOW_US, event

COHORT = "loops"


class Classroom:
    """A store with students and a cohort, and feeds over it; ``now_us`` can be moved."""

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.now_us = NOW_US
        self.store = store or MemoryStore(Retention())
        self.cohorts = MemoryCohorts()
        self.rows = CohortRows(self.store)
        self.watcher = Watcher(self.store)
        self.state = StateManager(self.store, maintenance=self.store, ttl=Ttl(), clock=lambda: self.now_us)
        self.model = MasteryModel()

    async def happens(self, event_id: str, event_type: str = "quiz.completed", **fields: Any) -> None:
        """Have the store know of an event, and the watcher look."""
        await self.store.apply([event(event_id, event_type, **fields)], self.now_us)
        await self.watcher.look()

    async def put(self, students: Iterable[str]) -> StoredCohort:
        """Make the cohort consist of these students."""
        version = await self.cohorts.version(COHORT)
        await self.cohorts.put(Cohort.of(COHORT, "Loops", students=students), version)
        stored = await self.cohorts.get(COHORT)
        assert stored is not None
        return stored

    def student(self, watch: Watch, last_id: str | None = None) -> Feed:
        return self._feed(OneStudent("student-1"), watch, last_id)

    async def cohort(self, watch: Watch, last_id: str | None = None) -> Feed:
        stored = await self.cohorts.get(COHORT)
        assert stored is not None
        return self._feed(CohortMembers(stored, cohorts=self.cohorts), watch, last_id)

    def _feed(self, members: Members, watch: Watch, last_id: str | None) -> Feed:
        return Feed(members, rows=self.rows, question=self._question, watch=watch, last_id=last_id)

    def _question(self) -> Question:
        return Question(self.state.window(None), self.model)


def last_id(updates: list[Update]) -> str:
    """Return the id after the last of some updates; those before it have none."""
    *others, last = [update.id for update in updates]
    assert last is not None
    assert set(others) <= {None}
    return last
