import random

import pytest

from src.errors import CommandFailed
from src.fitting.answers import Answer, Students, collect, ordered, rank, read_answers
from tests.learner import answers
from tests.simulated_answers import HEADER, content_of


def test_rows_that_hold_no_answer_are_told_with_line_and_reasons() -> None:
    rows = ["ada,i,k,1,,0", "ada,i,k,2,,1", ",i,k,1,soon,x", "ada,i", "ada,i,k,1,soon,2"]
    refused = collect(read_answers(content_of("\n".join([HEADER, *rows]).encode()), "file"), students := Students())
    assert students.total == 1
    told = [(read.line, [reason.field for reason in read.reasons]) for read in refused.first]
    assert told == [(3, ["correct"]), (4, ["order", "student"]), (5, [""]), (6, ["timestamp"])]


def test_a_file_without_the_columns_is_refused() -> None:
    with pytest.raises(CommandFailed, match="columns"):
        list(read_answers(content_of(b"a,b\n1,2\n"), "file"))


def test_bytes_that_are_no_text_are_replaced() -> None:
    [read] = read_answers(content_of(HEADER.encode() + b"\n\xff,\xfe,k,1,,0\n"), "file")
    assert read.answer is not None
    assert (read.answer.student, read.answer.outcome.item) == ("\ufffd", "\ufffd")


def test_answers_at_the_same_time_stand_in_their_order() -> None:
    rows = [f"ada,i{order},k,{order % 2},7,{order}" for order in range(30)]
    random.Random(1).shuffle(rows)
    students = Students()
    collect(read_answers(content_of("\n".join([HEADER, *rows]).encode()), "file"), students)
    assert [outcome.item for outcome in ordered(students.answers["ada"])] == [f"i{order}" for order in range(30)]


def test_which_students_are_kept_does_not_depend_on_the_order_of_the_rows() -> None:
    rows = [Answer(f"s{number}", outcome, timed=True) for number in range(40) for outcome in answers(1 + number % 7)]
    kept = []
    for seed in range(3):
        students = Students(most=60)
        for row in random.Random(seed).sample(rows, len(rows)):
            students.add(row)
        assert students.total == sum(map(len, students.answers.values())) <= 60
        assert max(map(rank, students.answers)) < min(students.left_out)
        kept.append((sorted(students.answers), len(students.left_out)))
    assert kept[0] == kept[1] == kept[2]
    assert len(kept[0][0]) + kept[0][1] == 40
