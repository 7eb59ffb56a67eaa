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

from .adapters.sqlite_store import copy_database, open_sqlite_store
from .config import Settings
from .domain.model import MasteryModel
from .errors import StoreUnavailable
from .mastery_service import MasteryService
from .observability import Metrics
from .ports import Clock, wall_clock
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
        store = await stack.enter_async_context(
            open_sqlite_store(
                data_dir or settings.data_dir, retention=ttl.retention, new_version=lambda: secrets.randbits(48)
            )
        )
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


@asynccontextmanager
async def open_dry_run(settings: Settings) -> AsyncIterator[Resources]:
    """Open the same over a copy of the store, which is thrown away at the end."""
    with tempfile.TemporaryDirectory() as folder:
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
    configured = settings.secret_values()
    return SecurityManager(
        configured["current"] or _development_secret(settings.data_dir),
        previous_secret=configured["previous"],
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
