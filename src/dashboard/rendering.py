"""From a template and what it shows to an answer, in the frame that all pages share."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response

from ..api.access import asked, resources_of
from ..domain.days import to_date
from ..security import Principal
from . import charts, words
from .assets import address, takes_gzip
from .catalogue import Formats, locale_of, translations
from .navigation import Link, main_links
from .sessions import form_token

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""Everything from here, nothing inline, no frames; a template with a script or a style in it would not work."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    # With no-referrer a browser sends forms with "Origin: null", and where they come from could not be checked.
    "Referrer-Policy": "same-origin",
    "Vary": "Cookie, Accept-Encoding, Accept-Language",
}
_TEMPLATES = Path(__file__).with_name("templates")
_WORTH_PACKING = 1024


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page has around its content. ``who`` is None before signing in."""

    who: Principal | None
    links: tuple[Link, ...]
    form_token: str


def page(request: Request, template: str, status: int = 200, **content: object) -> Response:
    """Return a page, or a part of one for htmx to put into its place."""
    today = to_date(resources_of(request).state.today())
    return respond(request, render(request, template, today, content), status)


def render(request: Request, template: str, today: date, content: Mapping[str, Any]) -> str:
    """Return the text of a page."""
    who = asked(request).who
    formats = Formats(locale_of(request), today)
    frame = Frame(who, main_links(who, request.scope["path"]), form_token(request))
    found = _environment(formats.language).get_template(template)
    return found.render(content, frame=frame, fmt=formats, today=today, path=request.scope["path"])


def respond(request: Request, text: str, status: int = 200) -> Response:
    """Return a page with the headers of all pages, compressed where the browser reads that."""
    body, packing = text.encode(), dict[str, str]()
    if len(body) > _WORTH_PACKING and takes_gzip(request):
        # What is secret in a page, the token of its forms, is another one each time: its length tells nothing.
        body, packing = gzip.compress(body, 6, mtime=0), {"Content-Encoding": "gzip"}
    return Response(body, status, HEADERS | packing, "text/html")


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]  # added by the extension
    environment.globals.update(asset=address, words=words, charts=charts)
    return environment
