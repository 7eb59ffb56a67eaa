"""The real service of a stream among all faults, over a store in memory."""

from functools import partial

import pytest

from src.stream_service import StreamService

from .play import Choice, play_service
from .schedule import Fault
from .service.memory import MemoryBackend, MemoryStream
from .service.mutants import (
    ErasesOnlyOnce,
    FinishesAnyway,
    ForgetsMarkers,
    ForgetsUnfinished,
    ForgetsWhatItTold,
    MovesAnyway,
    MovesBack,
    OneTellsForAll,
    Unfenced,
)

SCHEDULES = 300
SMALL_SCHEDULES = 300
MOVING = frozenset({Fault.STALL, Fault.REBALANCE})
CROSSING = MOVING | {Fault.MOVED_KEYS}
FORGETTING = frozenset({Fault.STALL, Fault.ROLLBACK})
SHARDS = 3


async def test_no_schedule_breaks_anything() -> None:
    for seed in range(SCHEDULES):
        played = await play_service(seed)
        assert not played.broken, f"{played}"


async def test_no_small_schedule_breaks_anything() -> None:
    for seed in range(SMALL_SCHEDULES):
        played = await play_service(seed, Choice(small=True))
        assert not played.broken, f"{played}"


async def test_no_schedule_over_shards_that_forget_for_themselves_breaks_anything() -> None:
    for seed in range(SCHEDULES):
        played = await play_service(seed, backend=partial(MemoryBackend, shards=SHARDS))
        assert not played.broken, f"{played}"


async def test_one_shard_that_tells_for_all_is_noticed() -> None:
    mutant = partial(MemoryBackend, stream_type=OneTellsForAll, shards=SHARDS)
    for candidate in range(500):
        if "nothing is lost" in (await play_service(candidate, Choice(FORGETTING), backend=mutant)).broken:
            return
    pytest.fail("nobody notices")


@pytest.mark.parametrize(
    ("stream_type", "faults", "seed", "broken"),
    [
        (Unfenced, FORGETTING, 5, "nothing is lost"),
        (ForgetsMarkers, MOVING | {Fault.ERASURE}, 0, "what was erased stays erased"),
        (MovesAnyway, MOVING, 74, "the applied offset reaches the end"),
        (MovesBack, MOVING, 0, "a replay publishes nothing"),
        (FinishesAnyway, CROSSING, 151, "the snapshot is of the final state"),
    ],
)
async def test_a_state_without_a_guard_is_noticed(
    stream_type: type[MemoryStream], faults: frozenset[Fault], seed: int, broken: str
) -> None:
    mutant = partial(MemoryBackend, stream_type=stream_type)
    # The first seed shows it; the others are for a Python whose chance is another.
    for candidate in range(seed, seed + 500):
        if broken in (await play_service(candidate, Choice(faults), backend=mutant)).broken:
            return
    pytest.fail("nobody notices")


@pytest.mark.parametrize(
    ("service_type", "faults", "seed", "broken"),
    [
        (ErasesOnlyOnce, FORGETTING | {Fault.ERASURE}, 0, "what was erased stays erased"),
        (ForgetsUnfinished, FORGETTING, 208, "the last update is of the final state"),
        (ForgetsWhatItTold, CROSSING, 667, "the last notice is of the final state"),
    ],
)
async def test_a_service_without_a_guard_is_noticed(
    service_type: type[StreamService], faults: frozenset[Fault], seed: int, broken: str
) -> None:
    for candidate in range(seed, seed + 2000):
        if broken in (await play_service(candidate, Choice(faults), service_type=service_type)).broken:
            return
    pytest.fail("nobody notices")


class Defective(StreamService):
    """Has a defect."""

    async def is_same(self) -> bool:
        raise KeyError


async def test_a_defect_is_shown_with_all_that_led_to_it() -> None:
    with pytest.raises(KeyError) as raised:
        await play_service(0, service_type=Defective)
    assert "consumer 0 has begun" in raised.value.__notes__[0]
