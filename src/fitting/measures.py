"""How good probabilities are: AUC, log loss, RMSE, and whether they mean what they say."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log, sqrt

BINS = 10
CLIP = 1e-6
"""Log loss and RMSE take no probability as nearer to 0 or 1."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers with probabilities next to each other: how many, the mean probability, and the share that was right."""

    answers: int
    predicted: float
    right: float


@dataclass(frozen=True, slots=True)
class Measures:
    """What is said of probabilities; ``auc`` is None where all answers are right, or all wrong."""

    answers: int
    right: float
    auc: float | None
    log_loss: float
    rmse: float
    calibration_error: float
    bins: tuple[Bin, ...]


def measure(probabilities: Sequence[float], right: Sequence[int]) -> Measures:
    """Return the measures of probabilities, pooled over answers, of which there is at least one."""
    answers = len(right)
    pairs = sorted(zip(probabilities, right, strict=True))
    clipped = [min(1 - CLIP, max(CLIP, probability)) for probability in probabilities]
    loss = -sum(log(p) if y else log(1 - p) for p, y in zip(clipped, right, strict=True)) / answers
    squares = sum((p - y) ** 2 for p, y in zip(clipped, right, strict=True)) / answers
    bins = _bins(pairs)
    return Measures(
        answers=answers,
        right=sum(right) / answers,
        auc=_auc(pairs),
        log_loss=loss,
        rmse=sqrt(squares),
        calibration_error=sum(one.answers * abs(one.predicted - one.right) for one in bins) / answers,
        bins=bins,
    )


def _auc(pairs: Sequence[tuple[float, int]]) -> float | None:
    """Return how often a right answer had the higher probability of a right and a wrong one; of equals, half."""
    positives = sum(y for _, y in pairs)
    negatives = len(pairs) - positives
    if not positives or not negatives:
        return None
    ranks, at = 0.0, 0
    while at < len(pairs):
        end = at
        while end < len(pairs) and pairs[end][0] == pairs[at][0]:
            end += 1
        ranks += (at + end + 1) / 2 * sum(y for _, y in pairs[at:end])
        at = end
    return (ranks - positives * (positives + 1) / 2) / (positives * negatives)


def _bins(pairs: Sequence[tuple[float, int]]) -> tuple[Bin, ...]:
    """Return bins of equally many answers, as far as that goes."""
    edges = [len(pairs) * number // BINS for number in range(BINS + 1)]
    return tuple(
        Bin(end - at, sum(p for p, _ in pairs[at:end]) / (end - at), sum(y for _, y in pairs[at:end]) / (end - at))
        for at, end in pairwise(edges)
        if end > at
    )
