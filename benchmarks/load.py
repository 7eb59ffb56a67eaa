"""A consumer that drains a backlog, and an interface that is read meanwhile: how long answers take, and memory."""

import time
from statistics import median

from src.ports import Topic

from .backlog import STUDENTS, fill
from .figures import Amount, Bound, Figure
from .measure import NotHere
from .stream import Group, Readers, Services, percentile, resident, services

EVENTS = 200_000
READS_PER_S = 200
QUIET_S = 8
_SAMPLE_S = 0.2
_DRAINED_WITHIN_S = 1800
_MB = 1_000_000
_MS = 1000
_WARM = 0.2
"""Of the samples of memory so many are those of a process that still warms up."""


def run(*, events: int = EVENTS) -> list[Figure]:
    """Read while nothing else is done, which is the floor, and then while the backlog drains."""
    with services() as running:
        fill(running.kafka.bootstrap, Topic.EVENTS, "class", events)
        with running.running("api") as api:
            busy, memory = _drain(running, api.port, events)
            quiet = _quiet(api.port)
    return [_reads(events, busy, quiet), *_memory(events, memory)]


def _students() -> list[str]:
    return [f"student-{number:05}" for number in range(STUDENTS)]


def _drain(running: Services, port: int, events: int) -> tuple[list[float], list[float]]:
    """Return how long reads took, and the memory that the consumer held meanwhile."""
    group, readers, memory = Group(running.kafka), Readers(port, _students(), per_s=READS_PER_S), list[float]()
    until_s = time.monotonic() + _DRAINED_WITHIN_S
    with running.running("consumer") as consumer, readers.reading():
        while group.committed() < events:
            memory.append(resident(consumer.pid))
            if time.monotonic() > until_s:
                message = f"the backlog was not drained in {_DRAINED_WITHIN_S} s"
                raise RuntimeError(message)
            time.sleep(_SAMPLE_S)
    group.close()
    return readers.took_s, memory


def _quiet(port: int) -> list[float]:
    readers = Readers(port, _students(), per_s=READS_PER_S)
    with readers.reading():
        time.sleep(QUIET_S)
    return readers.took_s


def _reads(events: int, busy: list[float], quiet: list[float]) -> Figure:
    measured, floor = (percentile(times, 95) * _MS for times in (busy, quiet))
    return Figure(
        f"{READS_PER_S} GET mastery a second while {events:,} events drain, p95",
        Amount(measured, "ms"),
        "the same reads afterwards",
        Amount(floor, "ms"),
        measured / floor,
        Bound(50, at_least=False, of_ratio=False),
    )


def _memory(events: int, samples: list[float]) -> list[Figure]:
    warm = samples[int(len(samples) * _WARM) :]
    if len(warm) < 4:  # noqa: PLR2004  # a quarter has to hold one
        message = "the backlog was too small to tell anything about memory"
        raise NotHere(message)
    quarter = len(warm) // 4
    first, last = median(warm[:quarter]), median(warm[-quarter:])
    what = f"resident memory of the consumer while {events:,} events drain"
    return [
        Figure(
            f"{what}, the most",
            Amount(max(samples) / _MB, "MB"),
            "the same process when it began",
            Amount(samples[0] / _MB, "MB"),
            max(samples) / samples[0],
            Bound(256, at_least=False, of_ratio=False),
        ),
        Figure(
            f"{what}, at the end",
            Amount(last / _MB, "MB"),
            "a fifth of the way through",
            Amount(first / _MB, "MB"),
            last / first,
            Bound(1.2, at_least=False, of_ratio=True),
        ),
    ]
