"""What comes through the Dapr sidecar: how it is told from anybody else, and which application it speaks for."""

import hmac
import re
from collections.abc import Sequence

from starlette.datastructures import Headers

TOKEN_HEADER = "dapr-api-token"  # noqa: S105  # the name of a header
CALLER_HEADER = "dapr-caller-app-id"
_APP_ID = re.compile(r"[A-Za-z0-9._-]{1,253}", re.ASCII)


class AppToken:
    """The token that the sidecar puts on everything it sends to the application; without one it is never recognised."""

    def __init__(self, token: str | None) -> None:
        self._token = None if token is None else token.encode(errors="surrogateescape")

    @property
    def known(self) -> bool:
        """Tell whether there is one."""
        return self._token is not None

    def accepts(self, given: Sequence[str]) -> bool:
        """Tell whether a request has the token, once; in constant time."""
        text = given[0].encode(errors="surrogateescape") if len(given) == 1 else b""
        return hmac.compare_digest(text, self._token or b"") and self._token is not None

    def caller(self, headers: Headers) -> str | None:
        """Return the application that called, None unless a sidecar says so: anybody can name one."""
        app_ids = headers.getlist(CALLER_HEADER)
        if not app_ids or not self.accepts(headers.getlist(TOKEN_HEADER)):
            return None
        return app_ids[0] if len(app_ids) == 1 and _APP_ID.fullmatch(app_ids[0]) else None
