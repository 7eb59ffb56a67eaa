"""How the service is: one check for each thing that it depends on, run side by side."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from .errors import Leaving, Refused
from .observability import Metrics

CHECK_TIMEOUT_S = 2

Check: TypeAlias = Callable[[], Awaitable[str | None]]
"""Returns when all is well, maybe with what there is to tell, and raises a ``Refused`` that says what is not."""


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


class Departure:
    """Whether the process is about to end."""

    leaving = False

    async def check(self) -> None:
        """Return while it stays; raises ``Leaving``."""
        if self.leaving:
            detail = "The process is about to end."
            raise Leaving(detail)


@dataclass(frozen=True, slots=True)
class Health:
    """Every check by name, and which of them this process cannot do its work without."""

    checks: Mapping[str, Check]
    needed: frozenset[str]
    metrics: Metrics
    spared: frozenset[str] = frozenset()
    """Without these the service does all its work, only less well: it is degraded."""
    _away_since: dict[str, float] = field(default_factory=dict, init=False)

    async def run(self, *, only_needed: bool = False) -> dict[str, CheckResult]:
        """Run the checks at once, none for longer than two seconds."""
        names = [name for name in self.checks if name in self.needed or not only_needed]
        results = await asyncio.gather(*map(self._run, names))
        for name, result in zip(names, results, strict=True):
            self.metrics.up.labels(name).set(result.status is CheckStatus.OK)
        return dict(zip(names, results, strict=True))

    async def _run(self, name: str) -> CheckResult:
        started = time.perf_counter()
        detail = "no answer in time"
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                told = await self.checks[name]()
        except Refused as error:
            detail = error.detail
        except TimeoutError:
            pass
        else:
            self._away_since.pop(name, None)
            return CheckResult(CheckStatus.OK, told or "answers", _ms(started))
        since = self._away_since.setdefault(name, started)
        detail = f"{detail.removesuffix('.')} (for {time.perf_counter() - since:.0f} s)"
        status = CheckStatus.DEGRADED if name in self.spared else CheckStatus.UNAVAILABLE
        return CheckResult(status, detail, _ms(started))


def _ms(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 3)
