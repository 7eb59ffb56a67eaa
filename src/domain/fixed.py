"""Fixed-point arithmetic: fractions as whole micro-units, rounded once, half to even."""

from collections.abc import Iterable

MICRO = 1_000_000
"""Micro-units in one."""

_CLEAR, _DOUBT = 1e9, 0.499
# Up to so many micro-units a few roundings of doubles add up to less than a millionth of one, far less than what is
# missing to the middle between two.


def divide(numerator: int, denominator: int) -> int:
    """Return numerator / denominator rounded half to even; the denominator is positive."""
    quotient, remainder = divmod(numerator, denominator)
    remainder *= 2
    if remainder < denominator or (remainder == denominator and not quotient & 1):
        return quotient
    return quotient + 1


def scale(value: float, units: int) -> int:
    """Return value * units rounded half to even, exact from the double that value is."""
    numerator, denominator = value.as_integer_ratio()
    return numerator * units if denominator == 1 else divide(numerator * units, denominator)


def fraction(micro: int) -> float:
    """Return micro-units as the double that prints with at most six decimals."""
    return micro / MICRO


def ratio(numerator: int, denominator: int) -> int:
    """Return numerator / denominator in micro-units, rounded half to even."""
    return divide(numerator * MICRO, denominator)


def share(numerator: int, denominator: int) -> float:
    """Return numerator / denominator as a fraction with six decimals, rounded half to even."""
    return rounded(numerator / denominator, numerator, denominator)


def rounded(value: float, numerator: int, denominator: int) -> float:
    """Return numerator / denominator with six decimals, rounded half to even; ``value`` is about that, as a double."""
    # As ``clear`` does it, but without a call: there are thirty of these in an answer.
    near = value * MICRO
    whole = round(near)
    if not (-_DOUBT < near - whole < _DOUBT and near < _CLEAR):
        whole = ratio(numerator, denominator)
    return whole / MICRO


def clear(value: float) -> int | None:
    """Return a value in micro-units where no error of a few roundings can change how it is rounded, else None."""
    near = value * MICRO
    whole = round(near)
    return whole if -_DOUBT < near - whole < _DOUBT and near < _CLEAR else None


def weighted_mean(terms: Iterable[tuple[int, int, int]], total: int) -> tuple[int, int]:
    """Return sum(weight * numerator / denominator) / total as one exact ratio.

    Each term is (weight, numerator, denominator); nothing is rounded on the way.
    """
    top, bottom = 0, 1
    for weight, numerator, denominator in terms:
        top = top * denominator + weight * numerator * bottom
        bottom *= denominator
    return top, bottom * total


def apportion(total: int, shares: list[int], denominator: int) -> list[int]:
    """Split total micro-units over exact shares (each share / denominator, in units of one).

    Largest remainder: every part is its share rounded down, and what is missing to the total goes, one
    micro-unit each, to the largest remainders, the earlier first among equals. The parts add up to total.
    """
    parts, remainders = [], []
    for share in shares:
        whole, rest = divmod(share * MICRO, denominator)
        parts.append(whole)
        remainders.append(rest)
    missing = total - sum(parts)
    for index in sorted(range(len(parts)), key=lambda i: -remainders[i])[:missing]:
        parts[index] += 1
    return parts
