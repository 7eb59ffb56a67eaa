"""A consumer is killed between any two steps of its work: nothing is lost, nothing is counted twice, all is told."""

import pytest

from .consumer import STEPS
from .generator import Generator, Mix
from .world import World

RICH = Mix(duplicates=100, conflicts=50, expired=30, invalid=100)


@pytest.mark.parametrize("steps", [STEPS[:3], STEPS[3:]], ids=" / ".join)
def test_a_death_between_any_two_steps_loses_and_repeats_nothing(world: World, steps: tuple[str, ...]) -> None:
    world.create_topics()
    dying = [world.start_dying(step) for step in steps]
    # Each has one partition before there is anything to do, so that each comes to its own step.
    world.eventually(lambda: all(node.holds_partitions for node in dying))
    world.send(Generator("steps", students=30).records(600, RICH))
    world.eventually(lambda: not any(node.running for node in dying))
    successor = world.start()
    world.drain()
    expected = world.verify()
    # What the dead had applied was read once more.
    assert successor.metric("mastery_engine_events_total")["duplicate"] > expected.statuses["duplicate"]
