"""Everything long-lived, opened and closed in one place; the only file that picks adapters."""

import asyncio
import os
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from .adapters.redis_client import redis_client
from .adapters.redis_store import RedisStore, open_redis_store
from .adapters.sqlite_store import SqliteStore, copy_database, open_sqlite_store
from .config import Settings
from .domain.model import MasteryModel
from .errors import StoreUnavailable
from .mastery_service import MasteryService
from .observability import Metrics
from .ports import Clock, Retention, wall_clock
from .security import SecurityManager, lets_legitimate_input_through
from .state_manager import StateManager, Ttl

CHECK_TIMEOUT_S = 2
TRIM_EVERY_S = 3600
SECRET_FILE = "jwt-secret"  # noqa: S105  # the name of a file


class CheckStatus(StrEnum):
    """How a dependency, or the service, is."""

    OK = "ok"
    DEGRADED = "degraded"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found."""

    status: CheckStatus
    detail: str
    latency_ms: float


@dataclass(frozen=True, slots=True)
class Health:
    """The checks of what the service depends on, by name; each returns when all is well and raises otherwise."""

    checks: Mapping[str, Callable[[], Awaitable[None]]]
    metrics: Metrics

    async def run(self) -> dict[str, CheckResult]:
        """Run every check at once, none for longer than two seconds."""
        results = await asyncio.gather(*map(self._run, self.checks.values()))
        for name, result in zip(self.checks, results, strict=True):
            self.metrics.up.labels(name).set(result.status is CheckStatus.OK)
        return dict(zip(self.checks, results, strict=True))

    async def _run(self, check: Callable[[], Awaitable[None]]) -> CheckResult:
        started, status, detail = time.perf_counter(), CheckStatus.UNAVAILABLE, "no answer in time"
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                await check()
            status, detail = CheckStatus.OK, "answers"
        except StoreUnavailable as error:
            detail = error.detail
        except TimeoutError:
            pass
        return CheckResult(status, detail, round((time.perf_counter() - started) * 1000, 3))


@dataclass(frozen=True, slots=True)
class Resources:
    """What the parts of the service share."""

    settings: Settings
    metrics: Metrics
    security: SecurityManager
    state: StateManager
    mastery: MasteryService
    health: Health


Opener: TypeAlias = Callable[[], AbstractAsyncContextManager[Resources]]


@asynccontextmanager
async def open_resources(
    settings: Settings, *, clock: Clock = wall_clock, data_dir: Path | None = None
) -> AsyncIterator[Resources]:
    """Open what the settings ask for, and close it in reverse; ``data_dir`` stands in for the configured one."""
    metrics = Metrics()
    ttl = Ttl(
        student_data=timedelta(days=settings.retention_days), event_checkpoint=timedelta(days=settings.ledger_ttl_days)
    )
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(_open_store(settings, ttl.retention, data_dir))
        state = StateManager(store, maintenance=store, ttl=ttl, clock=clock)
        model = MasteryModel(settings.mastery_method, settings.mastery_weights, settings.mastery_half_life_days)
        yield Resources(
            settings=settings,
            metrics=metrics,
            security=open_security(settings, clock),
            state=state,
            mastery=MasteryService(store, state=state, model=model, metrics=metrics, clock=clock),
            health=Health({"store": store.ping, "sanitisation": _check_sanitisation}, metrics),
        )


def _open_store(
    settings: Settings, retention: Retention, data_dir: Path | None
) -> AbstractAsyncContextManager[SqliteStore | RedisStore]:
    """Return Redis where one is configured, else the embedded store."""
    url = settings.in_clear(settings.redis_url)
    if url is None or data_dir is not None:
        return open_sqlite_store(data_dir or settings.data_dir, retention=retention, new_version=_new_version)
    client = redis_client(
        url,
        username=settings.redis_username,
        password=settings.in_clear(settings.redis_password),
        ca_file=settings.redis_ca_file,
    )
    return open_redis_store(client, retention=retention, new_version=_new_version)


def _new_version() -> int:
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


@asynccontextmanager
async def from_environment() -> AsyncIterator[Resources]:
    """Open what the environment asks for."""
    async with open_resources(Settings.from_environment()) as resources:
        yield resources


def open_security(settings: Settings, clock: Clock = wall_clock) -> SecurityManager:
    """Return the security manager; in development the secret is made once and kept in the data directory."""
    return SecurityManager(
        settings.in_clear(settings.jwt_secret) or _development_secret(settings.data_dir),
        previous_secret=settings.in_clear(settings.jwt_secret_previous),
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        max_lifetime_days=settings.jwt_max_lifetime_days,
        now=clock,
    )


def _development_secret(data_dir: Path) -> str:
    path = data_dir / SECRET_FILE
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
