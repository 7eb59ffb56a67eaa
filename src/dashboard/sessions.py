"""Sessions: the platform's token in a cookie that only the dashboard is sent, and tokens that tie forms to it."""

import hmac
import secrets
from typing import Annotated, TypeAlias
from urllib.parse import parse_qsl, quote

from fastapi import Depends, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from ..api.access import SESSION, resources_of
from ..api.parameters import read_body
from ..errors import BadRequest, Forbidden, Unauthorized, UnsupportedMediaType

PATH = "/dashboard"
SIGN_IN = f"{PATH}/sign-in"
FORM_TOKEN = "form_token"  # noqa: S105  # the name of a field
MAX_COOKIE_TOKEN = 3800
"""Browsers keep 4096 bytes of a cookie, its name and its attributes included."""

MAX_FORM_FIELDS = 200
_FORM = "application/x-www-form-urlencoded"
_NONCE_BYTES = 16
_VISITOR = "mastery_engine.visitor"
"""Where in the scope of a request stands what the browser of somebody who has not signed in is known by."""

_SAME = frozenset({"same-origin", "none"})


async def session(request: Request) -> None:
    """Take the token of the session for who asks; whoever has none is sent to sign in."""
    token = request.cookies.get(cookie_name(request))
    request.scope[SESSION] = token or ""
    if token:
        return
    headers = to_sign_in(request)
    if "Location" in headers:
        raise HTTPException(303, headers=headers)
    detail = "Sign in."
    raise Unauthorized(detail)


async def posted(request: Request) -> dict[str, str]:
    """Return the fields of a form that came from one of our pages; raises ``Forbidden`` for any other.

    A field that stands twice has its last value.
    """
    _check_origin(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        detail = "Send a form."
        raise UnsupportedMediaType(detail)
    try:
        text = (await read_body(request)).decode()
        fields = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS, errors="strict"))
    except ValueError:
        detail = "The form cannot be read."
        raise BadRequest(detail) from None
    if not _is_form_token(request, fields.pop(FORM_TOKEN, "")):
        detail = "The form is not one of this session. Go back, load the page again and repeat what you did."
        raise Forbidden(detail)
    return fields


Posted: TypeAlias = Annotated[dict[str, str], Depends(posted)]
"""The fields of a form, if it came from a page of the same session."""


def form_token(request: Request) -> str:
    """Return a token for the forms of a page, another one each time and good for as long as the session."""
    nonce = secrets.token_hex(_NONCE_BYTES)
    return f"{nonce}.{_signed(request, nonce)}"


def to_sign_in(request: Request) -> dict[str, str]:
    """Return the headers that lead to signing in, and from there back to the page that was asked for.

    To a part of a page they say that all of it is to be loaded again; a stream is led nowhere.
    """
    if request.headers.get("hx-request"):
        return {"HX-Refresh": "true"}
    if "text/event-stream" in request.headers.get("accept", ""):
        return {}
    path: str = request.scope["path"]
    back = request.method == "GET" and path not in (PATH, SIGN_IN)
    return {"Location": f"{SIGN_IN}?next={quote(path)}" if back else SIGN_IN}


def begin(request: Request, response: Response, token: str, seconds: int) -> None:
    """Put the token of a session into its cookie, for as long as the token is valid."""
    _put(request, response, cookie_name(request), token, seconds)
    response.delete_cookie(_visitor_name(request), PATH, secure=is_secure(request), httponly=True, samesite="strict")


def end(request: Request, response: Response) -> None:
    """Have the browser forget the session."""
    response.delete_cookie(cookie_name(request), PATH, secure=is_secure(request), httponly=True, samesite="strict")


def recognise(request: Request, response: Response) -> None:
    """Make the browser of a visitor known, so that the form for signing in is tied to it as others to a session."""
    visitor = request.scope[_VISITOR]
    if request.cookies.get(_visitor_name(request)) != visitor:
        _put(request, response, _visitor_name(request), visitor, None)


def visit(request: Request) -> None:
    """Take what a visitor's browser is known by, or make something up for it."""
    known = request.cookies.get(_visitor_name(request))
    request.scope[_VISITOR] = known or secrets.token_urlsafe(_NONCE_BYTES)


def cookie_name(request: Request) -> str:
    """Return the name of the cookie; with the prefix a browser takes it over https only."""
    return "__Secure-mastery-session" if is_secure(request) else "mastery-session"


def is_secure(request: Request) -> bool:
    """Tell whether cookies are for https only: always, but for development on the machine itself."""
    settings = resources_of(request).settings
    return settings.production or request.scope["scheme"] == "https" or not is_local(request)


def is_local(request: Request) -> bool:
    """Tell whether a request comes from this machine, and names it too: no proxy stands in between."""
    name, _, port = request.headers.get("host", "").rpartition(":")
    host = name if port.isdecimal() else request.headers.get("host", "")
    return host in _LOCAL and request.client is not None and request.client.host in _LOCAL


_LOCAL = frozenset({"127.0.0.1", "::1", "[::1]", "localhost"})


def _visitor_name(request: Request) -> str:
    return "__Secure-mastery-visitor" if is_secure(request) else "mastery-visitor"


def _put(request: Request, response: Response, name: str, value: str, seconds: int | None) -> None:
    response.set_cookie(
        name, value, max_age=seconds, path=PATH, secure=is_secure(request), httponly=True, samesite="strict"
    )


def _check_origin(request: Request) -> None:
    """Let pass what a page of this very address sent; raises ``Forbidden``.

    Browsers tell where a request comes from in one header or the other, and pages cannot change what they tell.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    host = request.headers.get("host")
    told = site is not None or origin is not None
    if (
        not told
        or (site is not None and site not in _SAME)
        or (origin is not None and origin.partition("://")[2] != host)
    ):
        detail = "The form was sent from another site."
        raise Forbidden(detail)


def _is_form_token(request: Request, given: str) -> bool:
    nonce, _, mac = given.partition(".")
    return bool(_secret(request)) and hmac.compare_digest(mac.encode(), _signed(request, nonce).encode())


def _signed(request: Request, nonce: str) -> str:
    """Return what only this session's pages know: its key is the session's own secret, which no other page can read."""
    return hmac.digest(_secret(request).encode(), f"dashboard form {nonce}".encode(), "sha256").hex()


def _secret(request: Request) -> str:
    return request.scope.get(SESSION) or request.scope.get(_VISITOR) or ""
