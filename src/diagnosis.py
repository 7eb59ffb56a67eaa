"""What can be wrong, as findings: from what the store, Kafka and the settings tell, by pure rules."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from .errors import Reason
from .ports import Backlog, SidecarState, Topic

FULL, NEARLY_FULL = 1.0, 0.8
"""Shares of the memory that Redis may use: at the first it refuses writes, at the second the guide wants more of it."""
SLOW_MS, VERY_SLOW_MS = 10.0, 100.0
MANY_KEYS = 1_000_000
"""The guide considers a cluster beyond so many."""
MANY_WAITING = 1000
"""The guide scales up beyond so many records."""
CLOCK_OFF_S, CLOCK_WRONG_S = 2.0, 30.0
"""The second is what the check of a token forgives."""
LITTLE_DISK = 0.1
LONG_UNHEARD = timedelta(minutes=30)
"""By then a target was asked a dozen times."""
OLD_MODEL = timedelta(days=90)


class Severity(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what it is, what that means, and the next command or step."""

    check: str
    severity: Severity
    found: str
    meaning: str = ""
    next: str = ""


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What a store tells of itself; None where it cannot tell, or where there is no such thing."""

    kind: str
    latency_ms: float
    used_bytes: int
    max_bytes: int | None
    keys: int
    keys_without_end: int
    """Of the keys of students that were looked at, how many would be kept for ever."""
    longest_s: int | None
    """Of the same, the longest time that one is kept yet."""
    commands: int | None = None
    policy: str | None = None
    appends: bool | None = None
    saves_fail: bool = False
    ahead_s: float | None = None
    """How far the clock of the store is ahead of ours."""


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """A topic: how it is made, and what this user may not do with it."""

    partitions: int
    kept_ms: int | None
    compacted: bool
    denied: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class KafkaFacts:
    """What Kafka tells: the topics that are there, and the group."""

    topics: Mapping[str, TopicFacts]
    members: int
    lag: Mapping[int, int]
    dead_letters: Mapping[str, int]
    """By reason, of the newest that were looked at."""


@dataclass(frozen=True, slots=True)
class WantedTopic:
    """A topic as the service makes it."""

    name: str
    partitions: int
    kept_ms: int | None
    """None for a topic that is compacted: nothing of it goes by its age."""


def judge_settings(reasons: Sequence[Reason], advice: Iterable[Reason]) -> Iterator[Finding]:
    """Tell what is wrong with the settings, and what is allowed but should be mended."""
    for name, reason in reasons:
        meaning = "The service does not start."
        yield Finding("settings", Severity.ERROR, f"{name} {reason}", meaning, f"Set {name}: docs/configuration.md")
    for name, reason in advice:
        meaning = "Allowed, but weaker than it should be."
        yield Finding("settings", Severity.WARNING, f"{name} {reason}", meaning, f"Set {name}: docs/configuration.md")
    if not reasons:
        yield Finding("settings", Severity.OK, "The settings can be used.")


def judge_store(facts: StoreFacts, *, replayed: bool) -> Iterator[Finding]:
    """Tell how the store is; one that is ``replayed`` from Kafka may lose its last second."""
    yield _latency(facts.latency_ms)
    yield _memory(facts)
    yield from _safety(facts, replayed=replayed)
    yield _keys(facts)


def _latency(ms: float) -> Finding:
    found = f"It answers in {ms:.1f} ms."
    if ms < SLOW_MS:
        return Finding("store", Severity.OK, found)
    severity = Severity.ERROR if ms >= VERY_SLOW_MS else Severity.WARNING
    return Finding("store", severity, found, "Every request and every batch waits for it.", "redis-cli --latency")


def _memory(facts: StoreFacts) -> Finding:
    if facts.max_bytes is None:
        found = f"It takes {_mib(facts.used_bytes)}, and no limit is set."
        return Finding("memory", Severity.OK, found)
    share = facts.used_bytes / facts.max_bytes
    found = f"It takes {_mib(facts.used_bytes)} of {_mib(facts.max_bytes)} ({share:.0%})."
    if facts.kind == "sqlite":
        return _disk(share, found)
    if share >= FULL:
        meaning = "Redis has no memory left and refuses writes: events wait in Kafka, or are answered with 503."
        return Finding("memory", Severity.ERROR, found, meaning, "redis-cli CONFIG SET maxmemory … (higher)")
    if share >= NEARLY_FULL:
        meaning = "At 100 % Redis refuses writes."
        return Finding("memory", Severity.WARNING, found, meaning, "redis-cli INFO memory, then raise maxmemory")
    return Finding("memory", Severity.OK, found)


def _disk(share: float, found: str) -> Finding:
    if share <= 1 - LITTLE_DISK:
        return Finding("memory", Severity.OK, found)
    meaning = "On a full disk no event can be stored: they are answered with 503."
    return Finding("memory", Severity.WARNING, found, meaning, "Make room: docs/operations/embedded.md")


def _safety(facts: StoreFacts, *, replayed: bool) -> Iterator[Finding]:
    if facts.policy not in {None, "noeviction"}:
        meaning = "Redis throws state away when it is full: students would lose what they have learned."
        found = f"maxmemory-policy is {facts.policy}."
        yield Finding("store", Severity.ERROR, found, meaning, "redis-cli CONFIG SET maxmemory-policy noeviction")
    if facts.saves_fail:
        meaning = "The last write to the disk failed; Redis may refuse writes (MISCONF), and forgets at a restart."
        yield Finding("persistence", Severity.ERROR, "Redis cannot save.", meaning, "redis-cli INFO persistence")
    elif facts.appends is False:
        severity = Severity.WARNING if replayed else Severity.ERROR
        meaning = "What came since the last snapshot is lost with the process."
        step = "redis-cli CONFIG SET appendonly yes, and in redis.conf"
        yield Finding("persistence", severity, "appendonly is no.", meaning, step)
    else:
        yield Finding("persistence", Severity.OK, "What is written is kept.")


def _keys(facts: StoreFacts) -> Finding:
    found = f"It has {_many(facts.keys, 'key')}."
    if facts.kind != "sqlite" and facts.keys > MANY_KEYS:
        return Finding("keys", Severity.WARNING, found, "One Redis grows large.", "Consider a cluster: REDIS_CLUSTER")
    return Finding("keys", Severity.OK, found)


def judge_retention(facts: StoreFacts, kept_s: int) -> Iterator[Finding]:
    """Tell whether the keys of students end when they should."""
    if facts.keys_without_end:
        found = f"{_many(facts.keys_without_end, 'key')} of students without an end."
        meaning = "They would be kept for ever, against the promise of retention; the service writes none such."
        yield Finding("retention", Severity.ERROR, found, meaning, 'redis-cli TTL "student:…", then EXPIRE or DEL')
    elif facts.longest_s is not None and facts.longest_s > kept_s:
        found = f"A key of a student is kept for {facts.longest_s / 86_400:.0f} days yet."
        meaning = f"RETENTION_DAYS is {kept_s // 86_400}: another process runs with another setting."
        yield Finding("retention", Severity.WARNING, found, meaning, "Compare RETENTION_DAYS of all deployments")
    else:
        yield Finding("retention", Severity.OK, f"What is stored of a student ends within {kept_s // 86_400} days.")


def judge_clock(ahead_s: float | None) -> Iterator[Finding]:
    """Tell whether our clock and that of the store agree."""
    if ahead_s is None:
        yield Finding("clock", Severity.OK, "There is no other clock to compare with.")
        return
    found = f"The clock of the store is {abs(ahead_s):.1f} s {'ahead of' if ahead_s > 0 else 'behind'} ours."
    if abs(ahead_s) < CLOCK_OFF_S:
        yield Finding("clock", Severity.OK, "Our clock and that of the store agree.")
        return
    severity = Severity.ERROR if abs(ahead_s) > CLOCK_WRONG_S else Severity.WARNING
    meaning = "Tokens are refused or live too long, days end at the wrong moment, lifetimes are wrong."
    yield Finding("clock", severity, found, meaning, "timedatectl status, on both machines")


def judge_dapr(state: SidecarState, pubsub: str | None, *, asks_for_notices: bool) -> Iterator[Finding]:
    """Tell whether the sidecar has what the settings count on."""
    logs = "kubectl logs -n learnflow -l app=mastery-engine -c daprd"
    if pubsub is not None and pubsub not in state.components:
        known = ", ".join(sorted(state.components)) or "none"
        found = f"The sidecar has no component {pubsub} (DAPR_PUBSUB); it has: {known}."
        yield Finding("dapr", Severity.ERROR, found, "No event comes through Dapr.", logs)
    elif pubsub is not None and (pubsub, Topic.EVENTS) not in state.subscriptions:
        found = f"The sidecar has not subscribed {Topic.EVENTS} through {pubsub}."
        meaning = "No event comes through Dapr: it asks once, when the service has started, with APP_API_TOKEN."
        yield Finding("dapr", Severity.ERROR, found, meaning, logs)
    else:
        used = [f"{Topic.EVENTS} comes through {pubsub}"] if pubsub is not None else []
        used += ["notices go out"] if asks_for_notices else []
        yield Finding("dapr", Severity.OK, f"The sidecar is well{': ' if used else ''}{', '.join(used)}.")


def judge_notices(backlogs: Mapping[str, Backlog], now_us: int) -> Iterator[Finding]:
    """Tell which targets do not hear what they should."""
    for target, backlog in backlogs.items():
        unheard_us = 0 if backlog.oldest_us is None else now_us - backlog.oldest_us
        if unheard_us < LONG_UNHEARD // timedelta(microseconds=1):
            yield Finding("notices", Severity.OK, f"{target} is still to hear {backlog.pending:,} notices.")
            continue
        found = f"{target} has not taken notices for {unheard_us // 60_000_000:,} minutes: {backlog.pending:,} wait."
        meaning = "It does not learn who needs help; what it has not taken in three days is given up."
        step = 'kubectl logs -n learnflow -l app=mastery-engine | grep "Service invocation failed"'
        yield Finding("notices", Severity.ERROR, found, meaning, step)


def judge_kafka(facts: KafkaFacts, wanted: Iterable[WantedTopic]) -> Iterator[Finding]:
    """Tell how the topics, the group and the dead letters are."""
    for topic in wanted:
        yield from _topic(topic, facts.topics.get(topic.name))
    yield from _group(facts)
    yield _dead_letters(facts.dead_letters)


def _topic(wanted: WantedTopic, found: TopicFacts | None) -> Iterator[Finding]:
    name = wanted.name
    if found is None:
        meaning = "It is missing, or this user may not see it; the consumer waits for it."
        step = (
            f"kafka-topics.sh --create --topic {name} --partitions {wanted.partitions} --replication-factor 1 "
            "--bootstrap-server localhost:9092"
        )
        yield Finding("topics", Severity.ERROR, f"There is no topic {name}.", meaning, step)
        return
    good = True
    if found.denied:
        good, which = False, ", ".join(sorted(found.denied))
        step = f"kafka-acls.sh --bootstrap-server localhost:9092 --list --topic {name}"
        yield Finding("acl", Severity.ERROR, f"{name}: not permitted: {which}.", "The work stands still.", step)
    if found.partitions < wanted.partitions:
        good, text = False, f"{name} has {_many(found.partitions, 'partition')}, not {wanted.partitions}."
        meaning = "No more consumers than partitions have work."
        step = f"kafka-topics.sh --alter --topic {name} --partitions {wanted.partitions}"
        yield Finding("topics", Severity.WARNING, text, meaning, step)
    if wanted.kept_ms is None and not found.compacted:
        good, meaning = False, "It forgets who was erased: a restored copy of the state would bring them back."
        step = f"kafka-configs.sh --alter --topic {name} --add-config cleanup.policy=compact"
        yield Finding("topics", Severity.ERROR, f"{name} is not compacted.", meaning, step)
    if wanted.kept_ms is not None and found.kept_ms != wanted.kept_ms:
        good, text = False, f"{name} keeps its records for {_days(found.kept_ms)}, not for {_days(wanted.kept_ms)}."
        meaning = "Shorter, and less can be replayed; longer, and personal data outlives what a receipt states."
        step = f"kafka-configs.sh --alter --topic {name} --add-config retention.ms={wanted.kept_ms}"
        yield Finding("topics", Severity.WARNING, text, meaning, step)
    if good:
        yield Finding("topics", Severity.OK, f"{name} is as it should be.")


def _group(facts: KafkaFacts) -> Iterator[Finding]:
    lag = sum(facts.lag.values())
    describe = "kafka-consumer-groups.sh --bootstrap-server localhost:9092 --describe --group mastery-engine-group"
    if not facts.members:
        meaning = "Nobody applies events; they wait."
        found = f"The group has no consumer; {_many(lag, 'record')} waiting."
        yield Finding("group", Severity.ERROR if lag else Severity.WARNING, found, meaning, "mastery-engine serve")
    elif lag > MANY_WAITING:
        found = f"{_many(lag, 'record')} waiting for {_many(facts.members, 'consumer')}."
        meaning = "Answers are behind what was sent; if the number does not fall, more consumers are needed."
        yield Finding("lag", Severity.WARNING, found, meaning, describe)
    else:
        found = f"{_many(lag, 'record')} waiting for {_many(facts.members, 'consumer')}."
        yield Finding("lag", Severity.OK, found)


def _dead_letters(reasons: Mapping[str, int]) -> Finding:
    if not reasons:
        return Finding("dead letters", Severity.OK, "There are no dead letters.")
    told = ", ".join(f"{number:,} {reason}" for reason, number in sorted(reasons.items()))
    meaning = "These events count for nothing until they are corrected and replayed."
    return Finding("dead letters", Severity.WARNING, told, meaning, "mastery-engine dead-letters list")


def judge_model(age: timedelta | None) -> Finding:
    """Tell how old the learner model is, None where none was fitted."""
    if age is None:
        meaning = "Predictions of answers are a smoothed rate; nothing else is missing."
        return Finding("model", Severity.OK, "No learner model is fitted.", meaning)
    found = f"The learner model is {age.days} days old."
    if age > OLD_MODEL:
        return Finding(
            "model", Severity.WARNING, found, "What it learned may no longer hold.", "mastery-engine model fit"
        )
    return Finding("model", Severity.OK, found)


def _many(number: int, of: str) -> str:
    return f"{number:,} {of}{'' if number == 1 else 's'}"


def _mib(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"


def _days(ms: int | None) -> str:
    return "ever" if ms is None or ms < 0 else f"{ms / 86_400_000:g} days"
