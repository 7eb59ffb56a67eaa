"""Topics against the whole, and windows: as of the past, and cut by retention."""

import pytest

from src.domain.evidence import Component
from src.domain.levels import Status
from src.domain.mastery import Window, standings, topic_standing, whole_standing, window
from src.domain.model import MasteryModel, Method
from tests.making import TODAY

from .building import FULL, KEPT_FROM, active_ago, aggregates, day, piece

COMPLETION, QUIZ, QUALITY, CONSISTENCY = Component
MODEL = MasteryModel()


def test_evidence_without_a_topic_counts_in_the_whole_only() -> None:
    sums = aggregates(piece(0, QUIZ, 1.0), piece(0, QUIZ, 0.0, 3, topic=None))
    whole, topics = standings(sums, FULL, MODEL)
    assert whole.score == 0.25  # 1 of 4
    assert [(topic.topic, topic.score) for topic in topics] == [("loops", 1.0)]


def test_topics_stand_in_order_of_their_names() -> None:
    sums = aggregates(*(piece(0, QUIZ, 1.0, topic=topic) for topic in ("sets", "Loops", "lists", "loops")))
    assert [topic.topic for topic in standings(sums, FULL, MODEL)[1]] == ["Loops", "lists", "loops", "sets"]


def test_a_topic_without_evidence_in_the_window_is_not_listed() -> None:
    sums = aggregates(piece(0, QUIZ, 1.0), piece(90, QUIZ, 1.0, topic="lists"), piece(-1, QUIZ, 1.0, topic="sets"))
    assert [topic.topic for topic in standings(sums, FULL, MODEL)[1]] == ["loops"]


def test_a_topic_asked_for_is_the_topic_listed() -> None:
    sums = aggregates(
        piece(0, QUIZ, 0.7, 3), piece(40, COMPLETION, 0.2), piece(3, QUIZ, 0.1, topic="lists"), *active_ago(0, 3, 40)
    )
    whole, topics = standings(sums, FULL, MODEL)
    assert topics == tuple(topic_standing(sums, topic, FULL, MODEL) for topic in ("lists", "loops"))
    assert whole == whole_standing(sums, FULL, MODEL)


@pytest.mark.parametrize(
    ("method", "whole_score", "loops", "lists"),
    [
        # loops: 1.0 today, 0.5 thirty days ago; lists: 0.0 today, 0.9 thirty days ago
        (Method.DECAYING_AVERAGE, 0.566667, 0.833333, 0.3),  # 1.7/3, 1.25/1.5, 0.45/1.5
        (Method.AVERAGE, 0.6, 0.75, 0.45),  # 2.4/4
        (Method.LATEST, 0.5, 1.0, 0.0),  # both topics of today together
        (Method.HIGHEST, 0.7, 1.0, 0.9),  # today 0.5, thirty days ago 0.7: the best day of the whole is not the topics'
    ],
)
def test_a_day_of_the_whole_holds_all_its_topics(
    method: Method, whole_score: float, loops: float, lists: float
) -> None:
    sums = aggregates(
        piece(0, QUIZ, 1.0),
        piece(30, QUIZ, 0.5),
        piece(0, QUIZ, 0.0, topic="lists"),
        piece(30, QUIZ, 0.9, topic="lists"),
    )
    whole, topics = standings(sums, FULL, MasteryModel(method))
    assert whole.score == whole_score
    assert [topic.score for topic in topics] == [lists, loops]


def test_a_topic_without_weight_has_no_score() -> None:
    model = MasteryModel(weights={COMPLETION: 0, QUIZ: 0, QUALITY: 0, CONSISTENCY: 1_000_000})
    whole, (loops,) = standings(aggregates(piece(0, QUIZ, 0.5), *active_ago(0)), FULL, model)
    assert whole.score == 0.1
    assert (loops.score, loops.status, loops.confidence) == (None, Status.NO_EVIDENCE, 0.0)


def test_as_of_a_day_in_the_past_nothing_later_is_seen() -> None:
    sums = aggregates(
        piece(0, COMPLETION, 0.4), piece(30, COMPLETION, 1.0), piece(60, COMPLETION, 0.1, 2), *active_ago(0, 30, 60)
    )
    whole = whole_standing(sums, window(TODAY - 30, KEPT_FROM), MODEL)
    completion, consistency = whole.components[COMPLETION], whole.components[CONSISTENCY]
    assert completion is not None
    assert consistency is not None
    assert (completion.score, completion.confidence) == (0.55, 0.4)  # (1.0 + 0.2 / 2) / (1 + 2/2); n = 2
    assert consistency.score == 0.1
    assert whole.score == 0.46  # (0.4 * 0.55 + 0.1 * 0.1) / 0.5


def test_the_window_of_today_is_whole() -> None:
    assert Window(TODAY - 89, TODAY, None) == FULL
    assert FULL.complete


@pytest.mark.parametrize(
    ("ago", "kept_days", "first_ago", "complete"),
    [
        (0, 90, 89, True),
        (1, 90, 89, False),  # the day 90 days ago is gone
        (1, 91, 90, True),
        (30, 90, 89, False),
        (89, 90, 89, False),
        (30, 120, 119, True),
        (31, 120, 119, False),
    ],
)
def test_retention_cuts_the_window_and_the_answer_says_so(
    ago: int, kept_days: int, first_ago: int, *, complete: bool
) -> None:
    span = window(TODAY - ago, TODAY - kept_days + 1)
    assert (span.first, span.last) == (TODAY - first_ago, TODAY - ago)
    assert span.complete is complete
    assert span.evidence_from == (None if complete else day(kept_days - 1))


def test_what_retention_should_have_trimmed_is_not_seen() -> None:
    sums = aggregates(piece(31, QUIZ, 1.0), piece(89, QUIZ, 0.0, 2), piece(90, QUIZ, 0.0, 7), *active_ago(90))
    whole = whole_standing(sums, window(TODAY - 31, KEPT_FROM), MasteryModel(Method.AVERAGE))
    assert whole.score == 0.333333
    assert whole.components[CONSISTENCY] is None


def test_before_what_is_kept_there_is_no_evidence() -> None:
    span = window(TODAY - 100, KEPT_FROM)
    whole, topics = standings(aggregates(piece(89, QUIZ, 1.0), piece(100, QUIZ, 1.0), *active_ago(89)), span, MODEL)
    assert (whole.score, whole.status, topics) == (None, Status.NO_EVIDENCE, ())
    assert span.evidence_from == day(89)


def test_the_standing_does_not_change_what_is_stored() -> None:
    sums = aggregates(piece(95, QUIZ, 1.0), piece(0, QUIZ, 1.0), *active_ago(95, 0))
    before = sums.rows()
    standings(sums, FULL, MODEL)
    assert sums.rows() == before
