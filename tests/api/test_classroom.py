"""The class of twelve: what a teacher should find, written down beforehand, over both stores."""

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from fastapi import FastAPI

from src.domain.curriculum import DEFAULT
from src.domain.mastery import window
from src.domain.model import MasteryModel
from src.domain.recommendations import recommend
from src.domain.state import StudentState
from src.event_validator import validate
from tests.making import NOW_US, TODAY

from .classroom import EVENTS, STUDENTS, view
from .serving import running_app
from .student import ADMIN


class Expected(NamedTuple):
    """Of one student: the group and why, the open struggles with their topics, and what to do next."""

    group: str
    reasons: str
    struggles: str
    recommended: str


STUCK = "stuck:variables low_quiz:variables"
SINCE_VARIABLES = "learn:numbers learn:strings consolidate:variables"
CLASS = {
    "amy": Expected("needs_help", "low_mastery", "", "practise:variables"),
    "ben": Expected("needs_help", "open_struggles", "stuck:numbers", SINCE_VARIABLES),
    "cal": Expected(
        "needs_help", "low_mastery open_struggles", "low_quiz:variables low_quiz:variables", "practise:variables"
    ),
    "dan": Expected("needs_help", "open_struggles", "failed_runs:strings repeated_error:strings", SINCE_VARIABLES),
    "eve": Expected(
        "needs_help",
        "open_struggles",
        "long_exercise:numbers",
        "practise:numbers learn:strings consolidate:variables",
    ),
    "fay": Expected("inactive", "inactive", "", SINCE_VARIABLES),
    "gus": Expected("inactive", "inactive", STUCK, "practise:variables"),
    "hal": Expected("on_track", "steady", "", "learn:strings learn:booleans practise:variables practise:numbers"),
    "ida": Expected("on_track", "little_evidence", "", "practise:variables"),
    "jon": Expected("on_track", "steady", "", SINCE_VARIABLES),
    "kim": Expected(
        "excelling", "high_mastery", "", "learn:booleans learn:strings consolidate:variables consolidate:numbers"
    ),
    "lea": Expected("no_data", "no_evidence", "", "learn:variables"),
}


@pytest.fixture(params=["sqlite", "redis"])
async def app(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[FastAPI]:
    redis_url = request.getfixturevalue("redis_url") if request.param == "redis" else None
    async with running_app(tmp_path, redis_url=redis_url) as app:
        yield app


def recommended(student_id: str) -> str:
    state = StudentState()
    for wire in EVENTS:
        if wire["student_id"] == student_id:
            state.add(validate(wire, NOW_US))  # type: ignore[arg-type]  # they are valid
    found = recommend(state.aggregates, DEFAULT, window(TODAY, TODAY - 89), MasteryModel(), limit=4)
    return " ".join(f"{one.action}:{one.topic}" for one in found)


async def test_every_student_is_where_the_table_says_and_no_group_is_empty(classroom: httpx.AsyncClient) -> None:
    groups = (await view(classroom, "triage"))["groups"]
    found = {
        one["student_id"]: (group, " ".join(reason["code"] for reason in one["reasons"]))
        for group, placed in groups.items()
        for one in placed
    }
    assert found == {student_id: (one.group, one.reasons) for student_id, one in CLASS.items()}
    assert sum(map(len, groups.values())) == len(STUDENTS)
    assert all(groups.values())


async def test_the_facts_that_put_a_student_in_a_group_are_told(classroom: httpx.AsyncClient) -> None:
    groups = (await view(classroom, "triage"))["groups"]
    facts = {one["student_id"]: one["reasons"][-1]["facts"] for placed in groups.values() for one in placed}
    assert [one["student_id"] for one in groups["needs_help"]] == ["cal", "amy", "ben", "dan", "eve"]
    assert facts["amy"] == {"score": 0.28, "below": 0.5}
    assert facts["dan"] == {"number": 2, "signals": {"failed_runs": 1, "repeated_error": 1}, "topics": ["strings"]}
    assert facts["fay"] == {"days": 10}
    assert facts["kim"]["score"] == 1.0


async def test_the_struggles_of_every_student_are_those_of_the_table(classroom: httpx.AsyncClient) -> None:
    found: dict[str, list[str]] = {student_id: [] for student_id in STUDENTS}
    for one in (await view(classroom, "struggles"))["struggles"]:
        found[one["student_id"]].append(f"{one['signal']}:{one['topic']}")
    assert {student_id: " ".join(signals) for student_id, signals in found.items()} == {
        student_id: one.struggles for student_id, one in CLASS.items()
    }


async def test_struggles_come_newest_first_and_are_the_students_own(classroom: httpx.AsyncClient) -> None:
    listed = (await view(classroom, "struggles"))["struggles"]
    assert [one["student_id"] for one in listed] == ["eve", "dan", "dan", "cal", "ben", "cal", "gus", "gus"]
    for student_id in STUDENTS:
        own = await classroom.get(f"/api/v1/students/{student_id}/struggles?open=true", headers=ADMIN)
        theirs = [{name: value for name, value in one.items() if name != "student_id"} for one in listed
                  if one["student_id"] == student_id]  # fmt: skip
        assert theirs == own.json()["struggles"]


async def test_hotspots_are_where_the_class_struggles(classroom: httpx.AsyncClient) -> None:
    assert [
        (one["topic"], one["struggling"], one["students"], one["signals"])
        for one in (await view(classroom, "hotspots"))["hotspots"]
    ] == [
        ("strings", 1, 1, {"failed_runs": 1, "repeated_error": 1}),
        ("numbers", 2, 4, {"long_exercise": 1, "stuck": 1}),
        # Of eleven students with evidence of variables: cal, and gus who is away.
        ("variables", 2, 11, {"low_quiz": 2, "stuck": 1}),
    ]


@pytest.mark.parametrize("student_id", STUDENTS)
def test_what_is_recommended_is_what_the_table_says_and_never_nothing(student_id: str) -> None:
    assert recommended(student_id) == CLASS[student_id].recommended != ""


async def test_the_class_is_compared_with_itself_ten_days_ago(classroom: httpx.AsyncClient) -> None:
    found = await view(classroom, "compare?with_as_of=2026-01-10")
    now, then = found["first"], found["second"]
    assert (now["as_of"], now["scored"], then["as_of"], then["scored"]) == ("2026-01-15", 11, "2026-01-10", 7)
    assert (found["difference"]["design"], found["difference"]["students"]) == ("paired", [7, 7])
    scores = [
        {one["student_id"]: one["score"] for one in (await view(classroom, f"mastery?as_of={day}"))["students"]}
        for day in (date(2026, 1, 15), date(2026, 1, 10))
    ]
    changes = [scores[0][one] - score for one, score in scores[1].items() if score is not None]
    assert found["difference"]["mean"] == pytest.approx(sum(changes) / 7, abs=1e-6)
    low, high = found["difference"]["interval"]["low"], found["difference"]["interval"]["high"]
    assert low < found["difference"]["mean"] < high
    assert low + high == pytest.approx(2 * found["difference"]["mean"], abs=2e-6)
