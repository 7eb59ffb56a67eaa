"""The floor of a drain, as a program: consume, decode, one pipeline per batch with ledger and increments, commit.

``python -m benchmarks.drain_floor BOOTSTRAP REDIS_URL GROUP EVENTS`` prints the events per second and
the processor time taken in seconds.
"""

import sys
import time
from collections.abc import Sequence

import jiter
from confluent_kafka import Consumer, Message
from redis import Redis

from src.ports import Topic

BATCH = 500
LEDGER_S = 7 * 86_400
_SCRIPT = """
if redis.call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[1]) then
  for i = 2, 5 do redis.call('HINCRBY', KEYS[2], ARGV[i], 1) end
end
"""
_SETTINGS: dict[str, str | int | bool] = {
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "fetch.queue.backoff.ms": 5,
}


def main(bootstrap: str, redis_url: str, group: str, events: int) -> None:
    """Drain the topic once; the clock starts with the first batch."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, **_SETTINGS})
    consumer.subscribe([Topic.EVENTS])
    done, started, spent = 0, 0.0, 0.0
    with Redis.from_url(redis_url) as client:
        digest = client.script_load(_SCRIPT)
        while done < events:
            messages = consumer.consume(BATCH, 0.05)
            if not messages:
                continue
            if not started:
                started, spent = time.perf_counter(), time.process_time()
            _count(client, digest, messages)
            consumer.commit(asynchronous=False)
            done += len(messages)
    print(done / (time.perf_counter() - started), time.process_time() - spent)
    consumer.close()


def _count(client: "Redis", digest: str, messages: Sequence[Message]) -> None:
    pipeline = client.pipeline(transaction=False)
    for message in messages:
        value = message.value()
        assert isinstance(value, bytes)  # noqa: S101  # the backlog has nothing else
        event = jiter.from_json(value)
        student, topic, day = event["student_id"], event["topic"], event["timestamp"][:10]
        fields = [f"{day}:{topic}:{what}" for what in ("score", "weight", "active", "events")]
        keys = (f"floor:{student}:event:{event['event_id']}", f"floor:{student}")
        pipeline.evalsha(digest, 2, *keys, LEDGER_S, *fields)
    pipeline.execute()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
