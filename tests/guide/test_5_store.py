"""Section 5: what is in Redis, under which keys and for how long."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from src import state_manager
from src.state_manager import StateKeyPatterns, Ttl
from tests.processes import Service
from tests.services import RedisServer

from .asking import NOW, answer, redis_line, until

TODAY = NOW.date().isoformat()


@pytest.mark.guide("5", 'redis-cli KEYS "student:*" | head -20')
@pytest.mark.usefixtures("beside")
def test_the_keys_of_students_are_found(redis_server: RedisServer) -> None:
    keys = set(redis_line(redis_server, 'redis-cli KEYS "student:*" | head -20').split())
    assert {f"student:123:mastery:{TODAY}", f"student:123:mastery:{TODAY}:quiz", "student:123:event:e-1"} <= keys


@pytest.mark.guide("5", "redis-cli --latency", "Slow read operations")
def test_the_latency_of_redis_is_watched(redis_server: RedisServer) -> None:
    # It goes on until it is interrupted; without a terminal it prints minimum, maximum, mean and count.
    shown = redis_line(redis_server, "timeout -s INT 2 redis-cli --latency || true")
    assert len(shown.split()) >= 4


@pytest.mark.guide("5", "redis-cli INFO memory", "redis-cli DBSIZE", "State store errors on write")
@pytest.mark.parametrize(("line", "shows"), [("redis-cli INFO memory", "used_memory"), ("redis-cli DBSIZE", "")])
def test_memory_and_number_of_keys_are_shown(redis_server: RedisServer, line: str, shows: str) -> None:
    assert shows in redis_line(redis_server, line)


@pytest.mark.guide("5", 'redis-cli TTL "student:123:mastery:2025-01-15"', "Verify TTL is not too aggressive")
@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize(
    ("key", "days"), [(f"student:123:mastery:{TODAY}", 90), ("student:123:event:e-1", 7)], ids=["state", "event"]
)
def test_keys_have_the_lifetime_of_the_guide(redis_server: RedisServer, key: str, days: int) -> None:
    assert round(int(redis_line(redis_server, f'redis-cli TTL "{key}"')) / 86_400) == days


@pytest.mark.guide("5", "Student data: 90 days (GDPR compliance)", "Cache data: 1 hour", "Event checkpoints: 7 days")
@pytest.mark.guide("5", "In state_manager.py, check default TTL settings:")
def test_the_lifetimes_stand_where_the_guide_sends_its_reader() -> None:
    ttl = Ttl()
    assert Path(state_manager.__file__).name == "state_manager.py"
    assert (ttl.student_data, ttl.cache, ttl.event_checkpoint) == (
        timedelta(days=90),
        timedelta(hours=1),
        timedelta(days=7),
    )


@pytest.mark.guide("5", "Expected patterns from StateKeyPatterns class:", "Key collisions")
@pytest.mark.guide("5", "student:{student_id}:mastery:{date}:{component}", "student:{student_id}:event:{event_id}")
@pytest.mark.guide("5", "prediction:{student_id}:cache", "batch:{batch_id}:status")
def test_the_keys_are_those_of_the_guide() -> None:
    assert StateKeyPatterns.COMPONENT == "student:{student_id}:mastery:{date}:{component}"
    assert StateKeyPatterns.EVENT == "student:{student_id}:event:{event_id}"
    assert StateKeyPatterns.PREDICTION == "prediction:{student_id}:cache"
    assert StateKeyPatterns.BATCH == "batch:{batch_id}:status"
    assert StateKeyPatterns.MASTERY.format(student_id="123", date="2025-01-15") == "student:123:mastery:2025-01-15"


@pytest.mark.guide("5", "Data not persisting across restarts")
def test_what_was_applied_is_there_after_a_restart(beside: Service, redis_server: RedisServer) -> None:
    snapshot = json.loads(redis_line(redis_server, f"redis-cli GET student:123:mastery:{TODAY}"))
    assert snapshot["components"]["quiz"]["score"] == 0.8
    assert redis_line(redis_server, f"redis-cli GET student:123:mastery:{TODAY}:quiz") == "0.8\n"
    redis_server.restart()
    until(lambda: answer(beside, "/ready")[0] == 200)
    assert answer(beside, "/api/v1/students/123/mastery")[1]["components"]["quiz"]["score"] == 0.8


@pytest.mark.guide("Contact & Escalation", "**Data issues**: Verify Redis state before contacting team")
@pytest.mark.usefixtures("beside")
def test_the_state_in_redis_is_looked_into_by_its_keys(redis_server: RedisServer) -> None:
    kinds = {
        key: redis_line(redis_server, f"redis-cli TYPE {key}").strip()
        for key in ("student:123:evidence", f"student:123:mastery:{TODAY}")
    }
    assert kinds == {"student:123:evidence": "hash", f"student:123:mastery:{TODAY}": "string"}
