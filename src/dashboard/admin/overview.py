"""How the service is at a glance: its parts, what came in, what waits, and what is left to do."""

from typing import Any

from fastapi import Request
from starlette.responses import Response

from ...api.access import Admin, resources_of
from ...dead_letter_answers import LetterSummary
from ...errors import Refused
from ...health import CheckStatus
from .figures import figures_of
from .frame import admin_page, admin_router

OPEN_LETTERS = 5

router = admin_router("")


@router.get("")
async def service(request: Request, who: Admin) -> Response:
    """Show how the service is."""
    del who
    letters = await _open_letters(request)
    return admin_page(request, "overview.html", letters=letters, **await _now(request))


@router.get("/figures")
async def service_figures(request: Request, who: Admin) -> Response:
    """Show the part of the page that renews itself: nothing of it is about a person."""
    del who
    return admin_page(request, "figures.html", **await _now(request))


async def _now(request: Request) -> dict[str, Any]:
    resources = resources_of(request)
    checks = await resources.health.run()
    return {
        "checks": checks,
        "away": [name for name, check in checks.items() if check.status is not CheckStatus.OK],
        "figures": figures_of(resources.metrics),
        "with_kafka": resources.settings.kafka_bootstrap_servers is not None,
    }


async def _open_letters(request: Request) -> tuple[LetterSummary, ...] | None:
    """Return the newest dead letters that nobody dealt with; None where that cannot be told right now."""
    try:
        return (await resources_of(request).dead_letters.list(limit=OPEN_LETTERS, only_open=True)).dead_letters
    except Refused:
        return None
