"""What the pages of a student show, put into the order in which people read it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from ..answers import HistoryAnswer, OutcomeAnswer
from ..domain.curriculum import Curriculum, CurriculumTopic
from ..domain.evidence import Component
from ..domain.explanation import Contribution, Improvement
from ..domain.levels import Status
from ..domain.mastery import TopicStanding
from ..domain.outcomes import OutcomeKind
from ..domain.recommendations import PathStep, StepStatus
from .catalogue import Formats
from .charts import Dot, Scale, grid_values, ticks

SOURCES = {Component.COMPLETION: OutcomeKind.EXERCISE, Component.QUIZ: OutcomeKind.QUIZ}
"""Of which kind the outcomes are that a component comes from; of the others none is kept."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one component brings to the score, 0..1."""

    component: Component
    value: float


@dataclass(frozen=True, slots=True)
class Moment:
    """What one day's evidence of one kind in one topic brings to the score, and the events behind it."""

    component: Component
    topic: str | None
    day: date
    value: float
    outcomes: tuple[OutcomeAnswer, ...]


@dataclass(frozen=True, slots=True)
class Station:
    """A topic on the map."""

    topic: CurriculumTopic
    step: PathStep
    standing: TopicStanding | None

    @property
    def begun(self) -> bool:
        """Tell whether there is any evidence of it."""
        return self.standing is not None


@dataclass(frozen=True, slots=True)
class Module:
    """A part of the curriculum, and how many of its topics are mastered."""

    title: str
    stations: tuple[Station, ...]

    @property
    def mastered(self) -> int:
        """Return how many of its topics are mastered."""
        return sum(station.step.status is StepStatus.MASTERED for station in self.stations)


def in_order(topics: Iterable[TopicStanding], curriculum: Curriculum) -> list[TopicStanding]:
    """Return topics as the curriculum teaches them, and those that it does not have behind them."""
    places = {name: place for place, name in enumerate(curriculum.by_name)}
    return sorted(topics, key=lambda one: (places.get(one.topic, len(places)), one.topic))


def shares(contributions: Sequence[Contribution]) -> list[Share]:
    """Return what each component brings to a score, in their usual order."""
    sums: dict[Component, float] = defaultdict(float)
    for one in contributions:
        sums[one.component] += one.value
    return [Share(component, round(sums[component], 6)) for component in Component if component in sums]


def ways_up(improvements: Sequence[Improvement], most: int) -> list[Improvement]:
    """Return what would raise a score most, of each kind of doing the best."""
    best: dict[Component, Improvement] = {}
    for one in improvements:
        best.setdefault(one.component, one)
    return list(best.values())[:most]


def moments(contributions: Sequence[Contribution], outcomes: Sequence[OutcomeAnswer], most: int) -> list[Moment]:
    """Return what counts most in a score, the largest part first, each with what was done then."""
    done: dict[tuple[str, str, str | None], list[OutcomeAnswer]] = defaultdict(list)
    for outcome in outcomes:
        done[outcome.kind, outcome.occurred[:10], outcome.topic].append(outcome)
    found = []
    for one in [one for one in contributions if one.value][:most]:
        kind = SOURCES.get(one.component)
        behind = [] if kind is None else done[kind, one.day.isoformat(), one.topic]
        found.append(Moment(one.component, one.topic, one.day, one.value, tuple(behind)))
    return found


def dots(answer: HistoryAnswer, formats: Formats) -> list[Dot]:
    """Return a history as points of a chart."""
    return [
        Dot(
            point.date,
            point.score,
            f"{formats.day(point.date)}: {'–' if point.score is None else formats.percent(point.score)}",  # noqa: RUF001  # a dash
            sure=point.status is Status.OK,
        )
        for point in answer.points
    ]


def scale(days: Sequence[date], formats: Formats) -> Scale:
    """Return the words at the axes of a chart over these days."""
    shown = [(day, formats.short_day(day)) for day in ticks(days)]
    return Scale(shown, [formats.percent(value) for value in grid_values()])


def modules(curriculum: Curriculum, steps: Sequence[PathStep], standings: Mapping[str, TopicStanding]) -> list[Module]:
    """Return the curriculum as a map of where somebody stands in it."""
    by_module: dict[str, list[Station]] = defaultdict(list)
    for topic, step in zip(curriculum.topics, steps, strict=True):
        by_module[topic.module].append(Station(topic, step, standings.get(topic.topic)))
    return [Module(title, tuple(stations)) for title, stations in by_module.items()]
