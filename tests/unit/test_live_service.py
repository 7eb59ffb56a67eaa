import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack

import pytest

from src.domain.cohorts import MAX_STUDENTS
from src.errors import Forbidden, KeysUnavailable, NotFound, StoreUnavailable, TooBusy, TooManyStreams, Unauthorized
from src.live_answers import Update
from src.live_feeds import Feed
from src.live_service import CHECK_S, MAX_STREAMS_OF_ONE, MAX_WATCHED, LiveService
from src.observability import Metrics
from src.watching import Watch
from tests.live import COHORT, Classroom
from tests.skipping import SkippingLoop

MOST = 20


@pytest.fixture
def room() -> Classroom:
    return Classroom()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def service(room: Classroom, metrics: Metrics) -> LiveService:
    return LiveService(
        room.watcher,
        rows=room.rows,
        cohorts=room.cohorts,
        state=room.state,
        model=room.model,
        metrics=metrics,
        most=MOST,
    )


@pytest.fixture
def watch(service: LiveService) -> Iterator[Watch]:
    with service.admitted("ada") as watch:
        yield watch


async def passes() -> None:
    return


def refusing(error: Exception, *, after: int) -> Callable[[], Awaitable[None]]:
    """Return a check that lets pass some times, and then no more."""
    left = after

    async def check() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise error

    return check


def skipping(work: Awaitable[None]) -> None:
    """Run something to which waiting takes no time."""

    async def run() -> None:
        await work

    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        runner.run(run())


def test_one_user_has_so_many_streams_and_no_more(service: LiveService) -> None:
    streams = [service.admitted("ada") for _ in range(MAX_STREAMS_OF_ONE + 1)]
    for stream in streams[:-1]:
        stream.__enter__()
    with pytest.raises(TooManyStreams, match="At most 8 streams"):
        streams[-1].__enter__()
    with service.admitted("bob"):
        pass
    for stream in streams[:-1]:
        stream.__exit__(None, None, None)
    with service.admitted("ada"):
        pass


def test_there_are_so_many_streams_and_no_more(service: LiveService, metrics: Metrics) -> None:
    streams = [service.admitted(f"user-{number}") for number in range(MOST)]
    for stream in streams:
        stream.__enter__()
    assert metrics.registry.get_sample_value("mastery_engine_streams") == MOST
    with pytest.raises(TooBusy), service.admitted("one too many"):
        pass
    for stream in streams:
        stream.__exit__(None, None, None)
    assert metrics.registry.get_sample_value("mastery_engine_streams") == 0


async def test_so_many_students_are_watched_and_no_more(room: Classroom, service: LiveService) -> None:
    await room.put(f"student-{number}" for number in range(MAX_STUDENTS))
    with ExitStack() as stack:
        for number in range(MAX_WATCHED // MAX_STUDENTS):
            await service.cohort(COHORT, stack.enter_context(service.admitted(f"user-{number}")), None)
        watch = stack.enter_context(service.admitted("ada"))
        with pytest.raises(TooBusy):
            await service.cohort(COHORT, watch, None)


def test_a_stream_that_failed_is_open_no_longer(service: LiveService, metrics: Metrics) -> None:
    with pytest.raises(KeyError), service.admitted("ada"):
        raise KeyError
    assert metrics.registry.get_sample_value("mastery_engine_streams") == 0


async def test_a_cohort_that_there_is_not_is_told_before_the_stream_begins(service: LiveService, watch: Watch) -> None:
    with pytest.raises(NotFound):
        await service.cohort(COHORT, watch, None)


async def told(
    service: LiveService,
    feed: Feed,
    watch: Watch,
    *,
    seconds: float | None = None,
    check: Callable[[], Awaitable[None]] = passes,
) -> list[Update]:
    return [update async for update in service.follow(feed, watch, check=check, seconds=seconds)]


async def test_a_stream_of_no_seconds_tells_what_is_known_and_ends(
    room: Classroom, service: LiveService, watch: Watch, metrics: Metrics
) -> None:
    await room.happens("h-1", "help.requested")
    updates = await told(service, service.student("student-1", watch, None), watch, seconds=0)
    assert [update.kind for update in updates] == ["struggle", "mastery"]
    sent = {"event": "struggle"}
    assert metrics.registry.get_sample_value("mastery_engine_stream_events_total", sent) == 1


@pytest.mark.parametrize(("error", "reason"), [(Forbidden("no"), "forbidden"), (Unauthorized("over"), "unauthorized")])
def test_a_stream_ends_with_the_right_to_it_though_nothing_changes(
    service: LiveService, watch: Watch, error: Exception, reason: str
) -> None:
    async def listen() -> None:
        feed = service.student("student-1", watch, None)
        [first, end] = await told(service, feed, watch, check=refusing(error, after=2))
        assert (first.kind, end.kind) == ("mastery", "end")
        assert getattr(end.content, "reason", None) == reason
        assert end.id is None

    skipping(listen())


async def test_nothing_is_told_without_the_right_to_it(service: LiveService, watch: Watch) -> None:
    feed = service.student("student-1", watch, None)
    [end] = await told(service, feed, watch, check=refusing(Forbidden("no"), after=0))
    assert end.kind == "end"


def test_whoever_reads_slowly_is_told_nothing_that_came_after_the_right_was_gone(
    room: Classroom, service: LiveService, watch: Watch
) -> None:
    async def listen() -> None:
        await room.put(["student-1", "student-2", "student-3"])
        feed = await service.cohort(COHORT, watch, None)
        updates = service.follow(feed, watch, check=refusing(Forbidden("no"), after=1), seconds=None)
        kinds = []
        async for update in updates:
            kinds.append(update.kind)
            await asyncio.sleep(2 * CHECK_S)
        assert kinds == ["refresh", "end"]

    skipping(listen())


@pytest.mark.parametrize("error", [StoreUnavailable("away"), KeysUnavailable("away")])
def test_a_stream_outlives_what_it_needs(service: LiveService, watch: Watch, error: Exception) -> None:
    async def listen() -> None:
        left = iter([error, error, None])

        async def check() -> None:
            failure = next(left, None)
            if failure is not None:
                raise failure

        feed = service.student("student-1", watch, None)
        updates = await told(service, feed, watch, check=check, seconds=60)
        assert [update.kind for update in updates] == ["mastery"]

    skipping(listen())


async def test_streams_end_at_once_when_the_service_closes(service: LiveService, watch: Watch) -> None:
    feed = service.student("student-1", watch, None)
    updates = service.follow(feed, watch, check=passes, seconds=None)
    assert (await anext(aiter(updates))).kind == "mastery"
    service.close()
    assert [update async for update in updates] == []


def test_a_stream_that_is_over_ends(room: Classroom, service: LiveService, watch: Watch) -> None:
    async def listen() -> None:
        stored = await room.put(["student-1"])
        updates = service.follow(await service.cohort(COHORT, watch, None), watch, check=passes, seconds=None)
        kinds = []
        async for update in updates:
            kinds.append(update.kind)
            if update.id is not None:
                await room.cohorts.delete(COHORT, stored.version)
        assert kinds == ["refresh", "mastery", "gone"]

    skipping(listen())
