"""Browsers that are signed in: cookies as the dashboard sets them, and forms as its pages send them."""

import re
from collections.abc import Mapping

import httpx

from tests.api.school import CALLERS
from tests.api.tokens import token

SESSION = "__Secure-mastery-session"
FROM_A_PAGE = {"Sec-Fetch-Site": "same-origin", "Origin": "http://engine.test"}
_FORM_TOKEN = re.compile(r'name="form_token" value="([^"]+)"')


def cookie(token_text: str) -> dict[str, str]:
    """Return the header by which a browser says who is signed in."""
    return {"Cookie": f"{SESSION}={token_text}"} if token_text else {}


def signed_in(*roles: str, user_id: str = "someone") -> dict[str, str]:
    """Return the same for somebody."""
    return cookie(token(*roles, user_id=user_id))


VISITORS: Mapping[str, dict[str, str]] = {
    name: cookie(headers.get("Authorization", "").removeprefix("Bearer ")) for name, headers in CALLERS.items()
}
"""Everybody who may ask for something, as a browser says it."""


def token_on(page: httpx.Response) -> str:
    """Return the token of the forms on a page."""
    found = _FORM_TOKEN.search(page.text)
    assert found
    return found[1]


async def form_token(client: httpx.AsyncClient, page: str, headers: Mapping[str, str]) -> str:
    """Open a page, and return the same."""
    return token_on(await client.get(page, headers=headers))
