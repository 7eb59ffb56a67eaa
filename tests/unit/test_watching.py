import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import pytest

from src.errors import StoreUnavailable
from src.ports import Retention
from src.watching import AT_ONCE, UNTOLD, VERSIONS_A_SECOND, Watch, Watcher
from tests.fakes import MemoryStore
from tests.making import NOW_US, event
from tests.skipping import SkippingLoop

WITHIN_S = 30
A_WHILE_S = 600
SOME_TURNS_S = 30


class CountingStore(MemoryStore):
    """A store that tells how it was asked for versions, and is away on demand."""

    def __init__(self) -> None:
        super().__init__(Retention())
        self.asked: list[int] = []
        self.away: type[Exception] | None = None

    async def versions_of(self, students: Sequence[str]) -> list[int | None]:
        self.asked.append(len(students))
        if self.away is not None:
            detail = "away"
            raise self.away(detail)
        return await super().versions_of(students)


@pytest.fixture
def store() -> CountingStore:
    return CountingStore()


@pytest.fixture
def watcher(store: CountingStore) -> Watcher:
    return Watcher(store)


@asynccontextmanager
async def watching_on(watcher: Watcher) -> AsyncIterator[None]:
    task = asyncio.create_task(watcher.keep_watching())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def told(watch: Watch, *students: str) -> None:
    watch.follow(students)
    watch.take()
    watch.told.update(dict.fromkeys(students))


async def test_who_is_followed_anew_is_news(watcher: Watcher) -> None:
    with watcher.watching() as watch:
        watch.follow(["ada", "bob"])
        assert watch.take() == {"ada", "bob"}
        watch.follow(["bob", "cy"])
        assert watch.take() == {"cy"}
        assert watch.told == {"bob": UNTOLD, "cy": UNTOLD}


async def test_a_change_is_news_to_those_who_watch_the_student_and_to_nobody_else(
    watcher: Watcher, store: CountingStore
) -> None:
    with watcher.watching() as one, watcher.watching() as other:
        told(one, "student-1")
        told(other, "student-2")
        await store.apply([event()], NOW_US)
        await watcher.look()
        assert (one.take(), other.take()) == ({"student-1"}, set())


async def test_what_was_told_is_no_news(watcher: Watcher, store: CountingStore) -> None:
    await store.apply([event()], NOW_US)
    with watcher.watching() as watch:
        told(watch, "student-1")
        watch.told["student-1"] = await store.version("student-1")
        await watcher.look()
        assert watch.take() == set()


async def test_news_that_were_taken_and_not_told_come_again(watcher: Watcher, store: CountingStore) -> None:
    with watcher.watching() as watch:
        told(watch, "student-1")
        await store.apply([event()], NOW_US)
        for _ in range(2):
            await watcher.look()
            assert watch.take() == {"student-1"}


async def test_whoever_reads_slowly_is_kept_no_more_for_than_there_are_students(
    watcher: Watcher, store: CountingStore
) -> None:
    with watcher.watching() as watch:
        told(watch, "student-1")
        for number in range(50):
            await store.apply([event(f"e-{number}")], NOW_US)
            await watcher.look()
        assert watch.take() == {"student-1"}


async def test_a_student_of_several_listeners_is_looked_at_once(watcher: Watcher, store: CountingStore) -> None:
    with watcher.watching() as one, watcher.watching() as other:
        told(one, "ada", "bob")
        told(other, "bob")
        await watcher.look()
    assert store.asked == [2]
    assert watcher.watched == 0


async def test_many_students_are_looked_at_in_portions(watcher: Watcher, store: CountingStore) -> None:
    with watcher.watching() as watch:
        told(watch, *(f"student-{number}" for number in range(2 * AT_ONCE + 1)))
        await watcher.look()
    assert store.asked == [AT_ONCE, AT_ONCE, 1]


async def test_a_change_wakes_who_waits(watcher: Watcher, store: CountingStore) -> None:
    async with watching_on(watcher):
        with watcher.watching() as watch:
            told(watch, "student-1")
            await store.apply([event()], NOW_US)
            await watch.wait(WITHIN_S)
            assert watch.take() == {"student-1"}


async def listen_a_while(watcher: Watcher, store: CountingStore) -> None:
    async with watching_on(watcher):
        await asyncio.sleep(A_WHILE_S)
        assert store.asked == []
        with watcher.watching() as watch:
            told(watch, "student-1")
            await asyncio.sleep(A_WHILE_S)
            asked = len(store.asked)
            assert asked > A_WHILE_S
        await asyncio.sleep(A_WHILE_S)
        assert len(store.asked) == asked


def test_nothing_is_looked_at_while_nobody_listens(watcher: Watcher, store: CountingStore) -> None:
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        runner.run(listen_a_while(watcher, store))


async def listen_to_many(watcher: Watcher, store: CountingStore) -> None:
    async with watching_on(watcher):
        with watcher.watching() as watch:
            told(watch, *(f"student-{number}" for number in range(30_000)))
            await asyncio.sleep(SOME_TURNS_S)
    assert SOME_TURNS_S * VERSIONS_A_SECOND * 0.9 < sum(store.asked) < SOME_TURNS_S * VERSIONS_A_SECOND * 1.1


def test_however_many_are_watched_so_many_versions_a_second_are_looked_at(
    watcher: Watcher, store: CountingStore
) -> None:
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        runner.run(listen_to_many(watcher, store))


async def listen_over_an_outage(watcher: Watcher, store: CountingStore, error: type[Exception]) -> None:
    store.away = error
    async with watching_on(watcher):
        with watcher.watching() as watch:
            told(watch, "student-1")
            await store.apply([event()], NOW_US)
            await asyncio.sleep(A_WHILE_S)
            assert watch.take() == set()
            store.away = None
            await watch.wait(A_WHILE_S)
            assert watch.take() == {"student-1"}


@pytest.mark.parametrize("error", [StoreUnavailable, RuntimeError])
def test_a_store_that_comes_back_is_looked_at_again(
    watcher: Watcher, store: CountingStore, error: type[Exception]
) -> None:
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        runner.run(listen_over_an_outage(watcher, store, error))


async def listen_to_nobody_at_first(watcher: Watcher, store: CountingStore) -> None:
    async with watching_on(watcher):
        with watcher.watching() as watch:
            await asyncio.sleep(A_WHILE_S)
            told(watch, "student-1")
            await store.apply([event()], NOW_US)
            await watch.wait(A_WHILE_S)
            assert watch.take() == {"student-1"}


def test_who_is_followed_late_is_looked_at_too(watcher: Watcher, store: CountingStore) -> None:
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        runner.run(listen_to_nobody_at_first(watcher, store))


async def test_waiting_ends_by_itself(watcher: Watcher) -> None:
    with watcher.watching() as watch:
        await watch.wait(0)
        assert watch.take() == set()
