"""Health, metrics: what probes and Prometheus ask, without a token."""

from dataclasses import dataclass
from typing import Annotated, TypeAlias

import msgspec
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from .. import __version__
from ..exposition import OPEN_TYPE, PLAIN_TYPE, asks_for_openmetrics, plain
from ..health import CheckResult, CheckStatus, Health
from .access import resources_of

router = APIRouter(tags=["health"])


@dataclass(frozen=True, slots=True)
class HealthReport:
    """How the service is, and each thing that it depends on."""

    status: CheckStatus
    version: str
    checks: dict[str, CheckResult]


async def _health(request: Request) -> Health:
    return resources_of(request).health


HealthDep: TypeAlias = Annotated[Health, Depends(_health)]


@router.get("/live", response_model=HealthReport)
async def live() -> Response:
    """Tell that the process runs; asks nothing else."""
    return _report({})


@router.get("/health", response_model=HealthReport, responses={503: {"model": HealthReport}})
async def health(checks: HealthDep) -> Response:
    """Tell how each configured dependency is; 503 when one is away."""
    return _report(await checks.run())


@router.get("/ready", response_model=HealthReport, responses={503: {"model": HealthReport}})
async def ready(checks: HealthDep) -> Response:
    """Tell whether this process can do its work; 503 when it cannot."""
    return _report(await checks.run(only_needed=True))


@router.get(
    "/metrics", response_class=Response, responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
)
async def metrics(request: Request) -> Response:
    """Return the metrics in the Prometheus text format, or as OpenMetrics to who takes that."""
    text = await resources_of(request).exposition()
    if asks_for_openmetrics(request.headers.get("accept", "")):
        return Response(text, media_type=OPEN_TYPE)
    return Response(plain(text), media_type=PLAIN_TYPE)


def _report(checks: dict[str, CheckResult]) -> Response:
    found = {check.status for check in checks.values()}
    away = CheckStatus.UNAVAILABLE in found
    status = next((one for one in (CheckStatus.UNAVAILABLE, CheckStatus.DEGRADED) if one in found), CheckStatus.OK)
    body = msgspec.json.encode(HealthReport(status, __version__, checks))
    return Response(body, 503 if away else 200, {"Retry-After": "5"} if away else None, "application/json")
