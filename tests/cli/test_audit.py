"""``audit``: looking into the trail, verifying it, and what commands leave in it."""

import json
import signal
import sqlite3
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from src.security import Role, SecurityManager
from tests.processes import SECRET, command, service
from tests.processes import run as run_process

from .conftest import Run

PROCESSES = 6


def listed(run: Run, *options: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(run("audit", "list", "--json", *options).stdout)["entries"]
    return [entry for entry in entries if entry["action"] != "audit.read"]


@pytest.fixture
def database(run: Run, data_dir: Path) -> Iterator[sqlite3.Connection]:
    """Return the trail's own database, with four rows, as somebody has it who can write there."""
    for number in range(4):
        run("token", "--user", f"s-{number}", "--role", "student")
    with closing(sqlite3.connect(data_dir / "audit.db", isolation_level=None)) as connection:
        yield connection


def test_an_empty_trail_is_whole(run: Run) -> None:
    assert run("audit", "verify").stdout == "The audit trail is whole: 0 rows, nothing was recorded yet.\n"


def test_commands_leave_who_did_what_and_nobody_by_name(run: Run) -> None:
    run("token", "--user", "s-1", "--role", "student", "--hours", "2")
    run("mastery", "s-1")
    run("dump", "--all")
    run("dead-letters", "list")
    entries = listed(run)
    assert [entry["action"] for entry in entries] == [
        "dead-letters.list",
        "students.dump",
        "students.mastery",
        "tokens.issue",
    ]
    assert {(tuple(entry["roles"]), entry["outcome"]) for entry in entries} == {(("operator",), "allowed")}
    assert entries[3]["facts"] == {"roles": "student", "hours": 2}
    assert entries[2]["subject"] == entries[3]["subject"]
    assert "s-1" not in json.dumps(entries)
    assert len(listed(run, "--subject", "s-1")) == 2


def test_the_list_is_a_table_for_people(run: Run) -> None:
    run("token", "--user", "s-1", "--role", "student")
    shown = run("audit", "list").stdout
    assert "tokens.issue" in shown
    assert "operator" in shown


@pytest.mark.usefixtures("database")
def test_a_whole_trail_names_its_newest_row_and_knows_it_again(run: Run) -> None:
    verdict = json.loads(run("audit", "verify", "--json").stdout)
    assert (verdict["whole"], verdict["rows"], verdict["faults"]) == (True, 4, [])
    assert run("audit", "verify", "--head", verdict["head"]).stdout.startswith("The audit trail is whole: 4 rows, ")
    other = f"4:{'0' * 32}"
    assert "row 4 is another than the one" in run("audit", "verify", "--head", other, code=1).stdout


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("UPDATE entry SET body = replace(body, 'allowed', 'denied') WHERE seq = 2", "row 2 is not what was written"),
        ("DELETE FROM entry WHERE seq = 2", "rows 2 to 2 are missing"),
        ("DELETE FROM entry WHERE seq > 2", "row 4, which was written once, is missing"),
        ("DELETE FROM entry", "row 4, which was written once, is missing"),
        ("INSERT INTO entry (seq, body, mac) SELECT 5, body, mac FROM entry WHERE seq = 4", "row 5 is not what was"),
        ("UPDATE chain SET anchor_seq = 1, anchor_mac = (SELECT mac FROM entry WHERE seq = 1)", "signature of the"),
    ],
)
def test_what_was_done_to_the_database_is_found_out(
    run: Run, database: sqlite3.Connection, sql: str, told: str
) -> None:
    database.execute(sql)
    result = run("audit", "verify", code=1)
    assert told in result.stdout
    assert "The audit trail is not as it was written." in result.stderr


def test_the_log_misses_a_tail_that_was_cut_off_with_the_file_of_the_newest_row(tmp_path: Path) -> None:
    with service(tmp_path, ENVIRONMENT="production") as running:
        token = SecurityManager(SECRET).issue_jwt("admin-1", [Role.ADMIN], 600)
        for _ in range(3):
            request = urllib.request.Request(
                f"{running.url}/api/v1/events", b"[]", {"Authorization": f"Bearer {token}"}, method="POST"
            )
            request.add_header("Content-Type", "application/json")
            urllib.request.urlopen(request).close()
        running.stop()
    log = tmp_path / "service.log"
    log.write_text("\n".join(running.log))
    assert "4 rows" in run_process("audit", "verify", "--log", log, data_dir=tmp_path)
    with closing(sqlite3.connect(tmp_path / "audit.db", isolation_level=None)) as connection:
        connection.execute("DELETE FROM entry WHERE seq = 4")
    (tmp_path / "audit-head").unlink()
    assert "3 rows" in run_process("audit", "verify", data_dir=tmp_path)
    missed = command("audit", "verify", "--log", log, data_dir=tmp_path)
    assert "row 4, which was written once, is missing" in missed.communicate()[0]


@pytest.mark.parametrize("store", ["sqlite", "redis"])
def test_processes_that_write_at_once_make_one_chain(
    request: pytest.FixtureRequest, tmp_path: Path, store: str
) -> None:
    settings = {} if store == "sqlite" else {"REDIS_URL": request.getfixturevalue("redis_url")}
    issue = ("token", "--user", "s-1", "--role", "student")
    processes = [command(*issue, data_dir=tmp_path, **settings) for _ in range(PROCESSES)]
    assert [(process.communicate(), process.returncode)[1] for process in processes] == [0] * PROCESSES
    verdict = json.loads(run_process("audit", "verify", "--json", data_dir=tmp_path, **settings))
    assert (verdict["whole"], verdict["rows"]) == (True, PROCESSES)


def test_a_service_that_is_killed_leaves_a_whole_trail_with_every_change(tmp_path: Path) -> None:
    token = SecurityManager(SECRET).issue_jwt("admin-1", [Role.ADMIN], 600)
    changes = 0
    for _ in range(3):
        with service(tmp_path) as running:
            for _ in range(5):
                headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
                request = urllib.request.Request(f"{running.url}/api/v1/events", b"[]", headers, method="POST")
                urllib.request.urlopen(request).close()
                changes += 1
            running.stop(signal.SIGKILL)
    assert json.loads(run_process("audit", "verify", "--json", data_dir=tmp_path))["whole"]
    entries = json.loads(run_process("audit", "list", "--json", data_dir=tmp_path))["entries"]
    assert [entry["action"] for entry in entries].count("events.ingest") == changes


def test_without_a_key_one_is_made_once_and_kept_private(
    run: Run, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AUDIT_KEY")
    for _ in range(2):
        run("token", "--user", "s-1", "--role", "student")
    for name in ("audit-key", "audit-head", "audit.db"):
        assert (data_dir / name).stat().st_mode & 0o777 == 0o600
    assert "2 rows" in run("audit", "verify").stdout


@pytest.mark.parametrize(
    "arguments",
    [["list", "--limit", "0"], ["list", "--from", "x"], ["verify", "--head", "x"], ["verify", "--log", "nowhere"]],
)
def test_wrong_use_is_exit_code_2(run: Run, arguments: list[str]) -> None:
    run("audit", *arguments, code=2)
