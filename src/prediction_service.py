"""What a student will answer: predicted from the recent answers, by the active model or, without one, by their rate."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

import msgspec

from .domain.days import day_of
from .domain.events import first_day
from .domain.learner import Asked, LearnerModel, predict, smoothed_rate
from .mastery_service import Answer
from .model_service import ModelService
from .ports import Clock, EvidenceStore

MAX_QUESTIONS = 20


class PredictorKind(StrEnum):
    """What predicts: a fitted model, or the student's own rate, smoothed."""

    FITTED = "fitted"
    SMOOTHED_RATE = "smoothed_rate"


@dataclass(frozen=True, slots=True)
class ResponsePrediction:
    """The probability that a question is answered right."""

    item: str | None
    skills: tuple[str, ...]
    probability: float


@dataclass(frozen=True, slots=True)
class Predictor:
    """What predicted; without a fitted model only ``kind`` says something."""

    id: str | None
    kind: PredictorKind
    fitted_at: str | None


@dataclass(frozen=True, slots=True)
class ResponsePredictions:
    """The questions in the order asked, what predicted, and from how many answers of the student."""

    predictions: tuple[ResponsePrediction, ...]
    model: Predictor
    answers: int


class PredictionService:
    """Predicts answers; nothing is kept between two questions."""

    def __init__(self, store: EvidenceStore, *, models: ModelService, clock: Clock) -> None:
        self._store = store
        self._models = models
        self._clock = clock

    async def responses(self, student_id: str, questions: Sequence[Asked], *, at_us: int | None = None) -> Answer:
        """Return how likely each question is answered right, at a moment or now, from what was answered until then."""
        at_us = self._clock() if at_us is None else at_us
        recent = (await self._store.recent(student_id)).since(first_day(day_of(at_us)))
        answers = [one for one in recent.answers if one.occurred_us <= at_us]
        model = await self._models.current()
        if model is None:
            probabilities = smoothed_rate(answers, questions)
        else:
            probabilities = predict(model, answers, questions, now_us=at_us)
        predicted = zip(questions, probabilities, strict=True)
        body = msgspec.json.encode(
            ResponsePredictions(
                tuple(ResponsePrediction(one.item, one.skills, p) for one, p in predicted),
                _predictor(model),
                len(answers),
            )
        )
        # Time goes into it too, so that only the content itself tells whether it has changed.
        return Answer(f'"{blake2b(body, digest_size=12).hexdigest()}"', body)


def _predictor(model: LearnerModel | None) -> Predictor:
    if model is None:
        return Predictor(None, PredictorKind.SMOOTHED_RATE, None)
    return Predictor(model.model_id, PredictorKind.FITTED, model.fitted_at)
