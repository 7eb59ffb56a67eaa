"""The interface as a page to try out, with everything that it needs served from here."""

import base64
import re
from hashlib import sha256
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Literal

from fastapi import APIRouter, Depends, Request
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse, Response

from .access import resources_of

_FOLDER = Path(str(files("fastapi_offline") / "static"))
_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


async def _served(request: Request) -> None:
    """Answer as if there were nothing, where the interface is not to be described."""
    if not resources_of(request).settings.api_docs:
        raise HTTPException(HTTPStatus.NOT_FOUND)


router = APIRouter(include_in_schema=False, dependencies=[Depends(_served)])


@router.get("/openapi.json")
async def document(request: Request) -> Response:
    """Return the description of the interface."""
    return JSONResponse(request.app.openapi())


@router.get("/docs")
async def docs(request: Request) -> Response:
    """Return the page."""
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=request.app.title,
        swagger_js_url="docs/assets/swagger-ui-bundle.js",
        swagger_css_url="docs/assets/swagger-ui.css",
        swagger_favicon_url="docs/assets/favicon.png",
    )
    page.headers["Content-Security-Policy"] = _policy(bytes(page.body))
    return page


@router.get("/docs/assets/{name}")
async def asset(name: Literal["swagger-ui-bundle.js", "swagger-ui.css", "favicon.png"]) -> Response:
    """Return a file that the page loads."""
    return FileResponse(_FOLDER / name, headers={"Cache-Control": "public, max-age=86400"})


def _policy(page: bytes) -> str:
    """Return a policy that lets the page's own inline script run and no other."""
    digests = (base64.b64encode(sha256(script).digest()).decode() for script in _INLINE_SCRIPT.findall(page))
    scripts = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
