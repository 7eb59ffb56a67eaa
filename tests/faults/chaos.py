"""Chance at work: consumers killed again and again, members that come and go, services that die, under load."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event as Pause
from threading import Thread
from typing import TYPE_CHECKING, Self

from . import topics
from .generator import Generator, Mix
from .world import World, deadline, pause

if TYPE_CHECKING:
    from .node import Node


@dataclass
class Load:
    """Events sent from a thread of its own at a steady rate, whatever happens to Kafka meanwhile."""

    bootstrap: str
    generator: Generator
    number: int
    per_s: int
    mix: Mix = field(default_factory=Mix)
    stopping: Pause = field(default_factory=Pause)
    trouble: list[BaseException] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Begin."""
        self.thread = Thread(target=self._send, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *about: object) -> None:
        """Send no more than what is sent, where that was cut short by an error."""
        if about[0] is not None:
            self.stopping.set()
        self.thread.join()
        assert not self.trouble, self.trouble

    def stop(self) -> None:
        """Send no more than what is sent."""
        self.stopping.set()

    @property
    def sending(self) -> bool:
        """Tell whether there is more to come."""
        return self.thread.is_alive()

    def _send(self) -> None:
        try:
            sender = topics.Sender(self.bootstrap)
            left = self.number
            while left and not self.stopping.is_set():
                part = min(left, max(1, self.per_s // 10))
                sender.send(self.generator.records(part, self.mix))
                left -= part
                self.stopping.wait(0.1)
            sender.settle()
        except BaseException as error:  # noqa: BLE001  # told to the thread that waits
            self.trouble.append(error)


class Chaos:
    """Does harm at moments of chance, and keeps a diary of it."""

    def __init__(self, world: World, *, seed: int, tell: Callable[[str], object] = bool) -> None:
        self._world = world
        self._dice = random.Random(seed)
        self._tell = tell
        self.kills = 0
        self.members: list[Node] = []

    def keep(self, number: int) -> None:
        """See to it that so many consumers run."""
        self.members = [node for node in self.members if node.running]
        while len(self.members) < number:
            self.members.append(self._world.start(working=False))

    def kill_when_something_has_moved(self, within_s: float = 20) -> bool:
        """Kill a consumer at a random moment within a second after an offset has moved; tell whether one did."""
        before = self._world.offsets()
        in_time = deadline(within_s)
        while in_time() and self._world.offsets() in (before, {}):
            pause(0.005)
        moved = self._world.offsets() not in (before, {})
        pause(self._dice.random())
        victim = self._dice.choice(self.members)
        victim.kill()
        self.kills += 1
        self._say("killed a consumer", "after an offset moved" if moved else "while nothing moved")
        return moved

    def join(self) -> None:
        """Let another member join."""
        self.members.append(self._world.start(working=False))
        self._say("a member joined")

    def leave(self) -> None:
        """Let a member leave in order."""
        node = self._dice.choice(self.members)
        self.members.remove(node)
        self._say("a member left", str(node.stop()))

    def kill_redis(self) -> None:
        """Kill Redis, and start it again with what it had."""
        self._world.redis.kill()
        self._world.forget_offsets()  # of the last second not everything may have been written
        pause(self._dice.random())
        self._world.redis.start()
        self._say("killed Redis")

    def power_failure(self) -> None:
        """Kill Redis, and start it without the last it had written."""
        redis = self._world.redis
        redis.kill()
        self._world.forget_offsets()
        size = redis.append_only_file.stat().st_size
        keep = int(size * (0.8 + 0.2 * self._dice.random()))
        redis.lose_tail(keep)
        redis.start()
        self._say("Redis lost its last", f"{size - keep} of {size} bytes")

    def kill_kafka(self) -> None:
        """Kill Kafka, and start it again."""
        self._world.kafka.kill()
        pause(self._dice.random())
        self._world.kafka.start()
        self._say("killed Kafka")

    def freeze_redis(self) -> None:
        """Halt Redis for longer than a client waits."""
        self._world.redis.freeze()
        pause(7 * self._dice.random())
        self._world.redis.thaw()
        self._say("halted Redis")

    def freeze_consumer(self) -> None:
        """Halt a consumer until its partitions may have been given to another."""
        node = self._dice.choice(self.members)
        node.freeze()
        pause(12 * self._dice.random())
        node.thaw()
        self._say("halted a consumer")

    def anything(self) -> None:
        """Do some harm."""
        kill: Callable[[], object] = self.kill_when_something_has_moved
        others: list[Callable[[], object]] = [
            self.join,
            self.leave,
            self.freeze_consumer,
            self.kill_redis,
            self.power_failure,
            self.freeze_redis,
            self.kill_kafka,
        ]
        self._dice.choice([*[kill] * 6, *others])()

    def _say(self, *words: str) -> None:
        self._tell(f"{' '.join(words)}; {self._world.applied()} applied")
