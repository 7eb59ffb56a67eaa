from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.domain.cohort_statistics import (
    Group,
    Hotspot,
    HotspotTally,
    Member,
    Summary,
    Tally,
    Thresholds,
    TopicSummary,
    TopicTally,
    group_of,
)
from src.domain.levels import Level, Status, level_of
from src.domain.mastery import Standing, TopicStanding
from src.domain.struggles import Signal, Struggle


def standing(score: float | None, status: Status = Status.OK) -> Standing:
    if score is None:
        return Standing(None, None, Status.NO_EVIDENCE, 0.0, {})
    level = level_of(round(score * 1_000_000)) if status is Status.OK else None
    return Standing(score, level, status, 0.5, {})


def about(topic: str, score: float) -> TopicStanding:
    one = standing(score)
    return TopicStanding(one.score, one.level, one.status, one.confidence, one.components, topic)


def struggle(topic: str | None = "loops", signal: Signal = Signal.STUCK) -> Struggle:
    return Struggle(f"{signal}.e-1", signal, topic, None, "2026-01-15T10:00:00Z", {}, open=True)


def member(name: str = "ada", score: float | None = 0.7, **fields: object) -> Member:
    usual = Member(name, standing(score), (), 0 if score is not None else None, ())
    return replace(usual, **fields)  # type: ignore[arg-type]  # fields of the same class


def summarise(standings: list[Standing]) -> Summary:
    tally = Tally()
    for one in standings:
        tally.add(one)
    return tally.summary()


def summarise_topics(*students: list[TopicStanding]) -> list[TopicSummary]:
    tally = TopicTally()
    for topics in students:
        tally.add(topics)
    return list(tally.summaries())


def hotspots(members: list[Member]) -> tuple[Hotspot, ...]:
    tally = HotspotTally()
    for one in members:
        tally.add(one)
    return tally.hotspots()


# -- summary


def test_the_summary_of_nobody_is_empty() -> None:
    none = summarise([])
    assert (none.count, none.scored, none.mean, none.median) == (0, 0, None, None)
    assert set(none.levels.values()) == {0}


def test_a_summary_tells_of_scores_levels_and_statuses() -> None:
    one = summarise([*map(standing, (0.2, 0.5, 0.6, 0.95, None)), standing(0.9, Status.INSUFFICIENT_EVIDENCE)])
    assert (one.count, one.scored, one.mean) == (6, 5, 0.63)
    assert (one.lower_quartile, one.median, one.upper_quartile) == (0.5, 0.6, 0.9)
    assert {level: number for level, number in one.levels.items() if number} == {
        Level.BEGINNER: 1,
        Level.DEVELOPING: 1,
        Level.COMPETENT: 1,
        Level.EXPERT: 1,
    }
    assert one.statuses == {Status.NO_EVIDENCE: 1, Status.INSUFFICIENT_EVIDENCE: 1, Status.OK: 4}


@pytest.mark.parametrize(
    ("scores", "quartiles"),
    [([0.4], (0.4, 0.4, 0.4)), ([0.0, 1.0], (0.25, 0.5, 0.75)), ([0.1, 0.2, 0.4, 0.8], (0.175, 0.3, 0.5))],
)
def test_quartiles_lie_between_neighbours(scores: list[float], quartiles: tuple[float, ...]) -> None:
    one = summarise([standing(score) for score in scores])
    assert (one.lower_quartile, one.median, one.upper_quartile) == quartiles


def test_topics_are_summarised_one_by_one() -> None:
    nothing = TopicStanding(None, None, Status.NO_EVIDENCE, 0.0, {}, "loops")
    found = summarise_topics([about("sets", 0.2), about("loops", 0.5)], [about("sets", 0.4), nothing], [])
    assert [(one.topic, one.count, one.mean) for one in found] == [("loops", 1, 0.5), ("sets", 2, 0.3)]


@given(st.lists(st.integers(0, 1_000_000), min_size=1, max_size=50), st.randoms())
def test_the_order_of_students_makes_no_difference(scores: list[int], chance: object) -> None:
    standings = [standing(score / 1_000_000) for score in scores]
    before = summarise(standings)
    chance.shuffle(standings)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    assert summarise(standings) == before
    assert _ordered(before)


def _ordered(one: Summary) -> bool:
    figures = (one.lower_quartile, one.median, one.upper_quartile)
    return list(figures) == sorted(figures)  # type: ignore[type-var]  # of at least one score


# -- triage


@pytest.mark.parametrize(
    ("one", "group", "codes"),
    [
        (member(score=None), Group.NO_DATA, ["no_evidence"]),
        (member(idle_days=7), Group.INACTIVE, ["inactive"]),
        (member(score=0.2, idle_days=20, open_struggles=(struggle(),)), Group.INACTIVE, ["inactive"]),
        (member(score=0.49), Group.NEEDS_HELP, ["low_mastery"]),
        (member(score=0.95, open_struggles=(struggle(),)), Group.NEEDS_HELP, ["open_struggles"]),
        (member(score=0.3, open_struggles=(struggle(),)), Group.NEEDS_HELP, ["low_mastery", "open_struggles"]),
        (member(score=0.9), Group.EXCELLING, ["high_mastery"]),
        (member(score=0.5, idle_days=6), Group.ON_TRACK, ["steady"]),
        (member(standing=standing(0.1, Status.INSUFFICIENT_EVIDENCE)), Group.ON_TRACK, ["little_evidence"]),
    ],
)
def test_a_student_is_in_the_first_group_that_applies(one: Member, group: Group, codes: list[str]) -> None:
    found, reasons = group_of(one, Thresholds())
    assert (found, [reason.code for reason in reasons]) == (group, codes)


def test_thresholds_move_students() -> None:
    one = member(score=0.7, idle_days=3, open_struggles=(struggle(),))
    assert group_of(one, Thresholds(open_struggles=2))[0] is Group.ON_TRACK
    assert group_of(one, Thresholds(open_struggles=2, needs_help_below=0.8))[0] is Group.NEEDS_HELP
    assert group_of(one, Thresholds(open_struggles=2, excelling_from=0.7))[0] is Group.EXCELLING
    assert group_of(one, Thresholds(inactive_days=3))[0] is Group.INACTIVE


# -- hotspots


def test_a_hotspot_is_a_topic_that_a_share_of_its_students_struggles_with() -> None:
    members = [
        member(
            "a",
            topics=(about("loops", 0.2), about("sets", 0.5)),
            open_struggles=(struggle(), struggle(signal=Signal.LOW_QUIZ)),
        ),
        member("b", topics=(about("loops", 0.5),)),
        member("c", topics=(about("sets", 0.5),), open_struggles=(struggle("sets"), struggle(None))),
        member("d", topics=(about("lists", 0.9), about("sets", 0.9))),
    ]
    loops, sets = hotspots(members)
    assert (loops.topic, loops.struggling, loops.students, loops.share) == ("loops", 1, 2, 0.5)
    assert loops.signals == {Signal.STUCK: 1, Signal.LOW_QUIZ: 1}
    assert (sets.topic, sets.struggling, sets.students, sets.share) == ("sets", 1, 3, 0.333333)


def test_a_class_without_struggles_has_no_hotspot() -> None:
    assert hotspots([member(topics=(about("loops", 0.1),))]) == ()
