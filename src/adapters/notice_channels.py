"""The ways to targets of notices: an application behind the Dapr sidecar, or a web address."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from ipaddress import ip_address
from socket import SOCK_STREAM
from typing import Any, TypeAlias

import httpx
from standardwebhooks import Webhook

from ..errors import DeliveryFailed, SidecarUnavailable
from ..ports import Clock, Notice
from .dapr_sidecar import DaprSidecar

LookUp: TypeAlias = Callable[[str, int], Awaitable[list[tuple[Any, ...]]]]
"""Finds the addresses of a name and a port, as ``socket.getaddrinfo`` does."""

TIMEOUT_S = 10.0
CONTENT_TYPE = "application/cloudevents+json"
_SECOND_US = 1_000_000


class DaprChannel:
    """An application that is called by its name, at a path of it."""

    def __init__(self, sidecar: DaprSidecar, app_id: str, path: str) -> None:
        self._sidecar = sidecar
        self._path = path
        self.name = app_id

    async def deliver(self, notice: Notice) -> None:
        """Return when the application has taken a notice."""
        headers = {"Content-Type": CONTENT_TYPE, "X-Request-ID": notice.correlation_id}
        try:
            status = await self._sidecar.invoke(self.name, self._path, notice.body, headers)
        except SidecarUnavailable as error:
            raise DeliveryFailed(error.detail) from error
        _check(status)


class WebChannel:
    """A web address; what goes there is signed as a Standard Webhook.

    No redirect is followed and no proxy of the environment used, certificates are checked, and nothing of the answer is
    read but its status. The name is looked up for each delivery, and what was looked up is what is connected to.
    """

    def __init__(self, url: str, secret: str, *, clock: Clock, look_up: LookUp | None = None) -> None:
        self._url = httpx.URL(url)
        self._look_up = look_up or _look_up
        self._webhook = Webhook(secret)
        self._clock = clock
        self._client = httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False, follow_redirects=False)
        self.name = self._url.host

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def deliver(self, notice: Notice) -> None:
        """Return when the address has taken a notice."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                status = await self._post(notice)
        except TimeoutError:
            detail = "It does not answer in time."
            raise DeliveryFailed(detail) from None
        except (httpx.HTTPError, OSError) as error:
            detail = "It cannot be reached."
            raise DeliveryFailed(detail) from error
        _check(status)

    async def _post(self, notice: Notice) -> int:
        address = await self._address()
        headers = {**self._signed(notice), "Host": self._url.netloc.decode(), "Content-Type": CONTENT_TYPE}
        sending = self._client.stream(
            "POST",
            self._url.copy_with(host=address),
            content=notice.body,
            headers=headers,
            extensions={"sni_hostname": self.name},
        )
        async with sending as answer:
            return answer.status_code

    def _signed(self, notice: Notice) -> dict[str, str]:
        now = datetime.fromtimestamp(self._clock() // _SECOND_US, UTC)
        return {
            "webhook-id": notice.notice_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(notice.notice_id, now, notice.body.decode()),
            "X-Request-ID": notice.correlation_id,
        }

    async def _address(self) -> str:
        """Look the name up; raises ``DeliveryFailed`` where it leads to what no target can be."""
        port = self._url.port or {"https": 443}.get(self._url.scheme, 80)
        address = str((await self._look_up(self.name, port))[0][4][0])
        parsed = ip_address(address.partition("%")[0])
        parsed = getattr(parsed, "ipv4_mapped", None) or parsed
        # Where clouds tell machines their credentials, among others.
        if parsed.is_link_local or parsed.is_multicast or parsed.is_unspecified:
            detail = "Its name leads to an address that is none of a target."
            raise DeliveryFailed(detail)
        return address


async def _look_up(host: str, port: int) -> list[tuple[Any, ...]]:
    return await asyncio.get_running_loop().getaddrinfo(host, port, type=SOCK_STREAM)


def _check(status: int) -> None:
    if not httpx.codes.is_success(status):
        detail = f"It answers {status}."
        raise DeliveryFailed(detail)
