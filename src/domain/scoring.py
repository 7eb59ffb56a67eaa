"""How good predictions were: whether they put answers in the right order (AUC), and how often they are right."""

from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from operator import itemgetter
from typing import NamedTuple

BINS = 10


class Scored(NamedTuple):
    """What was predicted of an answer, and whether it was right."""

    probability: float
    right: bool


def auc(scored: Iterable[Scored]) -> float | None:
    """Return the probability that a right answer was given the higher one than a wrong; None where one kind is missing.

    Of two that were given the same, one half.
    """
    rights = wrongs = 0
    ordered = 0.0
    for _, same in groupby(sorted(scored), key=itemgetter(0)):
        outcomes = [one.right for one in same]
        right = sum(outcomes)
        wrong = len(outcomes) - right
        ordered += right * (wrongs + wrong / 2)
        rights += right
        wrongs += wrong
    return ordered / (rights * wrongs) if rights and wrongs else None


def bins_of(scored: Sequence[Scored], bins: int = BINS) -> list[list[Scored]]:
    """Return the answers by what was predicted of them, in parts of equal count as far as that goes, none empty."""
    ordered = sorted(scored)
    edges = [len(ordered) * place // bins for place in range(bins + 1)]
    return [ordered[low:high] for low, high in pairwise(edges) if high > low]


def calibration_error(scored: Sequence[Scored], bins: int = BINS) -> float | None:
    """Return by how much the rate of right answers misses the mean prediction, over bins of equal count.

    None where there are fewer answers than bins.
    """
    if len(scored) < bins:
        return None
    return sum(abs(sum(one.probability - one.right for one in part)) for part in bins_of(scored, bins)) / len(scored)
