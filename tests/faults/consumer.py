"""Consumers that a test can make fail: ``python -m tests.faults.consumer --die-after "applied" --nth 2``.

With ``--max-poll-interval-ms`` Kafka takes it for dead when it has not polled for so long.
With ``--static ID`` it is the whole process of the service, a member of the group that keeps its place under an id.
"""

import argparse
import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from src.adapters.kafka_erasures import KafkaErasures
from src.adapters.kafka_producer import KafkaPublisher
from src.adapters.kafka_topics import GROUP, KafkaTopics
from src.adapters.redis_store import RedisStore
from src.adapters.redis_stream import RedisStream
from src.commands import serve
from src.config import Settings
from src.kafka_consumer import MAX_POLL_INTERVAL_MS, KafkaConsumer
from src.observability import Metrics, configure_logging
from src.ports import wall_clock
from src.processes import ProcessRole
from src.resources import keys_of, mastery_model, new_version, open_pseudonyms, redis_of, ttl_of
from src.stream_service import Step, StreamService

COMMITTED = "committed"
STEPS = (*(step.value for step in Step), COMMITTED)


@dataclass
class Death:
    """Kills this very process when a step has been done so many times."""

    after: str
    left: int

    def step(self, step: str) -> None:
        """Take note of a step."""
        if step != self.after:
            return
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class _Static(Settings):
    """Settings that nobody should use: a second process with the same id is the end of the first."""

    group_instance_id: ClassVar[str]

    def kafka_client(self) -> dict[str, str | int]:
        """Return the settings of every Kafka client."""
        return super().kafka_client() | {"group.instance.id": self.group_instance_id}


class _Committing(KafkaConsumer):
    """The consumer, telling of its commits too."""

    committed: Callable[[], object] = bool

    def commit(self) -> None:
        """Commit, and tell of it."""
        super().commit()
        self.committed()


def run(settings: Settings, death: Death, *, max_poll_interval_ms: int) -> None:
    """Consume until killed."""
    retention = ttl_of(settings).retention
    metrics = Metrics()
    store = RedisStore(
        redis_of(settings),
        retention=retention,
        new_version=new_version,
        pseudonym=open_pseudonyms(settings),
        keys=keys_of(settings),
        follows=False,
    )
    publisher = KafkaPublisher(settings.kafka_client())
    service = StreamService(
        RedisStream(store, retention=retention),
        publisher,
        ledger=KafkaErasures(settings.kafka_client(), publisher=publisher),
        model=mastery_model(settings),
        retention=retention,
        metrics=metrics,
        clock=wall_clock,
        group=GROUP,
    )
    consumer = _Committing(
        settings.kafka_client()
        | {
            "group.id": GROUP,
            "session.timeout.ms": settings.kafka_session_timeout_ms,
            "max.poll.interval.ms": max_poll_interval_ms,
        },
        service,
        find_stream=KafkaTopics(settings.kafka_client(), may_create=settings.kafka_create_topics).ensure,
        metrics=metrics,
        on_step=death.step,
    )
    consumer.committed = lambda: death.step(COMMITTED)
    with asyncio.Runner() as runner:
        consumer.run(runner)


def main() -> None:
    """Read the arguments and consume."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--die-after", choices=STEPS)
    parser.add_argument("--nth", type=int, default=1)
    parser.add_argument("--max-poll-interval-ms", type=int, default=MAX_POLL_INTERVAL_MS)
    parser.add_argument("--static")
    arguments = parser.parse_args()
    if arguments.static:
        _Static.group_instance_id = arguments.static
        serve.run(_Static.from_environment(port=0), ProcessRole.CONSUMER, as_json=True)
        return
    configure_logging("INFO", as_json=True)
    death = Death(arguments.die_after, arguments.nth)
    run(Settings.from_environment(), death, max_poll_interval_ms=arguments.max_poll_interval_ms)


if __name__ == "__main__":
    main()
