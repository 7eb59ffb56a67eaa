"""Whether the service scores its own predictions: each before its answer is added, and once."""

from dataclasses import replace
from math import isnan
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from src.domain.days import to_text
from src.domain.events import Event, EventStatus
from src.domain.learner import Asked, predict
from src.domain.learner_trees import Trees
from src.domain.outcomes import Outcome, OutcomeKind
from src.domain.scoring import Scored
from src.drift import EVENTS_EACH, SHARE, WINDOW, Drift
from src.model_artefact import read_artefact
from src.model_service import ModelService
from src.observability import Metrics
from src.ports import Retention
from tests.documents import MemoryDocuments
from tests.fakes import MemoryStore
from tests.learner import artefact
from tests.making import NOW_US, event

DATA = artefact()
MODEL = read_artefact(DATA)
MINUTE_US = 60_000_000


class Files:
    def ids(self) -> list[str]:
        return [MODEL.model_id]

    def read(self, model_id: str) -> bytes | None:
        return DATA if model_id == MODEL.model_id else None


class World:
    """A store, a model that may be active, and the figures."""

    def __init__(self) -> None:
        self.store = MemoryStore(Retention())
        self.models = ModelService(MemoryDocuments(), local=Files())
        self.metrics = Metrics()
        self.drift = Drift(self.store, models=self.models, metrics=self.metrics)

    async def take(self, *events: Event) -> list[Scored]:
        """Predict, apply and observe a batch; return what was predicted, whatever became of the events."""
        foreseen = await self.drift.foresee(events)
        self.drift.observe(foreseen, await self.store.apply(events, NOW_US))
        return [scored for one in foreseen for scored in one.scored]

    async def figures(self, model: str) -> dict[str, float]:
        samples = [
            sample
            for family in text_string_to_metric_families((await self.metrics.exposition()).decode())
            for sample in family.samples
        ]
        found = {sample.name: sample.value for sample in samples if sample.labels.get("model") == model}
        return {
            name.removeprefix("mastery_engine_"): value
            for name, value in found.items()
            if not name.endswith("created") and not isnan(value)
        }


@pytest.fixture
def world() -> World:
    return World()


def quiz(number: int, ago: int = 0, **fields: Any) -> Event:
    """Return a quiz of two questions, so many minutes ago."""
    responses = [
        {"item": item, "skills": ["add"], "correct": bool((number + place) % 3)}
        for place, item in enumerate(("easy", "hard"))
    ]
    data = {"total_questions": 2, "correct_answers": 1, "responses": responses}
    return event(f"e-{number}", timestamp=to_text(NOW_US - ago * MINUTE_US), data=data, **fields)


def sampled(how_many: int, start: int = 0) -> list[int]:
    """Return numbers of quizzes that the share chosen holds."""
    numbers: list[int] = []
    while len(numbers) < how_many:
        if quiz(start).digest % SHARE == 0:
            numbers.append(start)
        start += 1
    return numbers


def answers(*events: Event) -> list[Outcome]:
    return [one for each in events for one in each.outcomes if one.kind is OutcomeKind.ANSWER]


QUESTIONS = [Asked("easy", ("add",)), Asked("hard", ("add",))]


async def test_an_answer_is_predicted_from_those_before_it_in_the_store_and_in_the_batch(world: World) -> None:
    await world.models.activate(MODEL.model_id)
    [number] = sampled(1)
    stored, together, later = quiz(number + 1, ago=30), quiz(number + 2, ago=20), quiz(number + 3, ago=5)
    await world.store.apply([stored], NOW_US)
    chosen = quiz(number, ago=10)
    scored = [one.probability for one in (await world.drift.foresee([later, chosen, together]))[-1].scored]
    expected = predict(MODEL, answers(stored, together), QUESTIONS, now_us=chosen.occurred_us)
    assert scored == list(expected)


async def test_an_event_is_scored_once(world: World) -> None:
    [number] = sampled(1)
    await world.take(quiz(number))
    before = await world.figures("smoothed_rate")
    assert before["predictions_scored_total"] == before["prediction_window"] == 2
    await world.take(quiz(number))
    await world.take(quiz(number, ago=7))
    assert await world.figures("smoothed_rate") == before


async def test_what_is_applied_is_the_same_whether_it_was_predicted_or_not(world: World) -> None:
    events = [quiz(number, ago=100 - number) for number in range(40)]
    await world.take(*events)
    alone = MemoryStore(Retention())
    await alone.apply(events, NOW_US)
    assert world.store.states["student-1"].canonical() == alone.states["student-1"].canonical()


async def test_of_a_backlog_few_are_predicted_and_the_same_ones_in_any_order(world: World) -> None:
    events = [quiz(number, student_id=f"student-{number % 7}") for number in range(300)]
    [one] = await world.drift.foresee(events)
    [other] = await world.drift.foresee(events[::-1])
    assert events[one.place] == events[::-1][other.place]
    assert len(events) < EVENTS_EACH


async def test_without_answers_nothing_is_predicted(world: World) -> None:
    assert await world.take(*(event(f"x-{number}", "code.executed") for number in range(200))) == []


async def test_another_model_begins_anew(world: World) -> None:
    first, second = sampled(2)
    await world.take(quiz(first))
    await world.models.activate(MODEL.model_id)
    await world.take(quiz(second))
    found = await world.figures(MODEL.model_id)
    assert found["predictions_scored_total"] == found["prediction_window"] == 2
    assert "prediction_window" not in await world.figures("smoothed_rate")


async def test_the_figures_are_of_the_newest_answers_only(world: World) -> None:
    for number in sampled(WINDOW // 2 + 10):
        await world.take(quiz(number, ago=number % 90))
    found = await world.figures("smoothed_rate")
    assert found["prediction_window"] == WINDOW
    assert found["predictions_scored_total"] == WINDOW + 20
    assert 0 <= found["prediction_auc"] <= 1
    assert 0 <= found["prediction_calibration_error"] <= 1


async def test_a_prediction_that_fails_keeps_no_event_from_being_applied(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.models.activate(MODEL.model_id)
    world.models._loaded = replace(MODEL, trees=Trees(0.0, ((999, 0.0, 0.0, 0.0),)))  # noqa: SLF001  # a model with a defect
    [number] = sampled(1)
    assert await world.take(quiz(number)) == []
    assert await world.store.status("student-1", f"e-{number}") is EventStatus.APPLIED
    assert "DRIFT an answer cannot be predicted" in caplog.text
