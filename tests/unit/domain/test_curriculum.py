import pytest

from src.domain.curriculum import DEFAULT, Curriculum, CurriculumTopic, flaws


def topic(name: str, *prerequisites: str) -> CurriculumTopic:
    return CurriculumTopic(name, name.title(), "module", (), prerequisites)


def names(topics: list[CurriculumTopic]) -> list[str]:
    return [one.topic for one in topics]


def test_the_default_has_eight_modules_and_no_flaw() -> None:
    assert len({one.module for one in DEFAULT.topics}) == 8
    assert not list(flaws(DEFAULT.topics))


def test_every_topic_of_the_default_has_skills_and_a_title() -> None:
    assert [one.topic for one in DEFAULT.topics if not (one.skills and one.title)] == []


def test_the_way_to_a_topic_holds_all_that_it_builds_on_first() -> None:
    curriculum = Curriculum((topic("d", "c", "b"), topic("c", "a"), topic("b", "a"), topic("a"), topic("e")))
    assert names(curriculum.way_to("d")) == ["a", "c", "b", "d"]


def test_the_way_to_every_topic_of_the_default_keeps_the_order() -> None:
    for target in DEFAULT.topics:
        seen: set[str] = set()
        for step in DEFAULT.way_to(target.topic):
            assert set(step.prerequisites) <= seen
            seen.add(step.topic)


def test_there_is_no_way_to_an_unknown_topic() -> None:
    with pytest.raises(KeyError):
        DEFAULT.way_to("alchemy")


@pytest.mark.parametrize(
    ("topics", "found"),
    [
        ([topic("a"), topic("a")], [(1, "topic")]),
        ([topic("a"), topic("b", "a", "a")], [(1, "prerequisites")]),
        ([topic("a", "z")], [(0, "prerequisites")]),
        ([topic("a", "a")], [(0, "prerequisites")]),
        (
            [topic("a", "c"), topic("b", "a"), topic("c", "b"), topic("d", "c"), topic("e")],
            [(n, "prerequisites") for n in range(3)],
        ),
    ],
)
def test_every_flaw_is_found_where_it_is(topics: list[CurriculumTopic], found: list[tuple[int, str]]) -> None:
    assert [(place, field) for place, field, _ in flaws(topics)] == found


def test_what_builds_on_a_topic_is_listed_in_order() -> None:
    curriculum = Curriculum((topic("a"), topic("c", "a"), topic("b", "a")))
    assert dict(curriculum.dependants) == {"a": ("c", "b"), "c": (), "b": ()}
