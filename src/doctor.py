"""The diagnosis of the operations guide, done for its reader: asks everything, and lets ``diagnosis`` judge."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .adapters.kafka_facts import WANTED, kafka_facts
from .adapters.redis_facts import RedisFacts
from .adapters.sqlite_facts import SqliteFacts
from .config import Settings
from .diagnosis import (
    Finding,
    Severity,
    StoreFacts,
    judge_clock,
    judge_dapr,
    judge_kafka,
    judge_model,
    judge_notices,
    judge_retention,
    judge_settings,
    judge_store,
)
from .errors import ConfigurationError, MasteryError, Refused, SidecarUnavailable, Unauthorized
from .ports import wall_clock
from .resources import Resources, open_resources, open_security, redis_of, sidecar_of, ttl_of

AUDIT_WITHIN_S = 20.0
"""A long trail takes longer: then its own command has to be run."""
SHARED = (
    "JWT_SECRET",
    "JWT_SECRET_PREVIOUS",
    "JWT_JWKS_URL",
    "JWT_ISSUER",
    "JWT_AUDIENCE",
    "PSEUDONYM_KEY",
    "MASTERY_WEIGHTS",
    "MASTERY_METHOD",
    "MASTERY_HALF_LIFE_DAYS",
    "RETENTION_DAYS",
)
"""The settings that have to be the same wherever the service runs."""
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Patient:
    """What is looked at: the settings, and a token that somebody was refused with."""

    settings: Settings
    token: str | None = None
    now_s: Callable[[], float] = time.time


def diagnose_settings(error: ConfigurationError) -> list[Finding]:
    """Return what is wrong where nothing else can be asked."""
    return list(judge_settings(error.reasons, ()))


async def diagnose(patient: Patient) -> list[Finding]:
    """Return everything that was found, in the order of the guide."""
    settings = patient.settings
    findings = list(judge_settings((), settings.advice()))
    store, facts = await _store(patient)
    findings += store
    findings += await _kafka(settings)
    findings += await _dapr(settings)
    findings += _state(settings, facts)
    findings += await _token(patient)
    if facts is not None:
        findings += await _inside(patient)
    return findings


async def _store(patient: Patient) -> tuple[list[Finding], StoreFacts | None]:
    settings = patient.settings
    try:
        facts = await _facts(settings, patient.now_s)
    except Refused as error:
        embedded = settings.redis_url is None
        step = f"ls -l {settings.data_dir}" if embedded else "redis-cli -u $REDIS_URL ping"
        meaning = "Nothing can be read or applied; events wait in Kafka, or are answered with 503."
        return [Finding("store", Severity.ERROR, error.detail, meaning, step)], None
    if facts is None:
        found = f"There is no database in {settings.data_dir} yet."
        return [Finding("store", Severity.OK, found, "It is made at the first start.")], None
    return list(judge_store(facts, replayed=settings.kafka_bootstrap_servers is not None)), facts


async def _facts(settings: Settings, now_s: Callable[[], float]) -> StoreFacts | None:
    if settings.redis_url is None:
        return await SqliteFacts(settings.data_dir, now_s=now_s).facts()
    client = redis_of(settings)
    try:
        return await RedisFacts(client, now_s=now_s).facts()
    finally:
        await client.aclose()


async def _kafka(settings: Settings) -> list[Finding]:
    if settings.kafka_bootstrap_servers is None:
        return [Finding("kafka", Severity.OK, "Kafka is not configured: events are applied at once.")]
    try:
        return list(judge_kafka(await kafka_facts(settings.kafka_client()), WANTED))
    except Refused as error:
        step = "kafka-topics.sh --bootstrap-server localhost:9092 --list"
        meaning = "Events are refused with 503 or wait; reads go on."
        return [Finding("kafka", Severity.ERROR, error.detail, meaning, step)]


async def _dapr(settings: Settings) -> list[Finding]:
    sidecar = sidecar_of(settings)
    if sidecar is None:
        return [Finding("dapr", Severity.OK, "No sidecar is configured.")]
    async with sidecar:
        try:
            await sidecar.check()
            state = await sidecar.state()
        except SidecarUnavailable as error:
            step = "kubectl logs -n learnflow -l app=mastery-engine -c daprd"
            meaning = "Agents cannot call the service by name, and no event comes through Dapr."
            return [Finding("dapr", Severity.ERROR, error.detail, meaning, step)]
    through_dapr = any(target.app_id is not None for target in settings.targets())
    return list(judge_dapr(state, settings.dapr_pubsub, asks_for_notices=through_dapr))


def _state(settings: Settings, facts: StoreFacts | None) -> Iterator[Finding]:
    if facts is not None:
        yield from judge_retention(facts, ttl_of(settings).student_data.days * _DAY_S)
        yield from judge_clock(facts.ahead_s)


async def _token(patient: Patient) -> list[Finding]:
    """Tell whether a token is accepted, and if not, why."""
    if patient.token is None:
        return []
    try:
        await open_security(patient.settings).authenticate(patient.token)
    except Unauthorized as error:
        meaning = "Who has it is answered with 401."
        step = "Compare JWT_SECRET, and the clocks, with those of who issued it"
        return [Finding("token", Severity.ERROR, error.detail, meaning, step)]
    except Refused as error:
        return [Finding("token", Severity.ERROR, error.detail, "No token can be checked.", "curl -i $JWT_JWKS_URL")]
    return [Finding("token", Severity.OK, "The token is accepted.")]


async def _inside(patient: Patient) -> list[Finding]:
    """Tell what only the open store knows: the audit trail, the settings of the last start, the learner model."""
    try:
        async with open_resources(patient.settings) as resources:
            model = await resources.models.current()
            age = None if model is None else _age(model.fitted_at, patient.now_s())
            unheard = judge_notices(await resources.notices.backlogs(), wall_clock())
            return [*unheard, await _audit(resources), *await _differences(resources), judge_model(age)]
    except MasteryError as error:
        step = "mastery-engine audit verify"
        return [Finding("audit", Severity.ERROR, str(error), "What people do cannot be recorded.", step)]


async def _audit(resources: Resources) -> Finding:
    verify = "mastery-engine audit verify"
    try:
        async with asyncio.timeout(AUDIT_WITHIN_S):
            verdict = await resources.audit_history.verify(())
    except TimeoutError:
        found = f"The audit trail could not be followed to its end in {AUDIT_WITHIN_S:.0f} s."
        return Finding("audit", Severity.WARNING, found, "It is long.", verify)
    if verdict.whole:
        return Finding("audit", Severity.OK, f"The audit trail is whole: {verdict.rows:,} rows.")
    meaning = "Somebody changed or removed rows, or AUDIT_KEY is not the one that they were written with."
    return Finding("audit", Severity.ERROR, "The audit trail is not as it was written.", meaning, verify)


async def _differences(resources: Resources) -> list[Finding]:
    changed = await resources.audit.settings_unlike_last_start(resources.settings)
    differing = [name for name in SHARED if name in changed]
    if not differing:
        return [Finding("settings", Severity.OK, "What must be the same everywhere is as the service started with it.")]
    found = f"{', '.join(differing)}: not as the service started with."
    meaning = "One of both is wrong: tokens are refused, people are not recognised, or answers differ."
    return [Finding("settings", Severity.ERROR, found, meaning, "echo $JWT_SECRET, here and in the deployment")]


def _age(since: str, now_s: float) -> timedelta:
    return datetime.fromtimestamp(now_s, UTC) - datetime.fromisoformat(since)
