"""The way to a web address, over a socket: what is sent, how it is signed, and where nothing is sent."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from src.adapters.dapr_sidecar import DaprSidecar
from src.adapters.notice_channels import DaprChannel, WebChannel
from src.errors import DeliveryFailed
from src.ports import Notice, wall_clock
from tests.agents import Agent, agent

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOTICE = Notice("n-1", "student-1", '{"id":"n-1","data":"ä"}'.encode(), "request-1", 0)


@pytest.fixture
def listening() -> Iterator[Agent]:
    with agent() as kept:
        yield kept


@pytest.fixture
async def channel(listening: Agent) -> AsyncIterator[WebChannel]:
    channel = WebChannel(f"{listening.url}/hooks?of=school", SECRET, clock=wall_clock)
    yield channel
    await channel.aclose()


async def test_a_notice_arrives_as_it_is_signed_for_its_receiver(listening: Agent, channel: WebChannel) -> None:
    await channel.deliver(NOTICE)
    call = listening.calls.get_nowait()
    assert (call.path, call.content) == ("/hooks?of=school", NOTICE.body)
    assert call.headers["content-type"] == "application/cloudevents+json"
    assert (call.headers["webhook-id"], call.headers["x-request-id"]) == ("n-1", "request-1")
    assert call.headers["host"] == f"127.0.0.1:{listening.port}"
    assert Webhook(SECRET).verify(call.content, call.headers) == {"id": "n-1", "data": "ä"}
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET[:-4] + "AAAA").verify(call.content, call.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(call.content + b" ", call.headers)


async def test_the_moment_of_sending_is_signed(listening: Agent, channel: WebChannel) -> None:
    await channel.deliver(NOTICE)
    assert abs(int(listening.calls.get_nowait().headers["webhook-timestamp"]) - time.time()) < 60


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 410, 500, 503])
async def test_what_is_not_taken_fails_and_no_redirect_is_followed(
    listening: Agent, channel: WebChannel, status: int
) -> None:
    listening.statuses.append(status)
    with pytest.raises(DeliveryFailed, match=f"It answers {status}"):
        await channel.deliver(NOTICE)
    assert listening.calls.qsize() == 1


@pytest.mark.parametrize("status", [200, 202, 204])
async def test_whatever_says_yes_is_enough(listening: Agent, channel: WebChannel, status: int) -> None:
    listening.statuses.append(status)
    await channel.deliver(NOTICE)


async def test_an_address_where_nobody_listens_fails() -> None:
    channel = WebChannel("http://127.0.0.1:1/", SECRET, clock=wall_clock)
    with pytest.raises(DeliveryFailed, match="cannot be reached"):
        await channel.deliver(NOTICE)
    await channel.aclose()


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "0.0.0.0", "::", "224.0.0.1"],  # noqa: S104  # not bound to
)
async def test_a_name_that_leads_to_what_no_target_can_be_is_not_connected_to(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    channel = WebChannel(f"http://{host}/", SECRET, clock=wall_clock)
    with pytest.raises(DeliveryFailed, match="none of a target"):
        await channel.deliver(NOTICE)
    await channel.aclose()


async def test_what_was_looked_up_is_what_is_connected_to(listening: Agent) -> None:
    loop = asyncio.get_running_loop()
    asked: list[str] = []

    class Names:
        """Answers for a name, once."""

        async def getaddrinfo(self, host: str, port: int) -> list[tuple[Any, ...]]:
            asked.append(host)
            return await loop.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM)

    channel = WebChannel(
        f"http://school.example:{listening.port}/hooks", SECRET, clock=wall_clock, look_up=Names().getaddrinfo
    )
    await channel.deliver(NOTICE)
    await channel.aclose()
    assert asked == ["school.example"]
    assert listening.calls.get_nowait().headers["host"] == f"school.example:{listening.port}"


async def test_an_application_without_a_sidecar_cannot_be_called() -> None:
    async with DaprSidecar(1, token=None) as sidecar:
        with pytest.raises(DeliveryFailed):
            await DaprChannel(sidecar, "agent", "notices").deliver(NOTICE)


async def test_an_address_is_called_by_its_host_since_its_path_may_be_a_secret() -> None:
    channel = WebChannel("https://school.example/a-secret-path", SECRET, clock=wall_clock)
    assert channel.name == "school.example"
    await channel.aclose()
