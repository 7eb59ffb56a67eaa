"""The order of work holds in a model, whatever goes wrong, and not one of its rules can be left out."""

import pytest

from .model.rules import Rule
from .play import Choice, play_model
from .schedule import Fault

SCHEDULES = 4000
SHARDS = 3
MOVING = frozenset({Fault.STALL, Fault.REBALANCE})
CROSSING = MOVING | {Fault.MOVED_KEYS}
FORGETTING = frozenset({Fault.STALL, Fault.ROLLBACK})
ERASING = MOVING | {Fault.ERASURE}

NEEDED = [
    (Rule.EXPECT_WHAT_WAS_SEEN, MOVING, 0, "the end is reached"),
    (Rule.REPEAT_DUPLICATES, MOVING, 4, "every event is a cause"),
    (Rule.NEVER_BACKWARDS, MOVING, 1, "a replay publishes nothing"),
    (Rule.FENCE, FORGETTING, 4, "nothing is lost"),
    (Rule.MISSING_IS_BEGINNING, FORGETTING, 0, "the published offset reaches the end"),
    (Rule.FINISH_IF_UNCHANGED, CROSSING, 0, "the snapshot is of the final state"),
    (Rule.DERIVE_AGAIN, CROSSING, 0, "the last update is of the final state"),
    (Rule.CARRY_UNFINISHED, FORGETTING, 985, "the last update is of the final state"),
    (Rule.COMPARE_WITH_JUST_TOLD, CROSSING, 17, "the last notice is of the final state"),
    (Rule.READ_THE_MARKER, ERASING, 0, "what was erased stays erased"),
    (Rule.ERASE_ONCE, ERASING | {Fault.CONSENT, Fault.DEATH}, 0, "nothing is lost"),
    (Rule.BURY_ONCE, MOVING, 0, "a replay buries nothing"),
]
"""Without which rule, among which faults, from which seed on what stops to hold."""


async def test_no_schedule_breaks_anything() -> None:
    for seed in range(SCHEDULES):
        played = await play_model(seed)
        assert not played.broken, f"{played}"


async def test_no_schedule_over_shards_that_forget_for_themselves_breaks_anything() -> None:
    for seed in range(SCHEDULES):
        played = await play_model(seed, shards=SHARDS)
        assert not played.broken, f"{played}"


async def test_one_shard_cannot_tell_for_all() -> None:
    for candidate in range(2000):
        played = await play_model(candidate, Choice(FORGETTING), without=[Rule.EVERY_SHARD], shards=SHARDS)
        if "nothing is lost" in played.broken:
            break
    else:
        pytest.fail(f"without it nothing fails: {Rule.EVERY_SHARD}")
    assert not (await play_model(candidate, Choice(FORGETTING), shards=SHARDS)).broken


@pytest.mark.parametrize(("rule", "faults", "seed", "broken"), NEEDED, ids=[rule.name.lower() for rule, *_ in NEEDED])
async def test_no_rule_can_be_left_out(rule: Rule, faults: frozenset[Fault], seed: int, broken: str) -> None:
    # The first seed shows it; the others are for a Python whose chance is another.
    for candidate in range(seed, seed + 2000):
        if broken in (await play_model(candidate, Choice(faults), without=[rule])).broken:
            break
    else:
        pytest.fail(f"without it nothing fails: {rule}")
    assert not (await play_model(candidate, Choice(faults))).broken


def test_every_rule_is_tried() -> None:
    assert {rule for rule, *_ in NEEDED} == set(Rule) - {Rule.EVERY_SHARD}
