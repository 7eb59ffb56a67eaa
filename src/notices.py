"""Notices for targets outside: kept in the outbox with the results that they come from, delivered from there."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from typing import Protocol

import msgspec

from .domain.erasures import Erasure
from .errors import DeliveryFailed, StoreUnavailable
from .observability import Metrics, correlation_id
from .ports import Backlog, Channel, Clock, Delivery, Message, Notice, Outbox, Publisher, Topic

KINDS = frozenset({"com.learnflow.mastery.level.changed.v1", "com.learnflow.mastery.struggle.detected.v1"})
"""What targets hear of; everything else on the topic of results is for who reads all of it."""

AT_ONCE = 16
"""So many notices are on their way to one target at a time."""
POLL_S = 1.0
LEASE_S = 60
"""A notice that somebody has taken and not settled is due again after this time: longer than a delivery may take."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1, 600
_SECOND_US = 1_000_000
_log = logging.getLogger("mastery_engine.notices")


class _Attributes(msgspec.Struct):
    id: str
    type: str
    subject: str


_decode = msgspec.json.Decoder(_Attributes).decode


class Erased(Protocol):
    """Knows who was erased."""

    async def erasure(self, student_id: str) -> Erasure | None:
        """Return the marker of a student, None for one who was never erased."""


class NoticePublisher:
    """Publishes results, and keeps the notices among them in the outbox before it says that they are published.

    What was told of a student is marked only after that, so a crash in between has them kept again, under the same ids.
    """

    def __init__(
        self,
        outbox: Outbox,
        targets: Sequence[str],
        *,
        clock: Clock,
        onward: Publisher | None = None,
        wake: Callable[[], object] = bool,
    ) -> None:
        self._outbox = outbox
        self._targets = targets
        self._clock = clock
        self._onward = onward
        self._wake = wake

    async def publish(self, messages: Sequence[Message]) -> None:
        """Return when everything is safe; raises ``BrokerUnavailable`` and ``StoreUnavailable``."""
        if self._onward is not None:
            await self._onward.publish(messages)
        notices = [notice for message in messages if (notice := self._notice(message)) is not None]
        if notices and self._targets:
            await self._outbox.put(notices, self._targets)
            self._wake()

    def _notice(self, message: Message) -> Notice | None:
        if not self._targets or message.topic != Topic.RESULTS or message.value is None:
            return None
        told = _decode(message.value)
        if told.type not in KINDS:
            return None
        cause = correlation_id.get()
        # One that no request has caused is found by its own id, which goes along and is logged at both ends.
        return Notice(told.id, told.subject, message.value, told.id if cause == "-" else cause, self._clock())


class NoticeDelivery:
    """Delivers what is in the outbox: to each target by itself, so that one that is slow or away holds up no other."""

    def __init__(
        self,
        outbox: Outbox,
        channels: Mapping[str, Channel],
        *,
        erased: Erased,
        lifetime: timedelta,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._outbox = outbox
        self._channels = channels
        self._erased = erased
        self._lifetime_us = lifetime // timedelta(microseconds=1)
        self._metrics = metrics
        self._clock = clock
        self._news = {target: asyncio.Event() for target in channels}

    @property
    def targets(self) -> list[str]:
        """Return who is to hear of notices."""
        return list(self._channels)

    def wake(self) -> None:
        """Look at once whether something is due."""
        for news in self._news.values():
            news.set()

    async def backlogs(self) -> dict[str, Backlog]:
        """Return what each target is still to hear, by its name."""
        return {channel.name: await self._outbox.backlog(target) for target, channel in self._channels.items()}

    async def trim(self) -> int:
        """Forget notices whose time is over, those for targets that are no longer configured among them."""
        return await self._outbox.trim(self._clock())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver beside the block; what is on its way when it ends is delivered again by whoever goes on."""
        async with AsyncExitStack() as stack:
            for target in self._channels:
                await stack.enter_async_context(_running(self._keep_delivering(target)))
            yield

    async def _keep_delivering(self, target: str) -> None:
        news = self._news[target]
        while True:
            news.clear()
            try:
                found = await self.deliver_due(target)
            except StoreUnavailable:
                found = 0
            except Exception:  # noqa: BLE001  # logged with its traceback
                # A defect must not keep a target from hearing anything ever again.
                _log.exception("NOTICE deliveries failed for now")
                found = 0
            if found < AT_ONCE:
                with suppress(TimeoutError):
                    await asyncio.wait_for(news.wait(), POLL_S)

    async def deliver_due(self, target: str) -> int:
        """Deliver what is due to a target; return how many notices that were."""
        now_us = self._clock()
        due = await self._outbox.take(target, now_us, now_us + LEASE_S * _SECOND_US, AT_ONCE)
        await asyncio.gather(*(self._deliver(target, delivery) for delivery in due))
        channel = self._channels[target]
        self._metrics.notices_pending.labels(channel.name).set((await self._outbox.backlog(target)).pending)
        return len(due)

    async def _deliver(self, target: str, delivery: Delivery) -> None:
        notice, channel = delivery.notice, self._channels[target]
        outcome = "delivered"
        erasure = await self._erased.erasure(notice.student_id)
        if erasure is not None and erasure.refuses(notice.created_us):
            outcome = "erased"
        else:
            try:
                await channel.deliver(notice)
            except DeliveryFailed as error:
                outcome = await self._failed(target, delivery, str(error))
        self._metrics.notices.labels(channel.name, outcome).inc()
        if outcome != "failed":
            await self._outbox.done(target, notice)

    async def _failed(self, target: str, delivery: Delivery, reason: str) -> str:
        """Have a notice tried again later, and give up one whose time is over; return which of the two."""
        notice, now_us = delivery.notice, self._clock()
        pause_s = min(FIRST_PAUSE_S * 2 ** min(delivery.attempt - 1, 20), LONGEST_PAUSE_S)
        gives_up = now_us + pause_s * _SECOND_US > notice.created_us + self._lifetime_us
        fields = {
            "target": self._channels[target].name,
            "attempt": delivery.attempt,
            "reason": reason,
            "correlation_id": notice.correlation_id,
        }
        if gives_up:
            _log.error("NOTICE Service invocation failed for the last time", extra=fields)
            return "given_up"
        _log.warning("NOTICE Service invocation failed", extra=fields)
        await self._outbox.postpone(target, notice, now_us + pause_s * _SECOND_US)
        return "failed"


@asynccontextmanager
async def _running(work: Awaitable[None]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
