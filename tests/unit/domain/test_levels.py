import pytest

from src.domain.levels import Level, Status, level_of, status_of


@pytest.mark.parametrize(
    ("score", "level"),
    [
        (0, Level.BEGINNER),
        (399_999, Level.BEGINNER),
        (400_000, Level.DEVELOPING),
        (599_999, Level.DEVELOPING),
        (600_000, Level.COMPETENT),
        (749_999, Level.COMPETENT),
        (750_000, Level.PROFICIENT),
        (899_999, Level.PROFICIENT),
        (900_000, Level.EXPERT),
        (1_000_000, Level.EXPERT),
    ],
)
def test_a_level_begins_exactly_at_its_boundary(score: int, level: Level) -> None:
    assert level_of(score) is level


@pytest.mark.parametrize(
    ("score", "confidence", "status"),
    [
        (None, 0, Status.NO_EVIDENCE),
        (None, 1_000_000, Status.NO_EVIDENCE),
        (0, 0, Status.INSUFFICIENT_EVIDENCE),
        (1_000_000, 199_999, Status.INSUFFICIENT_EVIDENCE),
        (0, 200_000, Status.OK),
        (1_000_000, 1_000_000, Status.OK),
    ],
)
def test_a_score_may_be_relied_on_from_a_confidence_of_a_fifth(
    score: int | None, confidence: int, status: Status
) -> None:
    assert status_of(score, confidence) is status
