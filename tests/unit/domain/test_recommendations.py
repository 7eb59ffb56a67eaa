from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.domain.aggregates import Aggregates
from src.domain.curriculum import Curriculum, CurriculumTopic
from src.domain.evidence import Component
from src.domain.model import MasteryModel
from src.domain.recommendations import Doing, PathStep, Recommendation, StepStatus, learning_path, recommend

from .building import FULL, aggregates, piece

MODEL = MasteryModel()
NAMES = ("a", "b", "c", "d")
CURRICULUM = Curriculum(
    tuple(
        CurriculumTopic(name, name.upper(), "module", (), before)
        for name, before in zip(NAMES, ((), ("a",), ("b",), ("a", "c")), strict=True)
    )
)


def known(**topics: tuple[int, float]) -> Aggregates:
    """Return plenty of evidence of topics: (days ago, score)."""
    pieces = [
        piece(ago + back, component, score, 5, topic=topic)
        for topic, (ago, score) in topics.items()
        for component in (Component.COMPLETION, Component.QUIZ)
        for back in (0, 2)
    ]
    return aggregates(*pieces)


def recommended(sums: Aggregates, limit: int = 10) -> tuple[Recommendation, ...]:
    return recommend(sums, CURRICULUM, FULL, MODEL, limit=limit)


def actions(sums: Aggregates) -> dict[str, Doing]:
    return {one.topic: one.action for one in recommended(sums)}


def path(sums: Aggregates, target: str) -> tuple[PathStep, ...]:
    return learning_path(sums, CURRICULUM, FULL, MODEL, target=target)


def facts(one: Recommendation, code: str) -> dict[str, Any]:
    (found,) = (reason.facts for reason in one.reasons if reason.code == code)
    return found


def test_a_student_without_evidence_gets_the_start_of_the_curriculum() -> None:
    (one,) = recommended(Aggregates())
    assert (one.topic, one.action, one.due) == ("a", Doing.LEARN, None)
    assert [reason.code for reason in one.reasons] == ["not_started", "unlocks"]


@pytest.mark.parametrize(
    ("evidence", "action"),
    [
        ((0, 0.3), Doing.PRACTISE),
        ((0, 0.7), Doing.PRACTISE),
        ((0, 0.8), Doing.CONSOLIDATE),
        ((30, 0.8), Doing.REVIEW),
        ((0, 1.0), Doing.CONSOLIDATE),
    ],
)
def test_what_to_do_follows_from_mastery_and_memory(evidence: tuple[int, float], action: Doing) -> None:
    assert actions(known(a=evidence))["a"] is action


def test_what_builds_on_something_weak_is_blocked() -> None:
    assert actions(known(a=(0, 0.5))) == {"a": Doing.PRACTISE}
    assert actions(known(a=(0, 0.6))) == {"a": Doing.PRACTISE, "b": Doing.LEARN}


def test_a_topic_with_evidence_is_blocked_too() -> None:
    assert actions(known(a=(0, 0.3), b=(0, 0.3))) == {"a": Doing.PRACTISE}


def test_little_evidence_does_not_open_what_comes_next() -> None:
    sums = aggregates(piece(0, Component.QUALITY, 1.0, 0.5, topic="a"))
    (one,) = recommended(sums)
    assert (one.topic, one.action, one.reasons[0].code) == ("a", Doing.PRACTISE, "little_evidence")


def test_the_weaker_of_two_comes_first() -> None:
    weaker, stronger, *_ = recommended(known(a=(0, 0.95), b=(0, 0.2)))
    assert (weaker.topic, stronger.topic) == ("b", "a")


def test_what_is_forgotten_comes_before_what_is_fresh() -> None:
    one, other = (recommended(known(a=(ago, 0.8)))[0 if ago else -1] for ago in (40, 0))
    assert (one.topic, other.topic) == ("a", "a")
    assert one.priority > other.priority


def test_a_topic_outside_the_curriculum_is_recommended_by_its_evidence() -> None:
    assert actions(known(knitting=(0, 0.3)))["knitting"] is Doing.PRACTISE


def test_reasons_carry_their_facts() -> None:
    one = next(one for one in recommended(known(a=(20, 0.8), b=(1, 0.4))) if one.topic == "b")
    assert [reason.code for reason in one.reasons] == ["low_mastery", "remembered", "prerequisites_met", "unlocks"]
    assert facts(one, "low_mastery")["score"] == 0.4
    assert facts(one, "prerequisites_met") == {"scores": {"a": 0.8}}
    assert facts(one, "unlocks") == {"topics": ["c"]}


def test_the_way_to_a_target_says_what_is_missing() -> None:
    sums = known(a=(0, 0.9), b=(0, 0.5))
    assert [(step.topic, step.status, step.missing_prerequisites) for step in path(sums, "d")] == [
        ("a", StepStatus.MASTERED, ()),
        ("b", StepStatus.READY, ()),
        ("c", StepStatus.BLOCKED, ("b",)),
        ("d", StepStatus.BLOCKED, ("c",)),
    ]
    assert [step.score for step in path(sums, "d")] == [0.9, 0.5, None, None]


@given(
    st.dictionaries(st.sampled_from((*NAMES, "other")), st.tuples(st.integers(0, 80), st.floats(0, 1)), min_size=1),
    st.integers(1, 10),
)
def test_whatever_the_evidence_something_is_recommended_and_nothing_that_is_blocked(
    evidence: dict[str, tuple[int, float]], limit: int
) -> None:
    sums = known(**evidence)
    found = recommended(sums, limit)
    assert 0 < len(found) <= limit
    assert [one.priority for one in found] == sorted((one.priority for one in found), reverse=True)
    assert all(0 <= one.priority <= 1 for one in found)
    blocked = {step.topic for name in NAMES for step in path(sums, name) if step.missing_prerequisites}
    assert not blocked & {one.topic for one in found}
    assert recommended(sums, limit) == found
