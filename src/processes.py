"""What runs in a process of the service: the interface, the consumer, or both, the consumer in a process of its own."""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING

import uvloop

from .adapters.kafka_erasures import KafkaErasures
from .adapters.kafka_producer import KafkaPublisher
from .adapters.kafka_topics import GROUP, KafkaLag, KafkaTopics
from .adapters.redis_facts import RedisFacts
from .adapters.redis_outbox import RedisOutbox
from .adapters.redis_store import RedisStore
from .adapters.redis_stream import RedisStream
from .adapters.timed import timed
from .config import Settings
from .dapr_secrets import with_secret
from .drift import Drift
from .errors import BrokerUnavailable, ConsumerUnavailable, StoreUnavailable
from .exposition import OPEN_TYPE, merged
from .kafka_consumer import KafkaConsumer
from .notices import NoticePublisher
from .observability import Metrics
from .ports import Topic, wall_clock
from .resources import (
    Resources,
    keys_of,
    mastery_model,
    new_version,
    open_pseudonyms,
    open_resources,
    redis_of,
    sidecar_of,
    ttl_of,
)
from .stream_service import StreamService

if TYPE_CHECKING:
    from .health import Check

YOUNG_OBJECTS = 20_000
"""So many more objects than are gone have to be there before the newest are looked through: some milliseconds."""

EXPORT_EVERY_S = 5.0
STALLED_S = 60.0
STOP_S = 10.0
MAX_RESTART_PAUSE_S = 10.0
_log = logging.getLogger("mastery_engine.processes")


class ProcessRole(StrEnum):
    """Which part of the service runs in a process."""

    ALL = "all"
    API = "api"
    CONSUMER = "consumer"


@asynccontextmanager
async def open_service(
    settings: Settings,
    role: ProcessRole,
    *,
    as_json: bool = False,
    on_failure: Callable[[BaseException], object] = bool,
    followers: list[Callable[[signal.Signals], None]] | None = None,
) -> AsyncIterator[Resources]:
    """Open the resources and what the role runs beside them; without Kafka there is nothing beside.

    ``on_failure`` is told what ended the consumer, before the process is asked to end. To ``followers`` is added what
    passes a signal on to a process beside this one.
    """
    if role is not ProcessRole.CONSUMER:  # the consumer opens nothing to the outside
        for name, reason in settings.advice():
            _log.warning("CONFIG setting is weak", extra={"setting": name, "reason": reason})
    async with AsyncExitStack() as stack:
        settings = await _with_secret(settings)
        resources = await stack.enter_async_context(open_resources(settings))
        if settings.redis_url is not None and role is not ProcessRole.CONSUMER:
            await stack.enter_async_context(_exporting_load(settings, resources.metrics))
        if settings.kafka_bootstrap_servers is None:
            yield resources
            return
        topics = KafkaTopics(settings.kafka_client(), may_create=settings.kafka_create_topics)
        checks: dict[str, Check] = {"kafka": lambda: asyncio.to_thread(topics.ping)}
        needed = set(resources.health.needed)
        exposition = resources.exposition
        if role is ProcessRole.CONSUMER:
            thread = ConsumerThread(settings, topics, resources, on_failure=on_failure)
            await stack.enter_async_context(thread.running())
            checks["consumer"] = thread.check
            needed |= {"kafka", "consumer"}
        else:
            await stack.enter_async_context(_exporting_lag(settings, resources.metrics))
        if role is ProcessRole.ALL:
            child = ConsumerProcess(as_json=as_json)
            await stack.enter_async_context(child.running())
            if followers is not None:
                followers.append(child.signal)
            checks["consumer"] = child.check
            needed.add("consumer")

            async def both() -> bytes:
                beside = await child.metrics()
                return merged(await resources.exposition(), beside) if beside else await resources.exposition()

            exposition = both
        health = replace(resources.health, checks={**resources.health.checks, **checks}, needed=frozenset(needed))
        yield replace(resources, health=health, exposition=exposition)


def spare_collections() -> None:
    """Have garbage collected less often, and leave out what was made for the start, once that is done.

    What lives as long as the process would otherwise be looked through again and again, which holds up every request
    for tens of milliseconds; and a view of a class makes thousands of objects in which there are no cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


async def _with_secret(settings: Settings) -> Settings:
    """Return the settings with the secret that the sidecar is to fetch, where there is one to be fetched."""
    sidecar = sidecar_of(settings)
    if sidecar is None:
        return settings
    async with sidecar:
        return await with_secret(settings, sidecar)


@asynccontextmanager
async def from_environment() -> AsyncIterator[Resources]:
    """Open everything that the environment asks for."""
    async with open_service(Settings.from_environment(), ProcessRole.ALL) as resources:
        yield resources


class ConsumerThread:
    """The consumer in a thread of its own: all that talks to Kafka's consumer lives there."""

    def __init__(
        self,
        settings: Settings,
        topics: KafkaTopics,
        resources: Resources,
        *,
        on_failure: Callable[[BaseException], object],
    ) -> None:
        self._settings = settings
        self._tracing = resources.tracing
        self._topics = topics
        self._metrics = resources.metrics
        self._models = resources.models
        self._on_failure = on_failure
        self._stopping = threading.Event()
        self._stepped_s = time.monotonic()
        self._consumer: KafkaConsumer | None = None
        self._thread = threading.Thread(target=self._run, name="kafka-consumer", daemon=True)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the thread; at the end it finishes the step that it is in, for a bounded time."""
        self._thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            await asyncio.to_thread(self._thread.join, STOP_S)
            if self._thread.is_alive():
                _log.error("KAFKA consumer does not stop, the process ends without it")

    async def check(self) -> None:
        """Return while the loop turns and nothing keeps it from its work; raises ``ConsumerUnavailable``."""
        if not self._thread.is_alive():
            detail = "The consumer has ended."
            raise ConsumerUnavailable(detail)
        if time.monotonic() - self._stepped_s > STALLED_S:
            detail = "The consumer has not polled for a minute."
            raise ConsumerUnavailable(detail)
        if self._consumer is not None and self._consumer.waits_for is not None:
            detail = f"The consumer waits: {self._consumer.waits_for}"
            raise ConsumerUnavailable(detail)

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                self._consume(runner)
        except BaseException as error:  # noqa: BLE001  # whatever it is, the process must not go on as if it consumed
            _log.critical("KAFKA consumer failed, the process ends", exc_info=True)
            self._on_failure(error)
            os.kill(os.getpid(), signal.SIGTERM)

    def _consume(self, runner: asyncio.Runner) -> None:
        retention = ttl_of(self._settings).retention
        client = redis_of(self._settings)
        store = RedisStore(
            client,
            retention=retention,
            new_version=new_version,
            pseudonym=open_pseudonyms(self._settings),
            keys=keys_of(self._settings),
            follows=False,
        )
        publisher = KafkaPublisher(self._settings.kafka_client(), trace_headers=self._tracing.headers)
        ledger = KafkaErasures(self._settings.kafka_client(), publisher=publisher)
        broker = timed(publisher, "broker", self._metrics.calls)
        outbox = RedisOutbox(client, lifetime=ttl_of(self._settings).notice)
        targets = [target.text for target in self._settings.targets()]
        service = StreamService(
            timed(RedisStream(store, retention=retention), "stream", self._metrics.calls),
            NoticePublisher(outbox, targets, clock=wall_clock, onward=broker) if targets else broker,
            ledger=ledger,
            model=mastery_model(self._settings),
            retention=retention,
            metrics=self._metrics,
            clock=wall_clock,
            group=GROUP,
            drift=Drift(store, models=self._models, metrics=self._metrics),
        )
        consumer = self._consumer = KafkaConsumer(
            self._settings.kafka_client()
            | {"group.id": GROUP, "session.timeout.ms": self._settings.kafka_session_timeout_ms},
            service,
            find_stream=self._topics.ensure,
            metrics=self._metrics,
            accepts_gap=self._settings.kafka_accept_gap,
            tracing=self._tracing,
        )
        try:
            while not self._stopping.is_set():
                consumer.run_once(runner)
                self._stepped_s = time.monotonic()
        finally:
            consumer.close()
            ledger.close()
            publisher.close()
            runner.run(client.aclose())


class ConsumerProcess:
    """A consumer as a child process, started again when it ends."""

    def __init__(self, *, as_json: bool) -> None:
        self._log_options = ("--json",) if as_json else ()
        self._port = _free_port()
        self._child: asyncio.subprocess.Process | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep a child running; stop it at the end."""
        keeping = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping
            await self._stop()

    async def check(self) -> None:
        """Return while the child lives; raises ``ConsumerUnavailable``."""
        if self._child is None or self._child.returncode is not None:
            detail = "The consumer process is not running."
            raise ConsumerUnavailable(detail)

    def signal(self, which: signal.Signals) -> None:
        """Send a signal to the child, where there is one."""
        if self._child is not None and self._child.returncode is None:
            self._child.send_signal(which)

    async def metrics(self) -> bytes:
        """Return the metrics of the child, nothing while it does not answer."""
        return await asyncio.to_thread(_fetch, f"http://127.0.0.1:{self._port}/metrics")

    async def _keep(self) -> None:
        pause_s = 0.5
        package = __package__.partition(".")[0]
        while True:
            started_s = time.monotonic()
            options = ("serve", "--role", ProcessRole.CONSUMER, "--host", "127.0.0.1", "--port", str(self._port))
            # In a session of its own, so that Ctrl-C reaches it through this process only; the open pipe to it tells
            # it that this process lives.
            self._child = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", package, *options, "--while-stdin-is-open", *self._log_options),
                stdin=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
            _log.info("KAFKA consumer process started", extra={"pid": self._child.pid})
            code = await self._child.wait()
            _log.error("KAFKA consumer process ended", extra={"exit_code": code})
            pause_s = 0.5 if time.monotonic() - started_s > STALLED_S else min(pause_s * 2, MAX_RESTART_PAUSE_S)
            await asyncio.sleep(pause_s)

    async def _stop(self) -> None:
        if self._child is None or self._child.returncode is not None:
            return
        self._child.terminate()
        try:
            await asyncio.wait_for(self._child.wait(), STOP_S + 2)
        except TimeoutError:
            self._child.kill()
            await self._child.wait()


@asynccontextmanager
async def _exporting_lag(settings: Settings, metrics: Metrics) -> AsyncIterator[None]:
    """Measure the group's lag from outside it, so that it is seen when every consumer is dead."""
    lag = KafkaLag(settings.kafka_client())

    async def export() -> None:
        for number, records in (await asyncio.to_thread(lag.measure)).items():
            metrics.lag.labels(GROUP, Topic.EVENTS, str(number)).set(records)

    async with _repeating(export):
        yield
    await asyncio.to_thread(lag.close)


@asynccontextmanager
async def _exporting_load(settings: Settings, metrics: Metrics) -> AsyncIterator[None]:
    """Ask Redis what it does and holds, for where nobody runs an exporter beside it."""
    client = redis_of(settings)
    facts = RedisFacts(client)

    async def export() -> None:
        load = await facts.load()
        metrics.redis_commands.told = load.commands
        metrics.redis_memory.set(load.used_bytes)
        metrics.redis_max_memory.set(load.max_bytes)

    async with _repeating(export):
        yield
    await client.aclose()


@asynccontextmanager
async def _repeating(export: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Do something every few seconds beside the block, also after who was asked did not answer."""

    async def repeat() -> None:
        while True:
            with suppress(BrokerUnavailable, StoreUnavailable):
                await export()
            await asyncio.sleep(EXPORT_EVERY_S)

    exporting = asyncio.create_task(repeat())
    try:
        yield
    finally:
        exporting.cancel()
        with suppress(asyncio.CancelledError):
            await exporting


def _fetch(url: str) -> bytes:
    try:
        request = urllib.request.Request(url, headers={"Accept": OPEN_TYPE})  # noqa: S310  # our own child on loopback
        with urllib.request.urlopen(request, timeout=1) as answer:  # noqa: S310  # likewise
            return bytes(answer.read())
    except OSError:
        return b""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
