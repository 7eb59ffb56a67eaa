"""Fetching a JSON Web Key Set: one address, no redirects, bounded in size and time."""

import ssl
import time
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

from ..errors import KeysUnavailable

MAX_BYTES = 262_144
STEP_TIMEOUT_S = 3.0
TOTAL_TIMEOUT_S = 5.0
_CHUNK = 65_536


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Leaves a redirect as the error that it is here: the keys come from where the operator said."""

    def redirect_request(self, *_: Any) -> None:  # noqa: ANN401  # as urllib calls it
        return None


def key_set_fetcher(url: str, *, ca_file: Path | None = None) -> Callable[[], bytes]:
    """Return what fetches the set; it blocks for seconds at most, and raises ``KeysUnavailable``.

    The certificate is always checked; proxies of the environment are not used.
    """
    opener = urllib.request.build_opener(
        _NoRedirects,
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file)),
    )
    request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310  # http or https by the settings

    def fetch() -> bytes:
        try:
            with opener.open(request, timeout=STEP_TIMEOUT_S) as answer:
                return _read(answer)
        except (OSError, HTTPException, ValueError):
            detail = "The address of the keys does not answer as it should."
            raise KeysUnavailable(detail) from None

    return fetch


def _read(answer: HTTPResponse) -> bytes:
    deadline_s = time.monotonic() + TOTAL_TIMEOUT_S
    content = bytearray()
    while chunk := answer.read1(_CHUNK):
        content += chunk
        if len(content) > MAX_BYTES or time.monotonic() > deadline_s:
            detail = "The keys take too long or are too many."
            raise KeysUnavailable(detail)
    return bytes(content)
