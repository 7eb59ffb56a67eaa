"""Is one class ahead of another, or of itself a month ago: the difference of two means and a 95 % interval for it.

Two groups are compared by Welch's t interval, the same students at two times by the t interval of their changes. Sums
are of whole micro-units, so the order of the students cannot matter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import cos, exp, pi, sin, sqrt
from statistics import NormalDist

from .fixed import fraction

LEVEL = 0.95
"""How often an interval made like this holds the true difference."""

FEWEST = 2
"""With fewer students on a side nothing can be said of how much they vary."""


class Design(StrEnum):
    """How two groups belong together."""

    INDEPENDENT = "independent"
    PAIRED = "paired"


@dataclass(frozen=True, slots=True)
class Interval:
    """Bounds of the difference, and how often such bounds hold it."""

    level: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """The first mean minus the second; ``interval`` is null where ``reason`` says why.

    ``students`` are those compared, on each side. Where there is nobody to compare, ``mean`` is null too.
    """

    design: Design
    mean: float | None
    interval: Interval | None
    reason: str | None
    students: tuple[int, int]


def independent(first: Sequence[int], second: Sequence[int]) -> Difference:
    """Compare the scores (micro-units) of two groups."""
    counts = len(first), len(second)
    if not min(counts):
        return Difference(Design.INDEPENDENT, None, None, "nobody_to_compare", counts)
    mean = sum(first) / counts[0] - sum(second) / counts[1]
    if min(counts) < FEWEST:
        return Difference(Design.INDEPENDENT, _shown(mean), None, "too_few_students", counts)
    parts = [_variance(scores) / len(scores) for scores in (first, second)]
    error = sqrt(sum(parts))
    # Welch and Satterthwaite, rounded down: an interval that is rather too wide, and the degrees of the printed tables.
    below = sum(part**2 / (count - 1) for part, count in zip(parts, counts, strict=True))
    degrees = int(sum(parts) ** 2 / below * (1 + 1e-12)) if below else sum(counts) - 2
    return Difference(Design.INDEPENDENT, _shown(mean), _interval(mean, error, degrees), None, counts)


def paired(first: Mapping[str, int], second: Mapping[str, int]) -> Difference:
    """Compare the scores (micro-units) of the students who have one both times."""
    changes = [first[student_id] - second[student_id] for student_id in first.keys() & second.keys()]
    counts = len(changes), len(changes)
    if not changes:
        return Difference(Design.PAIRED, None, None, "nobody_to_compare", counts)
    mean = sum(changes) / len(changes)
    if len(changes) < FEWEST:
        return Difference(Design.PAIRED, _shown(mean), None, "too_few_students", counts)
    error = sqrt(_variance(changes) / len(changes))
    return Difference(Design.PAIRED, _shown(mean), _interval(mean, error, len(changes) - 1), None, counts)


def t_quantile(two_tails: float, degrees: int) -> float:
    """Return the t that both tails beyond it have this probability together.

    Source: G. W. Hill, Algorithm 396: Student's t-quantiles, Communications of the ACM 13 (10), 1970. Exact for one and
    two degrees of freedom, to five digits for three and better from there on.
    """
    if degrees == 1:
        return cos(two_tails * pi / 2) / sin(two_tails * pi / 2)
    if degrees == 2:  # noqa: PLR2004  # as in the source, like every number below
        return sqrt(2 / (two_tails * (2 - two_tails)) - 2)
    a = 1 / (degrees - 0.5)
    b = 48 / a**2
    c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * sqrt(a * pi / 2) * degrees
    y = (d * two_tails) ** (2 / degrees)
    if y > a + 0.05:
        return sqrt(degrees * _near_normal(two_tails, degrees, a, b, c, d))
    power = ((degrees + 6) / (degrees * y) - 0.089 * d - 0.822) * (degrees + 2) * 3
    y = ((1 / power + 0.5 / (degrees + 4)) * y - 1) * (degrees + 1) / (degrees + 2) + 1 / y
    return sqrt(degrees * y)


def _near_normal(two_tails: float, degrees: int, a: float, b: float, c: float, d: float) -> float:
    """Return t² by degrees of freedom, expanded around the quantile of the normal distribution."""
    x = NormalDist().inv_cdf(two_tails / 2)
    y = x**2
    if degrees < 5:  # noqa: PLR2004  # as in the source
        c += 0.3 * (degrees - 4.5) * (x + 0.6)
    c = (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b + c
    y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x
    return exp(a * y**2) - 1


def _variance(values: Sequence[int]) -> float:
    """Return the sample variance, exact up to the one division."""
    count = len(values)
    return (count * sum(value * value for value in values) - sum(values) ** 2) / (count * (count - 1))


def _interval(mean: float, error: float, degrees: int) -> Interval:
    margin = t_quantile(1 - LEVEL, degrees) * error
    return Interval(LEVEL, _shown(mean - margin), _shown(mean + margin))


def _shown(micro: float) -> float:
    return fraction(round(micro))
