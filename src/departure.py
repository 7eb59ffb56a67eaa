"""How a process leaves: whoever watches it is told first, and only then does it stop to listen.

Balancers need a moment to notice. Who was told in time has gone elsewhere, so that no connection is cut.
"""

import asyncio
import logging
import socket
from collections.abc import Callable

import uvicorn

from .health import Departure

_POLL_S = 0.05
_log = logging.getLogger("mastery_engine.main")


class LeavingServer(uvicorn.Server):
    """Goes on to answer for some seconds after it was told to stop, and closes each connection with its answer."""

    def __init__(
        self,
        config: uvicorn.Config,
        departure: Departure,
        *,
        delay_s: float,
        before_draining: Callable[[], object],
    ) -> None:
        """Take what is told of the departure, and what ends answers that have no end of their own."""
        super().__init__(config)
        self._before_draining = before_draining
        self._departure = departure
        self._delay_s = delay_s

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell, wait, and end."""
        self._departure.leaving = True
        _log.info("SERVICE leaves", extra={"delay_s": self._delay_s})
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]
        ends_s = asyncio.get_running_loop().time() + self._delay_s
        # uvicorn tells of a second signal by an attribute only.
        while asyncio.get_running_loop().time() < ends_s and not self.force_exit:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_S)
        self._before_draining()
        await super().shutdown(sockets)
