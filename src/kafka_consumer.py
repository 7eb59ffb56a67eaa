"""The consumer of ``mastery.events``: a loop that one can step, and a pure decision about failures.

Kafka is asked from one thread only. The order of work is that of ``stream_service``; here is what Kafka adds to it:
assignments, batches, pauses and commits.
"""

import asyncio
import gc
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from enum import StrEnum
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from .dead_letters import Record
from .errors import BrokerUnavailable, InstanceChanged, Refused, StoreUnavailable, Superseded
from .observability import Metrics
from .ports import Partition, Stream, Topic, wall_clock
from .stream_service import Assignment, Step, StreamService
from .tracing import NoTracing, Tracing
from .waiting_records import WaitingRecords

READ = 2000
"""So many records are read at once."""
MAX_BATCH, BATCH_BYTES = 40_000, 27_000_000
"""A batch holds no more records or bytes, and fewer records where they take too long."""
BATCH_S = 20.0
"""What a batch may take: a rebalance or an end has to wait for so long."""
POLL_S = 0.05
LINGER_S = 0.005
IDLE_CHECK_S = 1.0
MAX_POLL_INTERVAL_MS = 300_000
MAX_ATTEMPTS = 5
MEASURED = 100
"""Of no more records of a batch it is measured how long they took."""
MAX_PAUSE_S = 5.0
_TIMEOUT_S = 5.0
_NOWHERE = -1  # in no partition's work

_OFF = NoTracing()
_log = logging.getLogger("mastery_engine.kafka")


class Disposition(StrEnum):
    """What to do after a failure."""

    RESUME = "resume"
    RETRY = "retry"
    STOP = "stop"


class Outcome(StrEnum):
    """What one step of the loop did."""

    IDLE = "idle"
    WORKED = "worked"
    RESUMED = "resumed"
    WAITED = "waited"


def decide(error: Exception, attempts: int) -> Disposition:
    """Decide what follows from a failure: go on elsewhere, try again later, or end the process.

    What may pass is tried for ever. A defect is tried a few times, since no record may be lost to it; after that the
    process ends with an error, which an operator sees.
    """
    if isinstance(error, Superseded | InstanceChanged):
        return Disposition.RESUME
    if isinstance(error, StoreUnavailable | BrokerUnavailable):
        return Disposition.RETRY
    if isinstance(error, KafkaException):
        return Disposition.STOP if _fatal(error.args[0]) else Disposition.RETRY
    return Disposition.STOP if attempts >= MAX_ATTEMPTS else Disposition.RETRY


class KafkaConsumer:
    """Reads the events of a consumer group's share of partitions and has them worked on.

    ``run_once`` is one step; ``run`` repeats it until ``stop``. Both belong to one thread. ``find_stream`` returns what
    is read, and raises ``BrokerUnavailable`` while that cannot be told. A partition whose state is lost and cannot be
    read again is not worked on, unless this one ``accepts_gap``.
    """

    def __init__(
        self,
        settings: Mapping[str, str | int | bool],
        service: StreamService,
        *,
        find_stream: Callable[[], Stream],
        metrics: Metrics,
        accepts_gap: bool = False,
        tracing: Tracing = _OFF,
        on_step: Callable[[Step], object] = bool,
    ) -> None:
        self._consumer = Consumer({**settings, **_FIXED}, logger=_log)
        self._silence_s = int(settings.get("max.poll.interval.ms", MAX_POLL_INTERVAL_MS)) / 3000
        self._service = service
        self._find_stream = find_stream
        self._stream: Stream | None = None
        self._metrics = metrics
        self._accepts_gap = accepts_gap
        self._tracing = tracing
        self._on_step = on_step
        self._held: dict[int, Assignment] = {}
        self._waiting: set[int] = set()
        self._refused: set[int] = set()
        self._begun = False
        self._attempts: Counter[int] = Counter()
        self._at = _NOWHERE
        self.waits_for: str | None = None
        """What keeps it from going on, None while it works; read from other threads."""
        self._waiting_records = WaitingRecords()
        self._size = MAX_BATCH
        self._uncommitted = False
        self._checked_s = 0.0
        self._polled_s = 0.0
        self._followed_s = 0.0
        self._stopping = False
        self._consumer.subscribe(
            [Topic.EVENTS], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
        )

    # -- as the operations guide shows them

    def poll(self, timeout_ms: int) -> list[Record]:
        """Return the records that are there or arrive within a time, of the partitions held and worked on."""
        # Whoever asks for many waits out the time for them: the first ends it, but for those that come with it.
        messages = self._consumer.consume(1, timeout_ms / 1000)
        if messages:
            messages += self._consumer.consume(READ - 1, min(LINGER_S, timeout_ms / 1000))
        self._polled_s = time.monotonic()
        return [record for message in messages if (record := self._ours(message)) is not None]

    def commit(self) -> None:
        """Commit the position of every partition held; that somebody else holds it by now is no error.

        What was not taken is offered again when nothing else is to be done.
        """
        places = [TopicPartition(Topic.EVENTS, number, held.position) for number, held in self._held.items()]
        self._uncommitted = False
        try:
            if places:
                self._consumer.commit(offsets=places, asynchronous=False)
        except KafkaException as error:
            self._uncommitted = True
            _log.warning("KAFKA commit refused", extra={"reason": error.args[0].name()})

    # -- the loop

    def run(self, runner: asyncio.Runner) -> None:
        """Step until told to stop; raises what cannot be mended here."""
        while not self._stopping:
            self.run_once(runner)

    def stop(self) -> None:
        """Ask the loop to end after the step that it is in; may be called from any thread."""
        self._stopping = True

    def close(self) -> None:
        """Leave the group at once."""
        self._consumer.close()

    def run_once(self, runner: asyncio.Runner) -> Outcome:
        """Do one step: meet the store, resume partitions, or read and work on a batch."""
        self._at = _NOWHERE
        try:
            if not self._begun:
                runner.run(self._begin())
            with _without_collections():
                outcome = runner.run(self._resume()) if self._waiting else self._work(runner)
        except Exception as error:  # noqa: BLE001  # the consumer's step: the decision is made in one place
            return self._failed(error)
        del self._attempts[_NOWHERE]
        if not self._attempts:
            self.waits_for = self._refusal()
        return outcome

    async def _begin(self) -> None:
        self._stream = self._find_stream()
        await self._service.begin()
        self._waiting |= self._held.keys() | self._refused
        self._held.clear()
        self._refused.clear()
        self._begun = True

    async def _resume(self) -> Outcome:
        """Find out where to go on with the partitions that wait, and read from there."""
        assert self._stream is not None  # noqa: S101  # begun before
        numbers = sorted(self._waiting)
        places = [TopicPartition(Topic.EVENTS, number) for number in numbers]
        committed = {place.partition: place.offset for place in self._consumer.committed(places, timeout=_TIMEOUT_S)}
        for number in numbers:
            partition = Partition(self._stream.cluster_id, self._stream.topic_id, number)
            offset = committed[number]
            held = await self._service.resume(partition, offset if offset >= 0 else None)
            if await self._begin_within_log(held, emptied=held.applied is None and offset > 0):
                self._held[number] = held
                _log.info("KAFKA resumes", extra={"partition": number, "offset": held.position})
        self._waiting.clear()
        self._tell_refused()
        self._consumer.assign(
            places := [TopicPartition(Topic.EVENTS, n, held.position) for n, held in self._held.items()]
        )
        self._consumer.resume(places)
        self._waiting_records.clear()
        return Outcome.RESUMED

    async def _begin_within_log(self, held: Assignment, *, emptied: bool) -> bool:
        """Move the position to the beginning of the log where that is later; what lies between is told.

        Return False where the partition must not be read: an ``emptied`` store had what lay before the log too, and
        what is added to nothing would look like the truth. To a new store it means nothing.
        """
        number = held.partition.number
        place = TopicPartition(Topic.EVENTS, number)
        first, _ = self._consumer.get_watermark_offsets(place, timeout=_TIMEOUT_S)
        if first <= held.position:
            return True
        fields = {"partition": number, "from": held.position, "to": first}
        if emptied and not self._accepts_gap:
            _log.error("KAFKA partition refused, its state is lost and the log cannot fill it again", extra=fields)
            self._refused.add(number)
            return False
        if held.position > 0 or emptied:
            _log.error("KAFKA records are gone before they were read", extra=fields)
            self._metrics.gap.inc(first - held.position)
        if held.applied is None:
            # Else a partition that stays quiet would look emptied at the next time: its commit is all there is of it.
            await self._service.start_at(held, first)
        held.position = first
        return True

    def _tell_refused(self) -> None:
        self._metrics.refused.clear()
        for number in self._refused:
            self._metrics.refused.labels(str(number)).set(1)

    def _refusal(self) -> str | None:
        """Return what is to be done about partitions that are not read, None where there are none."""
        if not self._refused:
            return None
        which = ", ".join(map(str, sorted(self._refused)))
        return (
            f"the state of partitions {which} is lost and {Topic.EVENTS} no longer holds all that it came from; "
            "restore Redis, or accept the loss with KAFKA_ACCEPT_GAP=true"
        )

    def _work(self, runner: asyncio.Runner) -> Outcome:
        """Work on a batch of the partition whose turn it is."""
        if time.monotonic() - self._followed_s > IDLE_CHECK_S:
            self._followed_s = time.monotonic()
            runner.run(self._service.follow_erasures())
        self._read_on()
        if not self._waiting_records:
            return self._idle(runner)
        # One that fails goes last, so that it keeps no other from its work.
        number = self._at = self._waiting_records.turn(self._attempts)
        started_s = time.monotonic()
        records = self._waiting_records.take(number, records=self._size, size=BATCH_BYTES)
        runner.run(self._process(self._held[number], records))
        with self._metrics.pipeline_seconds.labels("committed").time():
            self.commit()
        self._adapt(time.monotonic() - started_s)
        del self._attempts[number]
        self._at = _NOWHERE
        return Outcome.WORKED

    def _read_on(self) -> None:
        """Read what is there; only where there is a backlog does that go on until there is no room for more."""
        within_ms = 0 if self._waiting_records else int(POLL_S * 1000)
        while not self._waiting_records.full:
            records = self.poll(timeout_ms=within_ms)
            # A partition may have gone to somebody else while its records were read.
            self._waiting_records.add(record for record in records if record.partition in self._held)
            if len(records) < READ:
                return
            within_ms = 0

    def _adapt(self, took_s: float) -> None:
        """Let batches shrink where they take too long, and grow again."""
        if took_s > BATCH_S:
            self._size = max(READ, self._size // 2)
        elif took_s < BATCH_S / 2:
            self._size = min(MAX_BATCH, self._size * 2)

    async def _process(self, held: Assignment, records: Sequence[Record]) -> None:
        self._metrics.pipeline_records.observe(len(records))
        begun_s = time.monotonic()
        with self._tracing.batch(record.headers for record in records):
            async with aclosing(self._service.process(held, records)) as steps:
                async for step in steps:
                    now_s = time.monotonic()
                    self._metrics.pipeline_seconds.labels(step.value).observe(now_s - begun_s)
                    begun_s = now_s
                    self._on_step(step)
                    if time.monotonic() - self._polled_s > self._silence_s:
                        self._stay_in_group()
        self._observe_end_to_end(records)

    def _observe_end_to_end(self, records: Sequence[Record]) -> None:
        """Observe how long some of the records have taken, evenly spread over the batch: all would cost too much."""
        now_ms = wall_clock() // 1000
        for record in records[:: len(records) // MEASURED + 1]:
            self._metrics.end_to_end_seconds.observe(max(0, now_ms - record.timestamp_ms) / 1000)

    def _stay_in_group(self) -> None:
        """Poll amid work that takes long, else Kafka takes this member for dead and refuses the commit every time."""
        self._pause_and_poll(0)
        self._polled_s = time.monotonic()
        # What was paused has to be begun again, after the work that this is in the middle of.
        self._waiting |= self._held.keys()

    def _idle(self, runner: asyncio.Runner) -> Outcome:
        now_s = time.monotonic()
        if now_s - self._checked_s > IDLE_CHECK_S:
            self._checked_s = now_s
            if self._uncommitted:
                self.commit()
            if not runner.run(self._is_intact()):
                message = "Redis is another instance, or lost what it had."
                raise InstanceChanged(message)
        return Outcome.IDLE

    async def _is_intact(self) -> bool:
        """Tell whether the store is the same instance, and still has the offsets as this consumer left them.

        An emptied Redis has the same ``run_id``, and where nothing comes no compare-and-set would notice.
        """
        if not await self._service.is_same():
            return False
        for held in list(self._held.values()):
            if (await self._service.resume(held.partition, held.position)).applied != held.applied:
                return False
        return True

    def _failed(self, error: Exception) -> Outcome:
        """Follow the decision about a failure; whatever was begun is begun again from the offsets."""
        disposition = decide(error, self._attempts[self._at] + 1)
        if disposition is not Disposition.RESUME:
            self._attempts[self._at] += 1
            self.waits_for = error.detail if isinstance(error, Refused) else type(error).__name__
        attempts = self._attempts[self._at]
        fields = {"disposition": disposition, "attempts": attempts, "error": type(error).__name__}
        if disposition is Disposition.STOP:
            _log.critical("KAFKA consumer ends", extra=fields)
            raise error
        _log.warning("KAFKA batch interrupted", extra=fields, exc_info=disposition is Disposition.RETRY)
        self._begun = False
        self._size = READ
        if disposition is Disposition.RETRY:
            self._wait(min(MAX_PAUSE_S, 0.1 * 2 ** min(attempts, 10)))
        return Outcome.WAITED

    def _wait(self, seconds: float) -> None:
        """Let time pass with the partitions paused, and go on polling, so that the group keeps this member."""
        until_s = time.monotonic() + seconds
        while not self._stopping and time.monotonic() < until_s:
            self._pause_and_poll(0.1)

    def _pause_and_poll(self, seconds: float) -> None:
        self._consumer.pause(self._consumer.assignment())
        for message in self._consumer.consume(1, seconds):
            self._ours(message)  # only for the errors that it tells of; what is read is read again

    def _ours(self, message: Message) -> Record | None:
        """Return the record that was read, None for an error and for what somebody else works on or has worked on."""
        error = message.error()
        if error is not None:
            if _fatal(error):
                raise KafkaException(error)
            if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001  # the name that the library gives it
                _log.warning("KAFKA read error", extra={"reason": error.name()})
            return None
        record = _record(message)
        held = self._held.get(record.partition)
        return None if held is None or record.offset < held.position else record

    def _assigned(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        # Nothing is fetched before the offsets are known: the partitions start paused, at a place that is corrected.
        consumer.assign([TopicPartition(p.topic, p.partition, OFFSET_BEGINNING) for p in partitions])
        consumer.pause(list(partitions))
        self._waiting |= {place.partition for place in partitions}
        _log.info("KAFKA partitions assigned", extra={"partitions": sorted(self._waiting)})

    def _revoked(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        del consumer
        for place in partitions:
            self._held.pop(place.partition, None)
            self._waiting_records.drop(place.partition)
            self._waiting.discard(place.partition)
            self._refused.discard(place.partition)
            del self._attempts[place.partition]
        self._tell_refused()
        _log.info("KAFKA partitions revoked", extra={"partitions": sorted(p.partition for p in partitions)})


_FIXED: dict[str, str | int | bool] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": False,
    "auto.offset.reset": "earliest",
    "isolation.level": "read_committed",
    "partition.assignment.strategy": "range",
    "fetch.queue.backoff.ms": 5,
    "queued.max.messages.kbytes": 2_048,
    "queued.min.messages": 20_000,
    "topic.metadata.refresh.interval.ms": 10_000,  # added partitions are not to wait for five minutes
}


@contextmanager
def _without_collections() -> Iterator[None]:
    """Look for no cycles of garbage meanwhile: a batch makes a million objects and none, and looking takes a fifth."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _fatal(error: KafkaError) -> bool:
    # What a read reports carries only the code, without the flag.
    return error.fatal() or error.code() == KafkaError._FATAL  # noqa: SLF001  # the name that the library gives it


def _record(message: Message) -> Record:
    kind, timestamp_ms = message.timestamp()
    if kind == TIMESTAMP_NOT_AVAILABLE or timestamp_ms <= 0:
        # A record that does not tell when it was sent is taken to have been received now.
        timestamp_ms = wall_clock() // 1000
    headers: Any = message.headers()
    kept = tuple([(str(header[0]), header[1]) for header in headers]) if headers else ()
    # Of a record that was read all of them are there, and bytes: the client decodes nothing.
    place_and_content = message.partition(), message.offset(), message.key(), message.value()
    return Record._make((*place_and_content, kept, timestamp_ms))
