"""The application: its middleware, outermost first, its routers, and what it opens and closes."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.middleware import Middleware
from fastapi.openapi.utils import get_openapi

from . import __version__
from .api import (
    agents,
    audit,
    batch,
    cohort_views,
    cohorts,
    curriculum,
    dapr,
    dead_letters,
    docs,
    events,
    health,
    live,
    models,
    privacy,
    students,
)
from .api.parameters import single_values
from .asyncapi import event_schemas
from .audit_middleware import audit_middleware
from .dashboard import pages
from .dashboard.problem_pages import problem_pages_middleware
from .errors import AuditUnavailable, StoreUnavailable
from .middleware import (
    correlation_middleware,
    rate_limit_headers_middleware,
    request_metrics_middleware,
    request_timeout_middleware,
    security_headers_middleware,
)
from .problems import Problem, add_problem_handlers
from .processes import ProcessRole, from_environment
from .resources import FOLLOW_EVERY_S, MEET_EVERY_S, TRIM_EVERY_S, Opener, Resources

_log = logging.getLogger("mastery_engine.main")

START_AGAIN_S = 5.0
_ROUTERS = (
    health,
    events,
    students,
    privacy,
    cohorts,
    cohort_views,
    live,
    curriculum,
    batch,
    models,
    dead_letters,
    audit,
    agents,
    dapr,
    docs,
    pages,
)

DESCRIPTION = """How well each student masters each topic: evidence in, aggregates stored, mastery derived.

Every number is a fraction 0..1. Every error is a problem document that names the fields and never repeats a value."""


def create_app(open_resources: Opener = from_environment, *, role: ProcessRole = ProcessRole.ALL) -> FastAPI:
    """Return the application of a process role; nothing is opened before it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_resources() as resources:
            app.state.resources = resources
            work = (
                _sweep(resources),
                _record_start(resources, role),
                _meet(resources),
                _follow(resources),
                _tell_what_was_not(resources),
            )
            tasks = [asyncio.create_task(one) for one in work]
            _log.info("SERVICE started", extra={"version": __version__, "environment": resources.settings.environment})
            try:
                async with AsyncExitStack() as beside:
                    if role is not ProcessRole.CONSUMER:
                        await beside.enter_async_context(resources.analytics.running())
                        await beside.enter_async_context(resources.notices.running())
                    yield
            finally:
                for task in tasks:
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task
                _log.info("SERVICE stopped")

    app = FastAPI(
        title="mastery-engine",
        description=DESCRIPTION,
        version=__version__,
        lifespan=lifespan,
        dependencies=[Depends(single_values)],
        middleware=[
            Middleware(security_headers_middleware),
            Middleware(rate_limit_headers_middleware),
            Middleware(correlation_middleware),
            Middleware(problem_pages_middleware),
            Middleware(request_metrics_middleware),
            Middleware(audit_middleware),
            Middleware(request_timeout_middleware),
        ],
        # A redirect would go to whatever host the client names.
        redirect_slashes=False,
        openapi_url=None,  # served by ``api.docs``
        docs_url=None,
        redoc_url=None,
    )
    app.state.admin_routes = {}
    add_problem_handlers(app)
    for module in _ROUTERS if role is not ProcessRole.CONSUMER else (health, dapr):
        app.include_router(module.router)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]  # FastAPI's own way to extend the document
    return app


def _document(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = document["components"]["schemas"]
        schemas |= event_schemas() | batch.batch_schemas() | {"Problem": _problem_schema(schemas)}
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        for path in document["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)
        app.openapi_schema = document
    return app.openapi_schema


def _problem_schema(schemas: dict[str, Any]) -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= schema.pop("$defs", {})
    return schema


async def _sweep(resources: Resources) -> None:
    """Trim what retention no longer keeps, at the start and every hour."""
    while True:
        try:
            touched = await resources.state.trim()
            batches = await resources.analytics.trim()
            await resources.notices.trim()
            rows = await resources.audit_history.trim()
            for kind, number in (("students", touched), ("batches", batches), ("audit_rows", rows)):
                resources.metrics.swept.labels(kind).inc(number)
            resources.metrics.swept_at.set_to_current_time()
            _log.info("RETENTION swept", extra={"students": touched, "batches": batches, "audit_rows": rows})
        except StoreUnavailable:
            _log.warning("RETENTION sweep failed, the store is away")
        await asyncio.sleep(TRIM_EVERY_S)


async def _record_start(resources: Resources, role: ProcessRole) -> None:
    """Have the start and its settings in the audit trail, as soon as the store answers."""
    while True:
        with suppress(StoreUnavailable, AuditUnavailable):
            await resources.audit.record_start(resources.settings, version=__version__, role=role)
            return
        await asyncio.sleep(START_AGAIN_S)


async def _tell_what_was_not(resources: Resources) -> None:
    """Tell what an earlier process has counted and not told of; with Kafka whoever delivered it does so again."""
    if resources.mastery.queues or not resources.notices.targets:
        return
    while True:
        with suppress(StoreUnavailable):
            await resources.teller.sweep(resources.state)
            return
        await asyncio.sleep(START_AGAIN_S)


async def _meet(resources: Resources) -> None:
    """Notice within a second that the store is another instance."""
    while True:
        with suppress(StoreUnavailable):
            await resources.state.meet()
        await asyncio.sleep(MEET_EVERY_S)


async def _follow(resources: Resources) -> None:
    """Notice within seconds that another model was activated."""
    while True:
        with suppress(StoreUnavailable):
            await resources.models.follow()
        await asyncio.sleep(FOLLOW_EVERY_S)


app = create_app()
