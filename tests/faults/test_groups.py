"""Members of the group that come, go, halt and come back."""

import json
import os
import random
import signal

import pytest

from tests.services.process import ProcessId, wait_until

from .balancer import Balancer, Visitors, balancer
from .chaos import Load
from .generator import Generator, record
from .node import Node
from .world import World, deadline, pause


@pytest.mark.long
def test_a_rolling_restart_and_scaling_fail_no_request_and_lose_nothing(world: World) -> None:
    generator = Generator("http", students=20)
    with balancer() as front:
        nodes = [_join(world, front), _join(world, front)]
        world.eventually(lambda: len(front.ready) == 2)
        load = Load(world.kafka.bootstrap, Generator("rolling", students=50), 30_000, per_s=1000)
        visitors = Visitors(front.port, (generator.event() for _ in iter(int, 1)), per_s=200)
        with load, visitors:
            for _ in range(2):
                nodes.append(_join(world, front))
                _leave(nodes.pop(0))
            nodes.append(_join(world, front))  # one more for a while
            _leave(nodes.pop())
            load.stop()
    assert visitors.failed == []
    assert visitors.sent > 0
    world.drain()
    expected = world.verify()
    assert sum(len(expected.counted[f"http-{number}"]) for number in range(20)) == visitors.sent


def _join(world: World, front: Balancer) -> Node:
    """Start an instance, and return once it is balanced to."""
    node = world.start("all", working=False, SHUTDOWN_DELAY_S="2")
    front.add(node.url)
    world.eventually(lambda: node.url in front.ready)
    return node


def _leave(node: Node) -> None:
    """Tell an instance to stop; the balancer finds out by itself."""
    assert node.stop() == 0, node.log[-3000:]


@pytest.mark.long
def test_a_consumer_that_slept_while_another_took_over_changes_nothing(world: World) -> None:
    world.create_topics()
    sleeper = world.start()
    world.send(Generator("sleep-1", students=60).records(4000))
    world.wait_applied(0)
    sleeper.freeze()
    other = world.start(working=False)
    world.eventually(lambda: other.holds_partitions)
    world.send(Generator("sleep-2", students=60).records(500))
    world.drain()
    sleeper.thaw()
    world.send(Generator("sleep-3", students=60).records(500))
    world.drain()
    world.verify()
    assert sleeper.running
    other.kill()
    world.send(Generator("sleep-4", students=10).records(100))
    world.drain()
    world.verify()


@pytest.mark.long
def test_members_that_come_and_go_all_the_time_lose_and_repeat_nothing(world: World) -> None:
    world.create_topics()
    world.start()
    dice = random.Random(7)
    with Load(world.kafka.bootstrap, Generator("storm", students=60), 4000, per_s=400):
        going_on = deadline(10)
        guests: list[Node] = []
        while going_on():
            if len(guests) < 2:
                guests.append(world.start(working=False))
            pause(dice.uniform(1, 2))
            if len(guests) == 2 or dice.random() < 0.3:
                guest = guests.pop(0)
                assert guest.url  # it has started: before that a signal just ends it
                assert guest.stop() == 0, guest.log[-3000:]
    world.drain()
    world.verify()
    assert world.nodes[0].running


def test_a_consumer_whose_place_in_the_group_was_taken_for_good_ends_with_an_error(world: World) -> None:
    world.create_topics()
    first = world.start_static("the same")
    second = world.start_static("the same", working=False)
    assert wait_until(lambda: not first.running, 60), world.trouble("it goes on")
    assert first.process.returncode not in {0, None}
    world.eventually(lambda: second.holds_partitions)
    world.send(record(Generator("fatal").event()) for _ in range(3))
    world.drain()
    world.verify()


def test_a_consumer_process_is_started_again_and_ends_with_its_parent(world: World) -> None:
    node = world.start("all")
    child = _child(node)
    os.kill(child.pid, signal.SIGKILL)
    world.eventually(lambda: _child(node) != child)
    world.send(Generator("child", students=5).records(100))
    world.drain()
    child = _child(node)
    node.kill()
    world.eventually(lambda: not child.running)
    world.verify()


def _child(node: Node) -> ProcessId:
    """Return the consumer's process that a process of the service started last."""
    started = [json.loads(line)["pid"] for line in node.log.splitlines() if "consumer process started" in line]
    try:
        return ProcessId.of(started[-1])
    except ProcessLookupError:
        return ProcessId(started[-1], "")
