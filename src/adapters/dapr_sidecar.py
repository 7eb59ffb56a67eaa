"""The Dapr sidecar of this process, over its HTTP interface on loopback."""

from collections.abc import Mapping
from types import TracebackType
from typing import Self
from urllib.parse import quote

import httpx
import msgspec

from ..errors import SidecarUnavailable
from ..ports import SidecarState
from ..sidecar import TOKEN_HEADER

TIMEOUT_S = 5.0
_decode_secret = msgspec.json.Decoder(dict[str, str]).decode


class _Component(msgspec.Struct):
    name: str
    type: str


class _Subscription(msgspec.Struct):
    pubsubname: str
    topic: str


class _Metadata(msgspec.Struct):
    id: str = ""
    components: list[_Component] = []
    subscriptions: list[_Subscription] = []


_decode_metadata = msgspec.json.Decoder(_Metadata).decode


class DaprSidecar:
    """The port of the sidecar; to be closed at the end. Proxies of the environment are not used."""

    def __init__(self, port: int, *, token: str | None) -> None:
        headers = {} if token is None else {TOKEN_HEADER: token}
        address = f"http://127.0.0.1:{port}/v1.0"
        self._client = httpx.AsyncClient(base_url=address, headers=headers, timeout=TIMEOUT_S, trust_env=False)

    async def __aenter__(self) -> Self:
        """Return the sidecar; nothing is asked of it yet."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Close what is open to it."""
        await self._client.aclose()

    async def check(self) -> None:
        """Return when it is ready for work."""
        await self._get("/healthz")

    async def state(self) -> SidecarState:
        """Return what it tells of itself."""
        try:
            told = _decode_metadata(await self._get("/metadata"))
        except msgspec.MsgspecError as error:
            raise _away() from error
        return SidecarState(
            told.id,
            {one.name: one.type for one in told.components},
            tuple((one.pubsubname, one.topic) for one in told.subscriptions),
        )

    async def secret(self, store: str, name: str) -> Mapping[str, str]:
        """Return the values of a secret by their names."""
        try:
            return _decode_secret(await self._get(f"/secrets/{quote(store)}/{quote(name)}"))
        except msgspec.MsgspecError as error:
            what = "What it gives is no secret"
            raise _away(what) from error

    async def invoke(self, app_id: str, path: str, content: bytes, headers: Mapping[str, str]) -> int:
        """Call another application by its name; return the status that it or the sidecar answered with."""
        try:
            answer = await self._client.post(f"/invoke/{quote(app_id)}/method/{path}", content=content, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _away() from error
        return answer.status_code

    async def _get(self, path: str) -> bytes:
        try:
            answer = await self._client.get(path)
        except httpx.HTTPError as error:
            raise _away() from error
        if not answer.is_success:
            what = f"It answers {answer.status_code}"
            raise _away(what)
        return answer.content


def _away(what: str = "It does not answer") -> SidecarUnavailable:
    return SidecarUnavailable(f"The Dapr sidecar cannot be used. {what}.")
