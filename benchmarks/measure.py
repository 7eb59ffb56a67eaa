"""How figures are taken on a noisy machine: measured and floor in turns, many times, and the medians of all rounds."""

from collections.abc import Callable
from statistics import median
from time import process_time
from timeit import timeit
from typing import NamedTuple


class NotHere(Exception):
    """A benchmark that cannot run on this machine; the text says why."""


class Compared(NamedTuple):
    """The medians of what was measured, of its floor, and of their ratio round by round."""

    measured: float
    floor: float
    ratio: float


def per_call(work: Callable[[], object], calls: int) -> float:
    """Return the seconds that one call takes, from calls in a row; garbage collection is off, as timeit has it.

    Processor time: what is long is interrupted more often by other processes than its short floor.
    """
    return timeit(work, timer=process_time, number=calls) / calls


def compare(measure: Callable[[], float], floor: Callable[[], float], *, rounds: int) -> Compared:
    """Measure both in turns and return the medians."""
    return summarise([(measure(), floor()) for _ in range(rounds)])


def summarise(rounds: list[tuple[float, float]]) -> Compared:
    """Return the medians of rounds of (measured, floor)."""
    return Compared(
        median(measured for measured, _ in rounds),
        median(floor for _, floor in rounds),
        median(measured / floor for measured, floor in rounds),
    )
