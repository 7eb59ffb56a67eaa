"""``import``: any form of file, streamed, counted once, nothing lost."""

import gzip
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.making import wire

from .conftest import Run

TODAY = datetime.now(UTC).date()


def day(ago: int) -> str:
    return (TODAY - timedelta(days=ago)).isoformat()


def made(event_id: str = "e-1", event_type: str = "quiz.completed", **fields: Any) -> dict[str, Any]:  # JSON
    return wire(event_id, event_type, **({"timestamp": f"{DAY}T10:30:00Z"} | fields))


DAY, DAY_BEFORE = day(2), day(3)
SECONDS = (TODAY - date(1970, 1, 1)).days * 86_400 - 3600
EVENTS = [
    made("e-1", timestamp=f"{DAY_BEFORE}T10:00:00Z"),
    made("e-2", "exercise.completed", data={"score": 0.5, "exercise_id": "7", "difficulty": "advanced"}),
    made("e-3", "activity.recorded", topic=None, data={"activity_dates": [DAY_BEFORE]}),
    made("e-4", "help.requested", student_id="student-2"),
]


def lines(events: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(event) + "\n" for event in events)


def as_csv(events: list[dict[str, Any]]) -> str:
    columns = ["event_id", "event_type", "student_id", "timestamp", "topic"]
    data_columns = sorted({name for event in events for name in event["data"]})
    rows = [",".join(columns + data_columns)]
    for event in events:
        cells = [event.get(name) or "" for name in columns]
        for name in data_columns:
            value = event["data"].get(name, "")
            text = value if isinstance(value, str) else json.dumps(value)
            cells.append('"' + text.replace('"', '""') + '"')
        rows.append(",".join(cells))
    return "\r\n".join(rows) + "\r\n"


FORMS = {
    "lines.jsonl": lines(EVENTS).encode(),
    "no-newline-at-the-end.jsonl": lines(EVENTS).strip().encode(),
    "blank-lines.jsonl": lines(EVENTS).replace("\n", "\n\n").encode(),
    "array.json": json.dumps(EVENTS).encode(),
    "indented.json": json.dumps(EVENTS, indent=4).encode(),
    "table.csv": as_csv(EVENTS).encode(),
    "table-of-a-spreadsheet.csv": b"\xef\xbb\xbf" + as_csv(EVENTS).encode(),
    "lines.jsonl.gz": gzip.compress(lines(EVENTS).encode()),
    "packed-without-saying-so.json": gzip.compress(json.dumps(EVENTS).encode()),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_file_gives_the_same_state(run: Run, tmp_path: Path, name: str) -> None:
    reference = tmp_path / "reference.jsonl"
    reference.write_bytes(FORMS["lines.jsonl"])
    (tmp_path / name).write_bytes(FORMS[name])
    report = json.loads(run("import", tmp_path / name, "--json").stdout)["files"][0]
    assert (report["accepted"], report["invalid"], report["records"]) == (4, 0, 4)
    again = json.loads(run("import", reference, "--json").stdout)["files"][0]
    assert (again["accepted"], again["duplicate"], again["conflict"]) == (0, 4, 0)


def test_a_second_import_changes_nothing(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(lines(EVENTS))
    run("import", file)
    before = run("dump", "--all").stdout
    assert "4 duplicate" in run("import", file).stdout
    assert run("dump", "--all").stdout == before


def test_what_is_rejected_is_told_by_line_and_kept(run: Run, tmp_path: Path, data_dir: Path) -> None:
    file = tmp_path / "events.jsonl"
    bad = json.dumps(made("e-9", timestamp="yesterday", data={"total_questions": 5, "correct_answers": 6}))
    file.write_text(f"{json.dumps(EVENTS[0])}\n{bad}\nnot json\n")
    result = run("import", file)
    assert "1 accepted, 0 duplicate, 0 expired, 2 invalid" in result.stdout
    assert "line 2: data.correct_answers: must not be more than total_questions; timestamp:" in result.stderr
    assert "line 3: not valid JSON" in result.stderr
    (kept,) = (data_dir / "rejected").glob("events-*[0-9a-f].jsonl")
    assert kept.read_text() == f"{bad}\nnot json\n"
    assert kept.stat().st_mode & 0o777 == 0o600
    reasons = [json.loads(line) for line in kept.with_name(f"{kept.stem}.reasons.jsonl").read_text().splitlines()]
    assert [entry["line"] for entry in reasons] == [2, 3]


@pytest.mark.parametrize(
    ("name", "content", "mend"),
    [
        ("a.jsonl", lines([EVENTS[0], made("e-9", data={}), made("e-8", data={})]), ("{}", '{"x": 1}')),
        ("a.json", json.dumps([EVENTS[0], made("e-9", data={}), made("e-8", data={})], indent=1), ("{}", '{"x": 1}')),
        ("a.csv", as_csv([EVENTS[0], made("e-9", data={"total_questions": 0})]), ('"0"', '"5"')),
    ],
)
def test_rejects_can_be_mended_and_imported(
    run: Run, tmp_path: Path, name: str, content: str, mend: tuple[str, str]
) -> None:
    (tmp_path / name).write_text(content)
    report = json.loads(run("import", tmp_path / name, "--json").stdout)["files"][0]
    kept = Path(report["rejected_file"])
    complete = (
        kept.read_text().replace(mend[0], mend[1]).replace('"x": 1', '"total_questions": 2, "correct_answers": 1')
    )
    kept.write_text(complete.replace('"5",""', '"5","1"').replace('"","5"', '"1","5"'))
    again = json.loads(run("import", kept, "--json").stdout)["files"][0]
    assert again["accepted"] == report["invalid"] > 0


def test_conflicts_are_kept_too(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(lines([EVENTS[0], EVENTS[0] | {"topic": "lists"}]))
    report = json.loads(run("import", file, "--json").stdout)["files"][0]
    assert (report["accepted"], report["conflict"]) == (1, 1)
    assert '"lists"' in Path(report["rejected_file"]).read_text()


def test_old_events_are_counted_as_expired(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(lines([made(timestamp=f"{day(91)}T23:59:59Z"), made("e-2", timestamp=f"{day(88)}T00:00:00Z")]))
    assert "1 accepted, 0 duplicate, 1 expired" in run("import", file).stdout


def test_a_dry_run_reports_and_changes_nothing(run: Run, tmp_path: Path) -> None:
    file, more = tmp_path / "events.jsonl", tmp_path / "more.jsonl"
    file.write_text(lines(EVENTS[:2]))
    more.write_text(lines([*EVENTS, *EVENTS]))
    run("import", file)
    before = run("dump", "--all").stdout
    result = run("import", "--dry-run", more)
    assert "2 accepted, 6 duplicate" in result.stdout
    assert "nothing was changed" in result.stdout
    assert run("dump", "--all").stdout == before


UNREADABLE = {
    "empty": (b"", "is empty"),
    "blank": (b" \n ", "is empty"),
    "binary": (bytes(range(256)) * 20, "neither JSON nor CSV"),
    "csv without columns": (b"a,b\n1,2\n", "neither JSON nor CSV with the columns event_id"),
    "cut array": (json.dumps(EVENTS).encode()[:-1], "not one JSON array to its end"),
    "array and more": (json.dumps(EVENTS).encode() + b"[]", "not one JSON array to its end"),
    "cut gzip": (gzip.compress(lines(EVENTS * 2000).encode())[:-20], "ends in the middle"),
    "damaged gzip": (gzip.compress(b"{}")[:-8] + bytes(8), "not readable as gzip"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_read_is_told(run: Run, tmp_path: Path, case: str) -> None:
    content, message = UNREADABLE[case]
    file = tmp_path / "file"
    file.write_bytes(content)
    assert message in run("import", file, code=1).stderr


def test_a_missing_file_is_told(run: Run, tmp_path: Path) -> None:
    assert "No such file" in run("import", tmp_path / "nothing", code=1).stderr


def test_what_stands_before_the_damage_is_imported(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "cut.json"
    file.write_bytes(json.dumps(EVENTS).encode()[:-3])
    report = json.loads(run("import", file, "--json", code=1).stdout)["files"][0]
    assert (report["accepted"], report["error"] is not None) == (3, True)


def test_the_other_files_are_imported_all_the_same(run: Run, tmp_path: Path) -> None:
    good = tmp_path / "good.jsonl"
    good.write_text(lines(EVENTS))
    run("import", tmp_path / "nothing", good, code=1)
    assert "4 duplicate" in run("import", good).stdout


RECORDS = {
    "too long": (b'{"event_id":"' + b"x" * 1_100_000 + b'"}', "longer than 1048576 bytes"),
    "not UTF-8": (b'{"event_id":"\xff"}', "not valid JSON"),
    "nested": (b'{"a":' + b"[" * 100_000, "nested too deeply"),
    "twice": (b'{"event_id":"a","event_id":"b"}', "a field is given twice"),
    "a number": (b"{}, 3", "not valid JSON"),
}


@pytest.mark.parametrize("case", RECORDS)
def test_a_bad_record_is_rejected_and_the_rest_imported(run: Run, tmp_path: Path, case: str) -> None:
    content, message = RECORDS[case]
    file = tmp_path / "events.jsonl"
    good = [json.dumps(event).encode() for event in EVENTS[:2]]
    file.write_bytes(good[0] + b"\n" + content + b"\n" + good[1] + b"\n")
    result = run("import", file)
    assert "2 accepted, 0 duplicate, 0 expired, 1 invalid" in result.stdout
    assert f"line 2: {message}" in result.stderr


ROWS = {
    "cells missing": ("e-5,quiz.completed", "must have 8 cells"),
    "not a number": (f"e-5,quiz.completed,s,{DAY}T10:00:00Z,loops,many,5,", "data.correct_answers: must be a number"),
    "a number as text": (f'e-5,quiz.completed,s,{DAY}T10:00:00Z,loops,"""4""",5,', "must be a whole number"),
    "NUL": (f"e-\0,quiz.completed,s,{DAY}T10:00:00Z,loops,4,5,", "event_id: must consist of"),
    "an endless cell": ('e-5,"' + "x" * 140_000 + '",s,t,loops,4,5,', "not readable as CSV"),
}


@pytest.mark.parametrize("case", ROWS)
def test_a_bad_row_is_rejected_and_the_rest_imported(run: Run, tmp_path: Path, case: str) -> None:
    row, message = ROWS[case]
    header = "event_id,event_type,student_id,timestamp,topic,correct_answers,total_questions,quiz_id"
    good = f"e-6,quiz.completed,s,{SECONDS}000,loops,4,5,7"
    file = tmp_path / "events.csv"
    file.write_text(f"{header}\n{row}\n{good}\n")
    result = run("import", file)
    assert "1 accepted" in result.stdout
    assert message in result.stderr


RESPONSES = "student,item,skills,correct,timestamp,order\n"


def test_responses_become_quizzes_of_one_question(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "responses.csv"
    file.write_text(RESPONSES + "s1,item-1,a;b,1,,0\ns1,item-2,,0,,1\ns2,item-1,a,1,,0\n")
    assert "3 accepted" in run("import", "--format", "responses", "--ending", DAY, file).stdout
    state = json.loads(run("dump", "s1").stdout)
    assert [(row["component"], row["score"], row["weight"]) for row in state["aggregates"]] == [
        ("consistency", 2_000_000, 2_000_000),
        ("quiz", 1_000_000, 2_000_000),
    ]
    answers = state["outcomes"]["answers"]
    assert [(a["item"], a["skills"], a["score"]) for a in answers] == [
        ("item-1", ["a", "b"], 1_000_000),
        ("item-2", [], 0),
    ]


def test_a_response_file_is_moved_so_that_it_ends_on_the_day(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "responses.csv"
    file.write_text(RESPONSES + "s1,i1,a,1,100,0\ns1,i2,a,1,864000.5,1\ns2,i1,a,1,86399,0\n")
    run("import", "--format", "responses", "--ending", DAY, file)
    occurred = [a["occurred_us"] for a in json.loads(run("dump", "s1").stdout)["outcomes"]["answers"]]
    assert occurred == [f"{day(12)}T00:01:40Z", f"{DAY}T00:00:00.500Z"]


def test_a_second_ending_is_a_conflict_not_a_second_count(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "responses.csv"
    file.write_text(RESPONSES + "s1,i1,a,1,,0\n")
    run("import", "--format", "responses", "--ending", DAY, file)
    again = run("import", "--format", "responses", "--ending", DAY_BEFORE, file, "--json", code=1)
    assert json.loads(again.stdout)["files"][0]["conflict"] == 1


def test_without_an_ending_times_are_taken_as_they_are(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "responses.csv"
    file.write_text(f"{RESPONSES}s1,i1,a,1,{SECONDS},0\ns1,i1,a,1,,1\n")
    assert "1 accepted, 0 duplicate, 1 expired" in run("import", "--format", "responses", file).stdout


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("s1,i1,a,2,,0", "correct: must be 0 or 1"),
        ("s1,i1,a,1,soon,0", "timestamp: must be a number"),
        ("s1,i1,a,1,1e400,0", "timestamp: must be a number"),
        ("s1,i1,a,1,NaN,0", "timestamp: must be a number"),
        ("s1,i1,a,1,,", "order: must be a whole number"),
        ("s1,i1,a,1,,-1", "order: must be a whole number"),
        (f"s:1,i1,a,1,{SECONDS},0", "student_id: must consist of"),
        (f"s1,i 1,a,1,{SECONDS},0", "data.responses.0.item: must consist of"),
        ("s1,i1", "must have 6 cells"),
    ],
)
def test_a_bad_response_is_rejected_by_its_column(run: Run, tmp_path: Path, row: str, message: str) -> None:
    file = tmp_path / "responses.csv"
    file.write_text(f"{RESPONSES}{row}\ns9,i1,a,1,{SECONDS},0\n")
    assert message in run("import", "--format", "responses", file).stderr


def test_a_response_file_with_columns_missing_is_told(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "responses.csv"
    file.write_text("student,item\ns1,i1\n")
    assert (
        "student, item, skills, correct, timestamp, order"
        in run("import", "--format", "responses", file, code=1).stderr
    )


def test_an_ending_is_for_responses_only(run: Run, tmp_path: Path) -> None:
    assert "--ending is for" in run("import", "--ending", DAY, tmp_path / "x", code=2).stderr
