"""Views of a class over HTTP: the same as the students' own answers, in pages, as a file, under other models."""

import csv
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from src.api.spreadsheets import inert
from src.domain.cohort_statistics import Tally, TopicTally
from src.domain.levels import Level, Status
from tests.making import NOW, wire
from tests.strategies import STUDENTS as DRAWN
from tests.strategies import event_sets

from .classroom import COHORT, CONTENT, STUDENTS, URL, ask, view
from .serving import client_of, running_app
from .student import ADMIN, send

CSV = {"Accept": "text/csv"}


async def own_answers(client: httpx.AsyncClient, query: str = "") -> list[Any]:
    return [(await client.get(f"/api/v1/students/{one}/mastery{query}", headers=ADMIN)).json() for one in STUDENTS]


# -- the table


@pytest.mark.parametrize(
    "query", ["", "?as_of=2026-01-10", "?topic=numbers", "?method=latest", "?as_of=2025-12-01&topic=variables"]
)
async def test_a_row_is_the_students_own_answer(classroom: httpx.AsyncClient, query: str) -> None:
    table = await view(classroom, f"mastery{query}")
    assert table["students"] == await own_answers(classroom, query)
    assert table["next"] is None


SORTED = {
    "student_id": STUDENTS,
    "-student_id": STUDENTS[::-1],
    "score": ["amy", "cal", "gus", "ida", "hal", "jon", "dan", "ben", "fay", "eve", "kim", "lea"],
    "-score": ["kim", "eve", "fay", "ben", "dan", "jon", "hal", "ida", "gus", "cal", "amy", "lea"],
    # Of equals the order is that of the ids, and who has no level comes last either way.
    "level": ["amy", "cal", "gus", "dan", "hal", "jon", "ben", "eve", "fay", "kim", "ida", "lea"],
    "-level": ["kim", "ben", "eve", "fay", "dan", "hal", "jon", "amy", "cal", "gus", "ida", "lea"],
}


@pytest.mark.parametrize("sort", SORTED)
@pytest.mark.parametrize("limit", [1, 5, 12, 100])
async def test_the_table_is_sorted_and_comes_in_pages(classroom: httpx.AsyncClient, sort: str, limit: int) -> None:
    found: list[str] = []
    cursor, pages = "", 0
    while cursor is not None:
        page = await view(classroom, f"mastery?sort={sort}&limit={limit}{cursor and f'&cursor={cursor}'}")
        found += [row["student_id"] for row in page["students"]]
        cursor, pages = page["next"], pages + 1
    assert found == SORTED[sort]
    assert pages == -(-len(STUDENTS) // limit)


async def test_the_table_is_sorted_by_confidence(classroom: httpx.AsyncClient) -> None:
    for sort, sign in (("confidence", 1), ("-confidence", -1)):
        rows = (await view(classroom, f"mastery?sort={sort}"))["students"]
        assert [row["confidence"] for row in rows] == sorted(
            (row["confidence"] for row in rows), key=lambda c: sign * c
        )


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("mastery?cursor=x", "cursor"),
        ("mastery?cursor=5b5d", "cursor"),
        ("struggles?cursor=5b22222c225d", "cursor"),
        ("mastery?sort=name", "sort"),
        ("mastery?limit=0", "limit"),
        ("mastery?as_of=2026-01-16", "as_of"),
        ("summary?as_of=2026-01-16", "as_of"),
        ("compare?with_as_of=2026-01-16", "with_as_of"),
        ("compare?with=a:b", "with"),
        ("mastery?topic=a:b", "topic"),
        ("triage?needs_help_below=1.5", "needs_help_below"),
        ("triage?needs_help_below=nan", "needs_help_below"),
        ("triage?needs_help_below=0.95", "needs_help_below"),
        ("triage?open_struggles=0", "open_struggles"),
        ("triage?inactive_days=91", "inactive_days"),
        ("triage?excelling_from=-1", "excelling_from"),
        ("summary?method=best", "method"),
        ("summary?weights=completion=1", "weights"),
        ("summary?weights=completion=0.5,quiz=0.5,quality=0.5,consistency=0", "weights"),
        ("summary?weights=completion=nan,quiz=0.5,quality=0.5,consistency=0", "weights"),
        (f"summary?weights={'1' * 257}", "weights"),
    ],
)
async def test_a_question_that_cannot_be_is_400_and_names_the_field(
    classroom: httpx.AsyncClient, query: str, field: str
) -> None:
    answer = await ask(classroom, query)
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (400, [field])


async def test_a_cursor_of_another_order_is_refused(classroom: httpx.AsyncClient) -> None:
    cursor = (await view(classroom, "mastery?sort=score&limit=1"))["next"]
    assert (await ask(classroom, f"mastery?sort=-score&cursor={cursor}")).status_code == 400


async def test_struggles_come_in_pages(classroom: httpx.AsyncClient) -> None:
    whole = (await view(classroom, "struggles"))["struggles"]
    found: list[Any] = []
    cursor = ""
    while cursor is not None:
        page = await view(classroom, f"struggles?limit=3{cursor and f'&cursor={cursor}'}")
        assert len(page["struggles"]) <= 3
        found, cursor = found + page["struggles"], page["next"]
    assert found == whole
    assert len(whole) == 8


async def test_struggles_are_newest_first_to_the_fraction_of_a_second(app_client: httpx.AsyncClient) -> None:
    times = {"ada": "10:00:00Z", "bob": "10:00:00.5Z", "cy": "10:00:00.000001Z"}
    await app_client.put(URL, json=CONTENT | {"students": list(times)}, headers=ADMIN)
    events = [
        wire(f"e-{one}", "help.requested", student_id=one, timestamp=f"2026-01-15T{time}")
        for one, time in times.items()
    ]
    await send(app_client, *events)
    found = (await view(app_client, "struggles"))["struggles"]
    assert [one["student_id"] for one in found] == ["bob", "cy", "ada"]


# -- as a file


async def file(client: httpx.AsyncClient, path: str = "mastery") -> list[list[str]]:
    answer = await ask(client, path, **CSV)
    assert answer.status_code == 200
    return list(csv.reader(StringIO(answer.text, newline="")))


async def test_the_table_can_be_had_as_a_file(classroom: httpx.AsyncClient) -> None:
    answer = await ask(classroom, "mastery", **CSV)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="twelve-2026-01-15.csv"'
    assert (answer.headers["Vary"], answer.headers["Cache-Control"]) == ("Accept", "no-store")
    header, *rows = await file(classroom)
    assert header == [
        *("student_id", "as_of", "score", "level", "status", "confidence"),
        *("completion", "quiz", "quality", "consistency", "config_id", "what_if"),
        *("topic:numbers", "topic:variables"),
    ]
    assert [row[0] for row in rows] == STUDENTS
    lines = answer.content.split(b"\r\n")
    assert (len(lines), lines[-1], b"\n" in b"".join(lines)) == (14, b"", False)


@pytest.mark.parametrize("query", ["?as_of=2026-01-10&sort=-score", "?topic=numbers", "?limit=1&method=highest"])
async def test_a_file_holds_every_students_own_scores(classroom: httpx.AsyncClient, query: str) -> None:
    header, *rows = await file(classroom, f"mastery{query}")
    own = {one["student_id"]: one for one in await own_answers(classroom, query)}
    assert {row[0] for row in rows} == set(STUDENTS)
    for row in rows:
        cells, one = dict(zip(header, row, strict=True)), own[row[0]]
        topics = {f"topic:{topic['topic']}": topic["score"] for topic in one["topics"]}
        values = {name: component and component["score"] for name, component in one["components"].items()}
        expected = {name: one[name] for name in ("as_of", "score", "level", "status", "confidence")} | values
        if "topic=" not in query:
            expected |= {name: topics.get(name) for name in header if name.startswith("topic:")}
        assert {name: cells[name] for name in expected} == {
            name: "" if value is None else str(value) for name, value in expected.items()
        }


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_cell_that_begins_like_a_formula_is_text(start: str) -> None:
    assert inert(f"{start}1+1") == f"'{start}1+1"


@pytest.mark.parametrize("cell", ["ada", "a=1", "2026-01-15", 0.5, -0.5, None, ""])
def test_other_cells_stay_as_they_are(cell: str | float | None) -> None:
    assert inert(cell) == cell


async def test_no_student_and_no_topic_becomes_a_formula(app_client: httpx.AsyncClient) -> None:
    names = ["-1-1", "-cmd", "ada"]
    await app_client.put(URL, json=CONTENT | {"students": names}, headers=ADMIN)
    await send(app_client, wire(student_id="-cmd", topic="-2-3"))
    header, *rows = await file(app_client)
    assert [row[0] for row in rows] == ["'-1-1", "'-cmd", "ada"]
    assert header[-1] == "topic:-2-3"
    assert not any(cell.startswith(tuple("=+-@\t\r")) for row in [header, *rows] for cell in row)


@pytest.mark.parametrize(
    ("accept", "is_csv"),
    [
        ("text/csv", True),
        ("text/csv; charset=utf-8", True),
        ("TEXT/CSV;q=0.5, */*;q=0.1", True),
        ("text/csv, application/json;q=0.9", True),
        ("text/csv;q=0.5, application/json", False),
        ("text/csv;q=0", False),
        ("text/csv;q=x", False),
        ("text/*", False),
        ("*/*", False),
        ("application/json", False),
    ],
)
async def test_a_file_is_sent_to_who_asks_for_one_by_name(
    classroom: httpx.AsyncClient, accept: str, *, is_csv: bool
) -> None:
    answer = await ask(classroom, "mastery", Accept=accept)
    assert answer.headers["Content-Type"].startswith("text/csv" if is_csv else "application/json")


# -- together


def summary_of(answers: list[Any]) -> dict[str, Any]:
    """Return what the summary of students with these answers is, from the answers alone."""
    whole, topics = Tally(), TopicTally()
    for answer in answers:
        whole.add(_Decoded(answer))
        topics.add([_Decoded(topic) for topic in answer["topics"]])
    return {"whole": whole.summary(), "topics": list(topics.summaries())}


class _Decoded:
    """An answer as it came over the wire."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.score: float | None = answer["score"]
        self.level = None if answer["level"] is None else Level(answer["level"])
        self.status = Status(answer["status"])
        self.confidence: float = answer["confidence"]
        self.topic: str = answer.get("topic", "")


def assert_agrees(summary: dict[str, Any], answers: list[Any]) -> None:
    expected = summary_of(answers)
    for name in ("count", "scored", "mean", "median", "lower_quartile", "upper_quartile", "levels", "statuses"):
        assert summary[name] == getattr(expected["whole"], name), name
        assert [topic[name] for topic in summary["topics"]] == [getattr(one, name) for one in expected["topics"]]
    assert [topic["topic"] for topic in summary["topics"]] == [one.topic for one in expected["topics"]]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?as_of=2026-01-10",
        "?topic=numbers",
        "?method=highest&weights=completion=0.1,quiz=0.2,quality=0.3,consistency=0.4",
    ],
)
async def test_the_summary_is_that_of_the_students_own_answers(classroom: httpx.AsyncClient, query: str) -> None:
    summary = await view(classroom, f"summary{query}")
    assert_agrees(summary, (await view(classroom, f"mastery{query}"))["students"])
    assert (summary["count"], summary["cohort_id"]) == (12, COHORT)


def both_stores(request: pytest.FixtureRequest, name: str) -> str | None:
    return request.getfixturevalue("redis_url") if name == "redis" else None


@pytest.mark.parametrize("store", ["sqlite", "redis"])
async def test_sums_agree_after_any_order_of_events(request: pytest.FixtureRequest, tmp_path: Path, store: str) -> None:
    """Each example is a class of its own: the same students under other names."""
    numbers = iter(range(10_000))
    async with running_app(tmp_path, redis_url=both_stores(request, store)) as app, client_of(app) as client:

        async def agrees(events: list[dict[str, Any]], order: list[dict[str, Any]]) -> None:
            summaries = []
            for sent in (events, order):
                number = next(numbers)
                students = {one: f"{one}-{number}" for one in (*DRAWN, "nobody")}
                cohort = f"/api/v1/cohorts/c-{number}"
                content = {"name": "Drawn", "teachers": [], "students": list(students.values())}
                await client.put(cohort, json=content, headers=ADMIN)
                for half in (sent[::2], sent[1::2]):
                    renamed = [one | {"student_id": students[one["student_id"]]} for one in half]
                    await client.post("/api/v1/events", json=renamed, headers=ADMIN)
                    summary = (await client.get(f"{cohort}/summary", headers=ADMIN)).json()
                    answers = [
                        (await client.get(f"/api/v1/students/{one}/mastery", headers=ADMIN)).json()
                        for one in students.values()
                    ]
                    assert_agrees(summary, answers)
                summaries.append({name: value for name, value in summary.items() if name != "cohort_id"})
            assert summaries[0] == summaries[1]

        await _drawn(agrees)


async def _drawn(agrees: Any) -> None:
    """Draw examples for a test that runs in this loop: hypothesis itself knows functions that do not wait."""
    drawn: list[tuple[list[dict[str, Any]], list[dict[str, Any]]]] = []

    @settings(max_examples=15, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(events=event_sets(NOW, max_size=12), data=st.data())
    def draw(events: list[dict[str, Any]], data: st.DataObject) -> None:
        drawn.append((events, data.draw(st.permutations(events))))

    draw()
    assert len(drawn) >= 10
    for events, order in drawn:
        await agrees(events, order)
