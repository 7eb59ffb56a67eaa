"""What is judged an error, a warning, or nothing, of what the store, Kafka and the settings tell."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from src.diagnosis import (
    Finding,
    KafkaFacts,
    Severity,
    StoreFacts,
    TopicFacts,
    WantedTopic,
    judge_clock,
    judge_kafka,
    judge_model,
    judge_retention,
    judge_settings,
    judge_store,
)
from src.errors import Reason

WELL = StoreFacts(
    kind="redis",
    latency_ms=0.4,
    used_bytes=50,
    max_bytes=100,
    keys=10,
    keys_without_end=0,
    longest_s=89 * 86_400,
    policy="noeviction",
    appends=True,
)
DAY_S = 86_400
WEEK_MS = 7 * 86_400_000
EVENTS = WantedTopic("mastery.events", 3, WEEK_MS)
ERASURES = WantedTopic("mastery.erasures", 1, None)
TOPICS = {
    "mastery.events": TopicFacts(partitions=3, kept_ms=WEEK_MS, compacted=False),
    "mastery.erasures": TopicFacts(partitions=1, kept_ms=WEEK_MS, compacted=True),
}
RUNNING = KafkaFacts(topics=TOPICS, members=1, lag={0: 0, 1: 0, 2: 0}, dead_letters={})


def wrong(findings: list[Finding]) -> list[tuple[str, Severity]]:
    """Return what is no good, after having looked that each says what it means and what to do."""
    bad = [one for one in findings if one.severity is not Severity.OK]
    assert all(one.found and one.meaning and one.next for one in bad)
    return [(one.check, one.severity) for one in bad]


def test_a_store_that_is_well_gives_no_cause_for_concern() -> None:
    assert wrong(list(judge_store(WELL, replayed=False))) == []


@pytest.mark.parametrize(
    ("facts", "check", "severity"),
    [
        ({"latency_ms": 12.0}, "store", Severity.WARNING),
        ({"latency_ms": 250.0}, "store", Severity.ERROR),
        ({"used_bytes": 81}, "memory", Severity.WARNING),
        ({"used_bytes": 100}, "memory", Severity.ERROR),
        ({"policy": "allkeys-lru"}, "store", Severity.ERROR),
        ({"appends": False}, "persistence", Severity.ERROR),
        ({"saves_fail": True}, "persistence", Severity.ERROR),
        ({"keys": 1_000_001}, "keys", Severity.WARNING),
        ({"kind": "sqlite", "used_bytes": 95}, "memory", Severity.WARNING),
    ],
)
def test_what_is_wrong_with_a_store_is_named(facts: dict[str, Any], check: str, severity: Severity) -> None:
    assert wrong(list(judge_store(replace(WELL, **facts), replayed=False))) == [(check, severity)]


def test_a_redis_that_kafka_fills_again_may_forget() -> None:
    findings = list(judge_store(replace(WELL, appends=False), replayed=True))
    assert wrong(findings) == [("persistence", Severity.WARNING)]


def test_a_store_without_a_limit_is_not_full() -> None:
    assert wrong(list(judge_store(replace(WELL, max_bytes=None), replayed=False))) == []


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({}, []),
        ({"keys_without_end": 1}, [("retention", Severity.ERROR)]),
        ({"longest_s": 91 * DAY_S}, [("retention", Severity.WARNING)]),
        ({"longest_s": None}, []),
    ],
)
def test_keys_of_students_that_live_too_long_are_named(
    facts: dict[str, Any], found: list[tuple[str, Severity]]
) -> None:
    assert wrong(list(judge_retention(replace(WELL, **facts), 90 * DAY_S))) == found


@pytest.mark.parametrize(
    ("ahead_s", "found"),
    [
        (None, []),
        (1.9, []),
        (-5.0, [("clock", Severity.WARNING)]),
        (31.0, [("clock", Severity.ERROR)]),
        (-86_400.0, [("clock", Severity.ERROR)]),
    ],
)
def test_clocks_that_differ_are_named(ahead_s: float | None, found: list[tuple[str, Severity]]) -> None:
    assert wrong(list(judge_clock(ahead_s))) == found


def test_a_kafka_that_is_well_gives_no_cause_for_concern() -> None:
    assert wrong(list(judge_kafka(RUNNING, (EVENTS, ERASURES)))) == []


@pytest.mark.parametrize(
    ("topic", "found"),
    [
        (None, [("topics", Severity.ERROR)]),
        (replace(TOPICS["mastery.events"], partitions=1), [("topics", Severity.WARNING)]),
        (replace(TOPICS["mastery.events"], kept_ms=-1), [("topics", Severity.WARNING)]),
        (replace(TOPICS["mastery.events"], denied=frozenset({"READ"})), [("acl", Severity.ERROR)]),
    ],
)
def test_what_is_wrong_with_a_topic_is_named(topic: TopicFacts | None, found: list[tuple[str, Severity]]) -> None:
    topics = {} if topic is None else {"mastery.events": topic}
    assert wrong(list(judge_kafka(replace(RUNNING, topics=topics), (EVENTS,)))) == found


def test_a_ledger_of_erasures_that_forgets_is_an_error() -> None:
    topics = {"mastery.erasures": replace(TOPICS["mastery.erasures"], compacted=False)}
    assert wrong(list(judge_kafka(replace(RUNNING, topics=topics), (ERASURES,)))) == [("topics", Severity.ERROR)]


@pytest.mark.parametrize(
    ("members", "lag", "found"),
    [
        (1, 1000, []),
        (1, 1001, [("lag", Severity.WARNING)]),
        (0, 0, [("group", Severity.WARNING)]),
        (0, 1, [("group", Severity.ERROR)]),
    ],
)
def test_events_that_wait_are_named(members: int, lag: int, found: list[tuple[str, Severity]]) -> None:
    assert wrong(list(judge_kafka(replace(RUNNING, members=members, lag={0: lag}), ()))) == found


def test_dead_letters_are_told_by_reason() -> None:
    findings = list(judge_kafka(replace(RUNNING, dead_letters={"invalid": 3, "conflict": 1}), ()))
    assert wrong(findings) == [("dead letters", Severity.WARNING)]
    assert findings[-1].found == "1 conflict, 3 invalid"


def test_settings_are_errors_and_what_is_weak_is_a_warning() -> None:
    reason = Reason("PORT", "must be at most 65535")
    assert wrong(list(judge_settings([reason], [reason]))) == [
        ("settings", Severity.ERROR),
        ("settings", Severity.WARNING),
    ]
    assert wrong(list(judge_settings([], []))) == []


@pytest.mark.parametrize(
    ("age", "found"), [(None, []), (timedelta(days=90), []), (timedelta(days=91), [("model", Severity.WARNING)])]
)
def test_a_model_grows_old(age: timedelta | None, found: list[tuple[str, Severity]]) -> None:
    assert wrong([judge_model(age)]) == found
