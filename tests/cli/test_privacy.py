"""Export, erasure, consent and retention at the command line."""

import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.making import wire
from tests.processes import ROOT, environment

from .conftest import Run


@pytest.fixture
def events(tmp_path: Path) -> Path:
    now = datetime.now(UTC) - timedelta(hours=1)
    path = tmp_path / "events.jsonl"
    given = [wire(f"e-{n}", student_id=f"student-{1 + n % 2}", timestamp=now.isoformat()) for n in range(6)]
    path.write_text("".join(json.dumps(one) + "\n" for one in given))
    return path


@pytest.fixture(autouse=True)
def imported(run: Run, events: Path) -> None:
    run("import", events)


def test_an_export_holds_everything_by_place(run: Run) -> None:
    exported = json.loads(run("export", "student-1").stdout)
    assert exported["places"]["state"]["events"] == 3
    assert "student-2" not in json.dumps(exported)


def test_a_dry_run_changes_nothing(run: Run) -> None:
    before = run("dump", "--all").stdout
    result = run("erase", "student-1", "--dry-run")
    assert "would be erased" in result.stdout
    assert "left" not in result.stdout
    assert run("dump", "--all").stdout == before


def test_an_erasure_has_a_receipt_and_keeps_the_student_out(run: Run, events: Path, data_dir: Path) -> None:
    result = run("erase", "student-1", "--yes")
    assert "Verified: nothing is left." in result.stdout
    assert json.loads(run("dump", "--all").stdout)[0]["student_id"] == "student-2"
    report = json.loads(run("import", events, "--json").stdout)["files"][0]
    assert (report["refused"], report["duplicate"], report["rejected_file"]) == (3, 3, None)
    assert not (data_dir / "rejected").exists()
    dry = json.loads(run("import", events, "--dry-run", "--json").stdout)["files"][0]
    assert (dry["refused"], dry["duplicate"]) == (3, 3)


def test_a_receipt_comes_as_json_too(run: Run) -> None:
    receipt = json.loads(run("erase", "student-1", "--yes", "--json").stdout)
    assert receipt["verified"] is True
    again = json.loads(run("erase", "student-1", "--yes", "--json").stdout)
    assert (again["erasure"], again["places"]["state"]["entries"]) == (1, 0)


@pytest.mark.parametrize("command", [("export",), ("erase", "--yes"), ("restore-consent",)])
def test_what_is_no_id_is_refused(run: Run, command: tuple[str, ...]) -> None:
    for name in ("*", "a:b", "", "x" * 65):
        assert "An id consists of" in run(*command, name, code=2).stderr


def test_without_a_terminal_an_erasure_has_to_be_meant(run: Run) -> None:
    assert "--yes" in run("erase", "student-1", code=2).stderr
    assert json.loads(run("export", "student-1").stdout)["places"]["state"] is not None


@pytest.mark.parametrize(("answer", "code", "left"), [(b"y\n", 0, False), (b"n\n", 1, True)])
def test_at_a_terminal_it_is_asked(run: Run, data_dir: Path, answer: bytes, code: int, *, left: bool) -> None:
    ours, theirs = pty.openpty()
    os.write(ours, answer)
    command = [sys.executable, "-m", "src", "erase", "student-1"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(data_dir), stdin=theirs, capture_output=True, text=True, check=False
    )
    os.close(ours)
    os.close(theirs)
    assert done.returncode == code, done.stderr
    assert "It cannot be taken back" in done.stderr
    assert (json.loads(run("export", "student-1").stdout)["places"]["state"] is not None) is left


def test_consent_is_restored(run: Run, events: Path) -> None:
    assert "was not erased" in run("restore-consent", "student-1", code=1).stderr
    run("erase", "student-1", "--yes")
    assert "student-1 consents since" in run("restore-consent", "student-1").stdout
    report = json.loads(run("import", events, "--json").stdout)["files"][0]
    assert report["accepted"] == 3


def test_what_will_be_forgotten_is_told_by_day(run: Run) -> None:
    days = json.loads(run("retention", "--days", "90", "--json").stdout)
    today = datetime.now(UTC).date()
    assert [one["date"] for one in days] == [str(today + timedelta(days=ahead)) for ahead in range(90)]
    assert sum(one["trimmed"] for one in days) == sum(one["forgotten"] for one in days) == 2
    assert sum(one["forgotten"] for one in days[-2:]) == 2  # the events are of an hour ago, which may be yesterday
    assert "0 students lose" in run("retention", "--days", "1").stdout


def test_commands_about_a_person_are_in_the_audit_trail(run: Run) -> None:
    run("export", "student-1")
    run("erase", "student-1", "--dry-run")
    run("erase", "student-1", "--yes")
    run("restore-consent", "student-1")
    rows = json.loads(run("audit", "list", "--json").stdout)["entries"]
    found = [(row["action"], row["facts"]) for row in rows if row["action"].startswith("privacy.")]
    assert found == [
        ("privacy.restore-consent", {}),
        ("privacy.erase", {}),
        ("privacy.erase", {"dry_run": True}),
        ("privacy.export", {}),
    ]
    assert "student-1" not in json.dumps(rows)
