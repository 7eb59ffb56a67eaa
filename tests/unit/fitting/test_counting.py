from src.domain.fixed import MICRO
from src.domain.learner_history import FEATURES
from src.domain.learner_tables import COUNTED, NOTHING
from src.fitting.answers import ordered
from src.fitting.counting import count_groups
from src.fitting.fit import GROUPS, _examples
from tests.simulated_answers import simulate

from .conftest import quietly, students_of

STUDENTS = [ordered(own) for own in students_of(simulate(range(12), answers=20).text).answers.values()]


def test_a_group_is_shown_what_the_others_alone_would_give() -> None:
    groups = [STUDENTS[:4], STUDENTS[4:8], STUDENTS[8:]]
    total, of_others = count_groups(groups)
    shown = next(of_others)
    alone, _ = count_groups(groups[1:])
    wanted = alone.tables_of()
    assert shown.everything == wanted.everything
    for name in COUNTED:
        for key, sums in total.tables[name].items():
            left = getattr(shown, name).get(key, NOTHING)
            own = getattr(wanted, name).get(key, NOTHING)
            assert left == tuple(own) or own[0] < 2, (name, key)
            assert sums[0] >= left[0]


def test_the_features_of_a_student_do_not_tell_that_students_own_later_answers() -> None:
    turned = [
        [
            outcome._replace(score=MICRO - (outcome.score or 0)) if at >= 10 else outcome
            for at, outcome in enumerate(own)
        ]
        if number == 0
        else own
        for number, own in enumerate(STUDENTS)
    ]
    rows = []
    for students in (STUDENTS, turned):
        groups = [students[at::GROUPS] for at in range(GROUPS)]
        counts, shown = count_groups(groups)
        found, _ = _examples(
            groups, shown, counts.everything[0], [name for name in FEATURES if name in OF_COUNTS], quietly
        )
        rows.append(found[:11].tolist())
    assert rows[0] == rows[1]


OF_COUNTS = {"skill", "item", "run", "return", "step", "turn", "fast", "slow", "streak", "block_rate", "rate"}
"""Features without the ability: the leads behind it are estimated at everybody's abilities."""
