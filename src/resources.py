"""Everything long-lived, opened and closed in one place; the only file that picks adapters."""

import asyncio
import os
import secrets
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, fields
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from prometheus_client import Histogram

from .adapters.audit_head import HeadFile
from .adapters.dapr_sidecar import DaprSidecar
from .adapters.erasure_file import ErasureFile
from .adapters.kafka_dead_letters import KafkaDeadLetters
from .adapters.kafka_erasures import KafkaErasures
from .adapters.kafka_producer import KafkaPublisher, KafkaQueue
from .adapters.kafka_topics import KafkaTopics
from .adapters.key_set import key_set_fetcher
from .adapters.model_files import ModelFiles
from .adapters.notice_channels import DaprChannel, WebChannel
from .adapters.redis_audit import RedisAudit
from .adapters.redis_batches import RedisBatches
from .adapters.redis_client import Client, Instance, cluster_client, redis_client
from .adapters.redis_cohorts import RedisCohorts
from .adapters.redis_counts import RedisCounts
from .adapters.redis_dead_letters import RedisDeadLetterIndex
from .adapters.redis_documents import RedisDocuments
from .adapters.redis_erasures import RedisErasures
from .adapters.redis_outbox import RedisOutbox
from .adapters.redis_store import open_redis_store
from .adapters.rejected_files import RejectedFiles
from .adapters.sqlite_audit import FILE_NAME as AUDIT_FILE
from .adapters.sqlite_audit import SCHEMA as AUDIT_SCHEMA
from .adapters.sqlite_audit import SqliteAudit
from .adapters.sqlite_batches import SqliteBatches
from .adapters.sqlite_cohorts import SqliteCohorts
from .adapters.sqlite_database import copy_database, open_database
from .adapters.sqlite_documents import SqliteDocuments
from .adapters.sqlite_erasures import SqliteErasures
from .adapters.sqlite_outbox import SqliteOutbox
from .adapters.sqlite_store import SqliteStore
from .adapters.timed import timed
from .analytics_service import AnalyticsService
from .audit import Seal
from .audit_history import AuditHistory
from .audit_trail import AuditTrail
from .batch_service import BatchService
from .cohort_rows import CohortRows
from .cohort_service import CohortService
from .cohort_views import CohortViews
from .config import Settings
from .curriculum_service import CurriculumService
from .dead_letter_privacy import StudentDeadLetters, VisibleDeadLetters
from .dead_letter_service import DeadLetterService, NoDeadLetters
from .domain.erasures import Pseudonym
from .domain.model import MasteryModel
from .drift import Drift
from .errors import CommandFailed, StoreUnavailable
from .health import Check, Departure, Health
from .live_service import LiveService
from .mastery_service import MasteryService
from .model_service import ModelService
from .notices import NoticeDelivery, NoticePublisher
from .observability import Metrics
from .ports import (
    AnswersOfMany,
    Channel,
    Clock,
    DeadLetterIndex,
    DerivableEvidence,
    DocumentStore,
    Erasable,
    ErasureLedger,
    EvidenceOfMany,
    EvidenceStore,
    Maintenance,
    SharedCounts,
    Sidecar,
    wall_clock,
)
from .prediction_service import PredictionService
from .privacy_service import CachedAnswers, PrivacyService, erase_again
from .pseudonyms import Pseudonyms, derived_key
from .rate_limits import RateLimiter, RouteClass
from .rights import Rights
from .security import SecurityManager, lets_legitimate_input_through
from .sidecar import AppToken
from .signing_keys import KeySet
from .state_manager import Keys, StateManager, Ttl
from .telling import Teller
from .tracing import NoTracing, Tracing
from .watching import Watcher

TRIM_EVERY_S = 3600
MEET_EVERY_S = 1
FOLLOW_EVERY_S = 2
SECRET_FILE = "jwt-secret"  # noqa: S105  # the name of a file
AUDIT_KEY_FILE = "audit-key"
PSEUDONYM_FILE = "pseudonym-key"


@dataclass(frozen=True, slots=True)
class Resources:
    """What the parts of the service share."""

    settings: Settings
    metrics: Metrics
    security: SecurityManager
    app_token: AppToken
    rights: Rights
    state: StateManager
    mastery: MasteryService
    models: ModelService
    predictions: PredictionService
    cohorts: CohortService
    curriculum: CurriculumService
    cohort_views: CohortViews
    live: LiveService
    batches: BatchService
    analytics: AnalyticsService
    dead_letters: DeadLetterService
    sidecar: Sidecar | None
    notices: NoticeDelivery
    teller: Teller
    audit: AuditTrail
    audit_history: AuditHistory
    rates: RateLimiter
    privacy: PrivacyService
    departure: Departure
    health: Health
    tracing: Tracing
    exposition: Callable[[], Awaitable[bytes]]


Opener: TypeAlias = Callable[[], AbstractAsyncContextManager[Resources]]


@asynccontextmanager
async def open_resources(
    settings: Settings, *, clock: Clock = wall_clock, data_dir: Path | None = None
) -> AsyncIterator[Resources]:
    """Open what the settings ask for, and close it in reverse; ``data_dir`` stands in for the configured one."""
    metrics = Metrics()
    ttl = ttl_of(settings)
    async with AsyncExitStack() as stack:
        pseudonym = open_pseudonyms(settings)
        tracing = open_tracing(settings)
        stack.callback(tracing.close)
        publisher = _open_publisher(settings, tracing, stack) if data_dir is None else None
        ledger = _open_ledger(settings, publisher, stack)
        opened = await stack.enter_async_context(
            _open_stores(settings, ttl, pseudonym=pseudonym, ledger=ledger, clock=clock, data_dir=data_dir)
        )
        stores = opened.timed(metrics.calls)
        state = StateManager(stores.evidence, maintenance=stores.maintenance, ttl=ttl, clock=clock)
        model = mastery_model(settings)
        queue = None if publisher is None else timed(KafkaQueue(publisher), "broker", metrics.calls)
        keys = await _open_keys(settings, stack)
        rates = rate_limiter(settings, stores.counts, clock)
        await stack.enter_async_context(_running(rates.keep_exchanging()))
        sidecar = await _open_sidecar(settings, stack)
        channels = await _open_channels(settings, sidecar, clock, stack)
        notices, teller = _telling(stores, channels, model=model, ttl=ttl, metrics=metrics, queue=queue, clock=clock)
        models = ModelService(stores.documents, local=ModelFiles(data_dir or settings.data_dir))
        mastery = MasteryService(
            stores.evidence,
            state=state,
            model=model,
            metrics=metrics,
            clock=clock,
            telling=teller,
            queue=queue,
            drift=Drift(stores.answers, models=models, metrics=metrics),
        )
        rows = CohortRows(stores.many)
        views = CohortViews(stores.cohorts, rows=rows, state=state, model=model)
        watcher = Watcher(stores.many)
        await stack.enter_async_context(_running(watcher.keep_watching()))
        trail, history = await stack.enter_async_context(_open_audit(settings, stores, clock, data_dir))
        rights = Rights(stores.cohorts)
        curriculum = CurriculumService(stores.documents)
        analytics = AnalyticsService(
            stores.batches,
            evidence=stores.many,
            curriculum=curriculum.get,
            metrics=metrics,
            clock=clock,
            max_concurrent_batches=settings.max_concurrent_batches,
        )
        log = NoDeadLetters() if queue is None else KafkaDeadLetters(settings.kafka_client())
        shown = VisibleDeadLetters(log, ledger=ledger, pseudonym=pseudonym)
        privacy = PrivacyService(
            stores.erasures,
            places={
                "cohorts": stores.cohorts,
                "batches": stores.batches,
                "notices": stores.outbox,
                "cached_answers": CachedAnswers(mastery, rows),
                "dead_letters": StudentDeadLetters(shown, index=stores.handled),
                "rejected_imports": RejectedFiles(settings.data_dir),
                "audit_history": history,
            },
            ledger=ledger,
            pseudonym=pseudonym,
            clock=clock,
            topics=None if publisher is None else KafkaTopics(settings.kafka_client(), may_create=False),
        )
        departure = Departure()
        checks: dict[str, Check] = {
            "store": stores.maintenance.ping,
            "sanitisation": _check_sanitisation,
            "process": departure.check,
        }
        if keys is not None:
            checks["keys"] = keys.check
        yield Resources(
            settings=settings,
            metrics=metrics,
            security=open_security(settings, clock, keys=keys),
            app_token=AppToken(settings.in_clear(settings.app_api_token)),
            rights=rights,
            state=state,
            mastery=mastery,
            models=models,
            predictions=PredictionService(stores.evidence, models=models, clock=clock),
            cohorts=CohortService(stores.cohorts),
            cohort_views=views,
            live=LiveService(
                watcher,
                rows=rows,
                cohorts=stores.cohorts,
                state=state,
                model=model,
                metrics=metrics,
                most=settings.max_concurrent_requests // 2,
            ),
            curriculum=curriculum,
            batches=BatchService(
                stores.batches,
                rights=rights,
                cohorts=stores.cohorts,
                state=state,
                model=model,
                metrics=metrics,
                clock=clock,
                wake=analytics.wake,
            ),
            analytics=analytics,
            dead_letters=DeadLetterService(mastery, log=shown, index=stores.handled, clock=clock),
            privacy=privacy,
            sidecar=sidecar,
            notices=notices,
            teller=teller,
            audit=trail,
            audit_history=history,
            rates=rates,
            tracing=tracing,
            exposition=metrics.exposition,
            departure=departure,
            health=_health(settings, checks, sidecar=sidecar, models=models, metrics=metrics),
        )


def _telling(
    stores: "Stores",
    channels: Mapping[str, Channel],
    *,
    model: MasteryModel,
    ttl: Ttl,
    metrics: Metrics,
    queue: KafkaQueue | None,
    clock: Clock,
) -> tuple[NoticeDelivery, Teller]:
    """Return what brings notices to their targets, and what finds out of which changes to tell them."""
    notices = NoticeDelivery(
        stores.outbox, channels, erased=stores.erasures, lifetime=ttl.notice, metrics=metrics, clock=clock
    )
    publisher = NoticePublisher(stores.outbox, notices.targets, clock=clock, onward=queue, wake=notices.wake)
    teller = Teller(
        stores.derivable,
        publisher,
        model=model,
        retention=ttl.retention,
        clock=clock,
        only_notices=queue is None,
    )
    return notices, teller


def _health(
    settings: Settings,
    needed: Mapping[str, Check],
    *,
    sidecar: DaprSidecar | None,
    models: ModelService,
    metrics: Metrics,
) -> Health:
    """Return the checks: without what is needed the service is not ready, without the others it is only less."""
    beside: dict[str, Check] = {} if sidecar is None else {"dapr": sidecar.check}
    required = {*needed, *(beside if settings.dapr_required else ())}
    checks = {**needed, **beside, "model": models.check}
    return Health(checks, frozenset(required), metrics, spared=frozenset({"model"}))


async def _open_keys(settings: Settings, stack: AsyncExitStack) -> KeySet | None:
    """Return the published keys where an address is configured, and begin to fetch them."""
    keys = key_set_of(settings)
    if keys is not None:
        keys.begin()
        stack.push_async_callback(keys.close)
    return keys


async def _open_sidecar(settings: Settings, stack: AsyncExitStack) -> DaprSidecar | None:
    sidecar = sidecar_of(settings)
    return None if sidecar is None else await stack.enter_async_context(sidecar)


async def _open_channels(
    settings: Settings, sidecar: DaprSidecar | None, clock: Clock, stack: AsyncExitStack
) -> dict[str, Channel]:
    """Return the ways to the targets of notices."""
    channels: dict[str, Channel] = {}
    secrets_left = iter(settings.webhooks())
    for target in settings.targets():
        if target.app_id is None:
            channel = WebChannel(target.text, next(secrets_left), clock=clock)
            stack.push_async_callback(channel.aclose)
            channels[target.text] = channel
        elif sidecar is not None:
            channels[target.text] = DaprChannel(sidecar, target.app_id, target.path)
    return channels


def sidecar_of(settings: Settings) -> DaprSidecar | None:
    """Return the sidecar where there is one; nothing is asked of it yet."""
    if settings.dapr_http_port is None:
        return None
    return DaprSidecar(settings.dapr_http_port, token=settings.in_clear(settings.dapr_api_token))


def key_set_of(settings: Settings) -> KeySet | None:
    """Return the keys at the configured address, none of them fetched yet."""
    if settings.jwt_jwks_url is None:
        return None
    return KeySet(key_set_fetcher(settings.jwt_jwks_url, ca_file=settings.jwt_jwks_ca_file))


@dataclass(frozen=True, slots=True)
class Stores:
    """What is kept between requests, port by port; all of it in one database or one Redis."""

    evidence: EvidenceStore
    derivable: DerivableEvidence
    many: EvidenceOfMany
    answers: AnswersOfMany
    maintenance: Maintenance
    cohorts: SqliteCohorts | RedisCohorts
    documents: DocumentStore
    batches: SqliteBatches | RedisBatches
    outbox: SqliteOutbox | RedisOutbox
    handled: DeadLetterIndex
    audit: SqliteAudit | RedisAudit
    counts: SharedCounts | None
    """What several processes count together, None where there is only one."""
    erasures: Erasable

    def timed(self, seconds: Histogram) -> "Stores":
        """Return the same, with the time of every call observed."""
        parts: dict[str, Any] = {part.name: getattr(self, part.name) for part in fields(self)}
        parts = {name: None if one is None else timed(one, name, seconds) for name, one in parts.items()}
        return Stores(**parts)


@asynccontextmanager
async def _open_stores(
    settings: Settings,
    ttl: Ttl,
    *,
    pseudonym: Pseudonym,
    ledger: ErasureLedger,
    clock: Clock,
    data_dir: Path | None,
) -> AsyncIterator[Stores]:
    """Open Redis where one is configured, else the embedded database."""
    if settings.redis_url is None or data_dir is not None:
        folder = data_dir or settings.data_dir
        async with open_database(folder) as database, open_database(folder, AUDIT_FILE, AUDIT_SCHEMA) as trail:
            embedded = SqliteStore(database, retention=ttl.retention, new_version=new_version, pseudonym=pseudonym)
            erasures = SqliteErasures(database, store=embedded)
            await erase_again(await ledger.read(), erasures.enforce)
            yield Stores(
                evidence=embedded,
                derivable=embedded,
                many=embedded,
                answers=embedded,
                maintenance=embedded,
                cohorts=SqliteCohorts(database, new_version=new_version),
                documents=SqliteDocuments(database, new_version=new_version),
                batches=SqliteBatches(database, lifetime=ttl.batch),
                outbox=SqliteOutbox(database, lifetime=ttl.notice),
                handled=NoDeadLetters(),
                audit=SqliteAudit(trail),
                counts=None,
                erasures=erasures,
            )
        return
    # What Kafka holds is applied again where Redis loses it; without Kafka an answer is a promise.
    opening = open_redis_store(
        redis_of(settings),
        retention=ttl.retention,
        new_version=new_version,
        pseudonym=pseudonym,
        keys=keys_of(settings),
        syncs=settings.kafka_bootstrap_servers is None,
    )
    async with opening as store:
        in_redis = RedisErasures(store, retention=ttl.retention, clock=clock)

        async def enforce(instance: Instance) -> None:
            await erase_again(await ledger.read(), partial(in_redis.enforce, instance=instance))

        store.on_meeting = enforce
        tag = "cohorts" if settings.redis_cluster else ""
        yield Stores(
            evidence=store,
            derivable=store,
            many=store,
            answers=store,
            maintenance=store,
            cohorts=RedisCohorts(store.client, new_version=new_version, hash_tag=tag),
            documents=RedisDocuments(store.client, new_version=new_version),
            batches=RedisBatches(store.client, lifetime=ttl.batch, keys=keys_of(settings)),
            outbox=RedisOutbox(store.client, lifetime=ttl.notice),
            handled=RedisDeadLetterIndex(store.client, lifetime=ttl.dead_letter, pseudonym=pseudonym),
            audit=RedisAudit(store.client, lifetime=ttl.audit),
            counts=RedisCounts(store.client, lifetime=ttl.rate),
            erasures=in_redis,
        )


@asynccontextmanager
async def _open_audit(
    settings: Settings, stores: Stores, clock: Clock, data_dir: Path | None
) -> AsyncIterator[tuple[AuditTrail, AuditHistory]]:
    """Open the audit trail, with one key for its seals and one for its pseudonyms."""
    key = (settings.in_clear(settings.audit_key) or _development_secret(settings.data_dir, AUDIT_KEY_FILE)).encode()
    seal = Seal(derived_key(key, "audit seals"))
    pseudonyms = Pseudonyms(derived_key(key, "pseudonyms"), salts=stores.audit, clock=clock)
    witness = HeadFile(data_dir or settings.data_dir)
    trail = AuditTrail(stores.audit, seal=seal, pseudonyms=pseudonyms, witness=witness, clock=clock)
    history = AuditHistory(
        stores.audit, seal=seal, pseudonyms=pseudonyms, witness=witness, clock=clock, days=settings.audit_days
    )
    async with trail.writing():
        yield trail, history


def open_tracing(settings: Settings) -> Tracing:
    """Return the traces: off, and nothing imported for them, where there is nobody to send them to.

    Raises ``CommandFailed`` where what they need is not installed.
    """
    if settings.otel_exporter_otlp_traces_endpoint is None:
        return NoTracing()
    try:
        from .adapters.open_telemetry import OpenTelemetry  # noqa: PLC0415  # it takes long, and is optional
    except ImportError:
        message = "Traces need the extra of this name: pip install 'mastery-engine[traces]'."
        raise CommandFailed(message) from None
    return OpenTelemetry(settings.otel_exporter_otlp_traces_endpoint)


def _open_publisher(settings: Settings, tracing: Tracing, stack: AsyncExitStack) -> KafkaPublisher | None:
    """Return the way to Kafka's topics where Kafka is configured."""
    if settings.kafka_bootstrap_servers is None:
        return None
    publisher = KafkaPublisher(settings.kafka_client(), trace_headers=tracing.headers)
    stack.callback(publisher.close)
    return publisher


def _open_ledger(settings: Settings, publisher: KafkaPublisher | None, stack: AsyncExitStack) -> ErasureLedger:
    """Return the ledger of erasures, a topic where Kafka is configured, else a file."""
    if publisher is None:
        return ErasureFile(settings.data_dir)
    ledger = KafkaErasures(settings.kafka_client(), publisher=KafkaQueue(publisher))
    stack.callback(ledger.close)
    return ledger


def rate_limiter(settings: Settings, shared: SharedCounts | None, clock: Clock) -> RateLimiter:
    """Return the limits, counted over all processes where these share Redis."""
    secrets = (settings.jwt_secret, settings.redis_password, settings.redis_url)
    return RateLimiter(
        {
            RouteClass.READS: settings.rate_limit_reads,
            RouteClass.WRITES: settings.rate_limit_writes,
            RouteClass.ADMIN: settings.rate_limit_admin,
            RouteClass.AUTH_FAILURES: settings.rate_limit_auth_failures,
        },
        now=clock,
        shared=shared,
        secret="\0".join(settings.in_clear(secret) or "" for secret in secrets).encode(errors="surrogateescape"),
    )


@asynccontextmanager
async def _running(work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Run something beside the block, and end it with the block."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def keys_of(settings: Settings) -> Keys:
    """Return how the keys of students are written where the configured Redis keeps them."""
    return Keys(tagged=settings.redis_cluster)


def redis_of(settings: Settings) -> Client:
    """Return a client of the configured Redis, not yet connected."""
    connect = cluster_client if settings.redis_cluster else redis_client
    return connect(
        settings.in_clear(settings.redis_url) or "",
        username=settings.redis_username,
        password=settings.in_clear(settings.redis_password),
        ca_file=settings.redis_ca_file,
    )


def ttl_of(settings: Settings) -> Ttl:
    """Return the configured lifetimes."""
    return Ttl(
        student_data=timedelta(days=settings.retention_days),
        event_checkpoint=timedelta(days=settings.ledger_ttl_days),
        audit=timedelta(days=settings.audit_days),
    )


def mastery_model(settings: Settings) -> MasteryModel:
    """Return the configured mastery model."""
    return MasteryModel(settings.mastery_method, settings.mastery_weights, settings.mastery_half_life_days)


def new_version() -> int:
    """Return the version of a changed state: no other state has it."""
    return secrets.randbits(48)


@asynccontextmanager
async def open_dry_run(settings: Settings) -> AsyncIterator[Resources]:
    """Open the same over a copy of the embedded store, which is thrown away at the end.

    Over Redis the copy is empty: what would be a duplicate cannot be told.
    """
    with tempfile.TemporaryDirectory() as folder:
        if settings.redis_url is None:
            copy_database(settings.data_dir, Path(folder))
        async with open_resources(settings, data_dir=Path(folder)) as resources:
            yield resources


def open_security(settings: Settings, clock: Clock = wall_clock, *, keys: KeySet | None = None) -> SecurityManager:
    """Return the security manager; in development the secret is made once and kept in the data directory."""
    keys = keys or key_set_of(settings)
    secret = settings.in_clear(settings.jwt_secret)
    comes_from_elsewhere = keys is not None or settings.dapr_secret_store is not None
    return SecurityManager(
        secret or ("" if comes_from_elsewhere else _development_secret(settings.data_dir, SECRET_FILE)),
        previous_secret=settings.in_clear(settings.jwt_secret_previous),
        keys=keys,
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        max_lifetime_days=settings.jwt_max_lifetime_days,
        now=clock,
    )


def open_pseudonyms(settings: Settings) -> Pseudonym:
    """Return the pseudonyms; in development their key is made once and kept in the data directory."""
    key = settings.in_clear(settings.pseudonym_key) or _development_secret(settings.data_dir, PSEUDONYM_FILE)
    return Pseudonym(key.encode(errors="surrogateescape"))


def _development_secret(data_dir: Path, name: str) -> str:
    path = data_dir / name
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        # Whole or not at all: two processes that start at once must end up with the same secret.
        draft = path.with_suffix(f".{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(draft, path)
        finally:
            draft.unlink()
    return path.read_text()


async def _check_sanitisation() -> None:
    if not lets_legitimate_input_through():
        detail = "The rules for identifiers refuse legitimate ones."
        raise StoreUnavailable(detail)
