"""How good probabilities are: AUC, log loss, RMSE, and whether they mean what they say."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt

from ..domain.scoring import Scored, auc, bins_of

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
    scored = [Scored(p, bool(y)) for p, y in zip(probabilities, right, strict=True)]
    clipped = [min(1 - CLIP, max(CLIP, probability)) for probability in probabilities]
    loss = -sum(log(p) if y else log(1 - p) for p, y in zip(clipped, right, strict=True)) / answers
    squares = sum((p - y) ** 2 for p, y in zip(clipped, right, strict=True)) / answers
    bins = tuple(_bin(part) for part in bins_of(scored))
    return Measures(
        answers=answers,
        right=sum(right) / answers,
        auc=auc(scored),
        log_loss=loss,
        rmse=sqrt(squares),
        calibration_error=sum(one.answers * abs(one.predicted - one.right) for one in bins) / answers,
        bins=bins,
    )


def _bin(part: Sequence[Scored]) -> Bin:
    predicted, right = (sum(each) / len(part) for each in zip(*part, strict=True))
    return Bin(len(part), predicted, right)
