"""Members of the group that come, go, halt and come back."""

import json
import os
import random
import signal
from threading import Event as Pause
from threading import Thread

import pytest

from tests.services.process import ProcessId, wait_until

from .chaos import Load
from .generator import Generator, record
from .http import post_events
from .node import Node
from .world import World, deadline, pause


@pytest.mark.long
def test_a_rolling_restart_fails_no_request_and_loses_nothing(world: World) -> None:
    old = [world.start("all") for _ in range(2)]
    client = _Client([*old], Generator("http", students=20))
    with Load(world.kafka.bootstrap, Generator("rolling", students=50), 4000, per_s=400), client:
        for node in old:
            new = world.start("all")
            world.eventually(lambda new=new: new.ask("/ready")[0] == 200)  # type: ignore[misc]  # bound per node
            client.nodes.append(new)
            client.nodes.remove(node)  # as a load balancer that was told
            assert node.stop() == 0, node.log[-3000:]
    assert client.failed == []
    assert client.sent > 0
    world.drain()
    expected = world.verify()
    assert sum(len(expected.counted[f"http-{number}"]) for number in range(20)) == client.sent


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


class _Client:
    """Sends events over HTTP, one after the other, to one of the nodes that it was told of."""

    def __init__(self, nodes: list[Node], generator: Generator) -> None:
        self.nodes = nodes
        self.sent = 0
        self.failed: list[str] = []
        self._generator = generator
        self._stopping = Pause()
        self._thread = Thread(target=self._send, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *about: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _send(self) -> None:
        while not self._stopping.wait(0.02):
            node = self.nodes[self.sent % len(self.nodes)]
            try:
                (status,) = post_events(node.url, [self._generator.event()])
            except OSError as error:
                self.failed.append(f"{type(error).__name__}: {error}")
            else:
                assert status == "queued"
                self.sent += 1
