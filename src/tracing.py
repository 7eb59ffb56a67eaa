"""Traces, as the rest of the service sees them; where they are off nothing is done and nothing is imported for them."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, TypeAlias

from starlette.types import ASGIApp

Headers: TypeAlias = tuple[tuple[str, bytes | None], ...]


class Tracing(Protocol):
    """Follows what is done for a request or for records, over the borders of processes."""

    def around(self, app: ASGIApp) -> ASGIApp:
        """Return the application with a span around each request, in the trace that the request tells of."""

    def headers(self) -> Headers:
        """Return what a record has to carry for its reader to go on with the trace."""

    def batch(self, headers: Iterable[Headers]) -> AbstractContextManager[object]:
        """Return a span around the work on records with these headers, linked to the traces that they come from."""

    def close(self) -> None:
        """Send what was not sent yet."""


class NoTracing:
    """Traces that are off."""

    def around(self, app: ASGIApp) -> ASGIApp:
        """Return the application as it is."""
        return app

    def headers(self) -> Headers:
        """Return nothing."""
        return ()

    def batch(self, headers: Iterable[Headers]) -> AbstractContextManager[object]:
        """Return what does nothing."""
        del headers
        return nullcontext()

    def close(self) -> None:
        """Do nothing."""
