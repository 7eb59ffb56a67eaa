from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from src.domain.aggregates import Aggregates
from src.domain.days import DAY_US
from src.domain.struggles import Struggle
from src.errors import StoreUnavailable
from src.live_answers import Gone, Refresh, Removed, Standing, Update
from src.live_feeds import MAX_ROWS
from src.ports import Retention
from src.watching import Watch, Watcher
from tests.fakes import MemoryStore
from tests.live import COHORT, Classroom, last_id
from tests.making import NOW_US, TODAY, event

MANY = [f"student-{number:04}" for number in range(MAX_ROWS + 1)]


@pytest.fixture
def room() -> Classroom:
    return Classroom()


@pytest.fixture
def watch(room: Classroom) -> Iterator[Watch]:
    with room.watcher.watching() as watch:
        yield watch


def mastery_of(updates: list[Update]) -> Standing:
    content = updates[-1].content
    assert isinstance(content, Standing)
    return content


def struggles_of(updates: list[Update]) -> list[tuple[str, bool]]:
    return [(one.content.id, one.content.open) for one in updates if isinstance(one.content, Struggle)]


def rows_of(updates: list[Update]) -> dict[str, float | None]:
    return {one.content.student_id: one.content.score for one in updates if isinstance(one.content, Standing)}


def kinds_of(updates: list[Update]) -> list[str]:
    return [str(update.kind) for update in updates]


# -- a student


async def test_a_student_of_whom_nothing_is_known_has_no_evidence(room: Classroom, watch: Watch) -> None:
    [update] = await room.student(watch).news()
    told = mastery_of([update])
    assert (told.student_id, told.score, told.status, told.open_struggles) == ("student-1", None, "no_evidence", ())


async def test_what_has_not_changed_is_told_once(room: Classroom, watch: Watch) -> None:
    feed = room.student(watch)
    await room.happens("e-1")
    assert len(await feed.news()) == 1
    await room.watcher.look()
    assert watch.take() == set()
    assert await feed.news() == []


async def test_many_changes_are_told_as_what_came_of_them(room: Classroom, watch: Watch) -> None:
    feed = room.student(watch)
    await feed.news()
    for number in range(20):
        await room.happens(f"e-{number}", topic=f"t-{number % 3}")
    assert kinds_of(await feed.news()) == ["mastery"]


async def test_a_struggle_is_told_when_it_opens_and_when_it_is_resolved_before_the_standing(
    room: Classroom, watch: Watch
) -> None:
    feed = room.student(watch)
    await feed.news()
    await room.happens("h-1", "help.requested", timestamp="2026-01-15T10:00:00Z")
    opened = await feed.news()
    assert (kinds_of(opened), struggles_of(opened)) == (["struggle", "mastery"], [("stuck.h-1", True)])
    assert mastery_of(opened).open_struggles == ("stuck.h-1",)
    await room.happens("x-1", "exercise.completed", timestamp="2026-01-15T10:30:00Z")
    resolved = await feed.news()
    assert struggles_of(resolved) == [("stuck.h-1", False)]
    assert mastery_of(resolved).open_struggles == ()


async def test_a_struggle_that_time_has_taken_is_told_as_resolved(room: Classroom, watch: Watch) -> None:
    feed = room.student(watch)
    await room.happens("h-1", "help.requested", timestamp="2026-01-15T10:00:00Z")
    await feed.news()
    room.now_us += 90 * DAY_US
    assert struggles_of(await feed.news()) == [("stuck.h-1", False)]


async def test_who_knows_the_present_state_is_told_nothing_until_it_changes(room: Classroom, watch: Watch) -> None:
    await room.happens("e-1", topic="loops")
    known = last_id(await room.student(watch).news())
    with room.watcher.watching() as again:
        feed = room.student(again, known)
        assert await feed.news() == []
        await room.watcher.look()
        assert again.take() == set()
        await room.happens("e-2", topic="lists")
        assert kinds_of(await feed.news()) == ["mastery"]


@pytest.mark.parametrize("known", ["", "nonsense", "0-0-0", "\x00"])
async def test_who_knows_something_else_is_told_all_that_is_open(room: Classroom, watch: Watch, known: str) -> None:
    await room.happens("h-1", "help.requested")
    assert kinds_of(await room.student(watch, known).news()) == ["struggle", "mastery"]


async def test_a_new_day_is_a_change(room: Classroom, watch: Watch) -> None:
    feed = room.student(watch)
    await room.happens("e-1")
    before = last_id(await feed.news())
    room.now_us += DAY_US
    assert last_id(await feed.news()) == before.replace(str(TODAY), str(TODAY + 1))


async def test_a_student_who_is_erased_is_gone(room: Classroom, watch: Watch) -> None:
    feed = room.student(watch)
    await room.happens("e-1")
    await feed.news()
    del room.store.states["student-1"], room.store.versions["student-1"]
    await room.watcher.look()
    assert [update.content for update in await feed.news()] == [Gone()]
    assert feed.over


# -- a cohort


async def test_a_cohort_begins_with_everybody(room: Classroom, watch: Watch) -> None:
    await room.put(["student-2", "student-1"])
    await room.happens("e-1")
    updates = await (await room.cohort(watch)).news()
    assert updates[0].content == Refresh(2, rows=True)
    assert rows_of(updates) == {"student-1": 0.625, "student-2": None}
    assert last_id(updates)


async def test_of_a_cohort_only_who_changed_is_told(room: Classroom, watch: Watch) -> None:
    await room.put(["student-1", "student-2"])
    feed = await room.cohort(watch)
    await feed.news()
    await room.happens("e-1")
    assert rows_of(await feed.news()) == {"student-1": 0.625}
    assert await feed.news() == []


async def test_a_row_is_what_the_student_is_told(room: Classroom, watch: Watch) -> None:
    await room.put(["student-1"])
    await room.happens("h-1", "help.requested")
    [_, struggle, row] = await (await room.cohort(watch)).news()
    with room.watcher.watching() as own:
        told = [update.content for update in await room.student(own).news()]
    assert told == [struggle.content, row.content]


async def test_a_reconnect_is_told_exactly_who_changed_since(room: Classroom, watch: Watch) -> None:
    await room.put(["student-1", "student-2", "student-3"])
    known = last_id(await (await room.cohort(watch)).news())
    await room.happens("e-1", student_id="student-3")
    with room.watcher.watching() as again:
        feed = await room.cohort(again, known)
        updates = await feed.news()
        assert rows_of(updates).keys() == {"student-3"}
        assert kinds_of(updates) == ["mastery"]
        await room.happens("e-2", student_id="student-1")
        assert rows_of(await feed.news()).keys() == {"student-1"}


async def test_a_reconnect_without_changes_is_told_nothing(room: Classroom, watch: Watch) -> None:
    await room.put(["student-1", "student-2"])
    await room.happens("e-1")
    known = last_id(await (await room.cohort(watch)).news())
    with room.watcher.watching() as again:
        assert await (await room.cohort(again, known)).news() == []


async def test_who_is_cut_off_in_the_middle_is_told_the_rest_by_the_next_stream(room: Classroom, watch: Watch) -> None:
    await room.put(["student-1", "student-2", "student-3"])
    feed = await room.cohort(watch)
    known = last_id(await feed.news())
    for number in (1, 2, 3):
        await room.happens(f"e-{number}", student_id=f"student-{number}")
    first, *_ = await feed.news()
    assert first.id is None  # and with it the listener is cut off
    with room.watcher.watching() as again:
        assert len(rows_of(await (await room.cohort(again, known)).news())) == 3


@pytest.mark.parametrize("change", ["", "nonsense", "cut off", "other members", "another day"])
async def test_an_id_that_says_nothing_of_these_students_today_begins_anew(
    room: Classroom, watch: Watch, change: str
) -> None:
    await room.put(["student-1", "student-2"])
    known = last_id(await (await room.cohort(watch)).news())
    if change == "other members":
        await room.put(["student-1", "student-3"])
    elif change == "another day":
        room.now_us += DAY_US
    else:
        known = known[:-8] if change == "cut off" else change
    with room.watcher.watching() as again:
        assert kinds_of(await (await room.cohort(again, known)).news()) == ["refresh", "mastery", "mastery"]


async def test_who_comes_and_goes_is_told(room: Classroom, watch: Watch) -> None:
    await room.put(["student-1", "student-2"])
    feed = await room.cohort(watch)
    await feed.news()
    await room.put(["student-2", "student-3"])
    updates = await feed.news()
    assert updates[0].content == Removed("student-1")
    assert rows_of(updates).keys() == {"student-3"}
    await room.happens("e-1", student_id="student-1")
    assert await feed.news() == []
    with room.watcher.watching() as again:
        assert await (await room.cohort(again, last_id(updates))).news() == []


async def test_a_cohort_that_is_removed_is_gone(room: Classroom, watch: Watch) -> None:
    stored = await room.put(["student-1"])
    feed = await room.cohort(watch)
    await feed.news()
    await room.cohorts.delete(COHORT, stored.version)
    assert [(update.content, update.id) for update in await feed.news()] == [(Gone(), None)]
    assert feed.over


async def test_a_new_day_begins_a_cohort_anew(room: Classroom, watch: Watch) -> None:
    await room.put(["student-1"])
    feed = await room.cohort(watch)
    await feed.news()
    room.now_us += DAY_US
    assert kinds_of(await feed.news()) == ["refresh", "mastery"]


async def test_a_large_cohort_is_to_be_read_elsewhere_and_then_told_of_by_its_changes(
    room: Classroom, watch: Watch
) -> None:
    await room.put(MANY)
    feed = await room.cohort(watch)
    assert [update.content for update in await feed.news()] == [Refresh(len(MANY), rows=False)]
    await room.happens("e-1", student_id=MANY[7])
    assert rows_of(await feed.news()).keys() == {MANY[7]}


async def test_the_id_of_a_large_cohort_is_short_and_tells_whether_anything_has_changed(
    room: Classroom, watch: Watch
) -> None:
    await room.put(MANY)
    known = last_id(await (await room.cohort(watch)).news())
    assert len(known) < 100
    with room.watcher.watching() as again:
        assert await (await room.cohort(again, known)).news() == []
    await room.happens("e-1", student_id=MANY[7])
    with room.watcher.watching() as again:
        assert kinds_of(await (await room.cohort(again, known)).news()) == ["refresh"]


async def test_when_very_many_change_at_once_they_are_to_be_read_anew(room: Classroom, watch: Watch) -> None:
    await room.put(MANY)
    feed = await room.cohort(watch)
    await feed.news()
    await room.store.apply([event(f"e-{one}", student_id=one) for one in MANY], NOW_US)
    await room.watcher.look()
    assert kinds_of(await feed.news()) == ["refresh"]
    assert await feed.news() == []


class Busy(MemoryStore):
    """A store in which the watcher looks at versions while a state is being read."""

    watcher: Watcher | None = None

    async def aggregates_of(self, students: Sequence[str]) -> list[Aggregates | None]:
        if self.watcher is not None:
            await self.watcher.look()
        return await super().aggregates_of(students)


async def test_a_change_that_is_seen_again_while_it_is_being_told_is_told_once() -> None:
    store = Busy(Retention())
    room = Classroom(store)
    store.watcher = room.watcher
    await room.put(["student-1", "student-2"])
    with room.watcher.watching() as watch:
        feed = await room.cohort(watch)
        assert len(rows_of(await feed.news())) == 2
        assert await feed.news() == []


class Faltering:
    """Makes a method fail once, as a store does that is away for a moment."""

    def __init__(self, method: Any) -> None:
        self._method = method
        self._failed = False

    async def __call__(self, *arguments: Any) -> Any:
        if not self._failed:
            self._failed = True
            detail = "away"
            raise StoreUnavailable(detail)
        return await self._method(*arguments)


@pytest.mark.parametrize("method", ["versions_of", "aggregates_of", "others_of"])
async def test_what_could_not_be_told_is_told_later(room: Classroom, watch: Watch, method: str) -> None:
    await room.put(["student-0", "student-1", "student-2"])
    feed = await room.cohort(watch)
    await feed.news()
    await room.happens("h-1", "help.requested")
    await room.happens("e-2", student_id="student-2")
    await room.put(["student-1", "student-2"])
    setattr(room.store, method, Faltering(getattr(room.store, method)))
    with pytest.raises(StoreUnavailable):
        await feed.news()
    await room.watcher.look()
    updates = await feed.news()
    assert kinds_of(updates) == ["removed", "struggle", "mastery", "mastery"]
    assert rows_of(updates).keys() == {"student-1", "student-2"}


@pytest.mark.parametrize("method", ["version", "get"])
async def test_members_that_could_not_be_read_are_told_later(room: Classroom, watch: Watch, method: str) -> None:
    await room.put(["student-0", "student-1"])
    feed = await room.cohort(watch)
    await feed.news()
    await room.put(["student-1"])
    setattr(room.cohorts, method, Faltering(getattr(room.cohorts, method)))
    with pytest.raises(StoreUnavailable):
        await feed.news()
    assert kinds_of(await feed.news()) == ["removed"]
