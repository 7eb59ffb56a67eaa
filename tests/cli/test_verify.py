"""``verify``: every student derived anew, and compared with what was derived before."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.making import wire

from .conftest import Run


@pytest.fixture
def imported(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    now = datetime.now(UTC).isoformat()
    file.write_text("".join(json.dumps(wire(student_id=one, timestamp=now)) + "\n" for one in ("ada", "ben")))
    run("import", file)


def change(data_dir: Path, sql: str) -> None:
    with closing(sqlite3.connect(data_dir / "mastery.db", isolation_level=None)) as database:
        database.execute(sql)


@pytest.mark.usefixtures("imported")
def test_what_was_derived_comes_out_again(run: Run) -> None:
    assert json.loads(run("verify", "--json").stdout) == {"differs": [], "unreadable": [], "equal": 2, "older": 0}


@pytest.mark.usefixtures("imported")
def test_a_snapshot_that_does_not_follow_from_the_state_is_told(run: Run, data_dir: Path) -> None:
    change(data_dir, "UPDATE snapshot SET body = '{}' WHERE key LIKE 'student:ada:mastery:%'")
    shown = run("verify", code=1)
    assert "differs: ada" in shown.stdout
    assert "equal: 1, older: 0" in shown.stdout


@pytest.mark.usefixtures("imported")
def test_a_state_that_cannot_be_read_is_told(run: Run, data_dir: Path) -> None:
    change(data_dir, "UPDATE evidence SET body = x'c1' WHERE student = (SELECT id FROM student WHERE name = 'ben')")
    assert json.loads(run("verify", "--json", code=1).stdout)["unreadable"] == ["ben"]


@pytest.mark.usefixtures("imported")
def test_who_has_nothing_of_today_is_read_and_not_compared(run: Run, data_dir: Path) -> None:
    change(data_dir, "DELETE FROM snapshot")
    assert json.loads(run("verify", "--json").stdout) == {"differs": [], "unreadable": [], "equal": 0, "older": 2}
