"""Every command as a user meets it."""

import json
import signal
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest

from src.security import SecurityManager
from tests.processes import SECRET, service
from tests.processes import run as run_process

from .conftest import SECRET as CLI_SECRET
from .conftest import Run
from .test_import import DAY, EVENTS, lines


@pytest.fixture
def imported(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(lines(EVENTS))
    run("import", file)


def test_help_names_every_command(run: Run) -> None:
    shown = run("--help").stdout
    for name in ("serve", "demo", "import", "simulate", "mastery", "dump", "token", "openapi"):
        assert f"  {name} " in shown
        assert "Usage:" in run(name, "--help").stdout


@pytest.mark.parametrize("arguments", [["nonsense"], ["import"], ["dump"], ["dump", "a", "--all"], ["token"], ["--x"]])
def test_wrong_use_is_exit_code_2(run: Run, arguments: list[str]) -> None:
    run(*arguments, code=2)


def test_wrong_settings_are_named_and_not_shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET", "tiny-canary")
    monkeypatch.setenv("MASTERY_HALF_LIFE_DAYS", "canary")
    shown = run("dump", "--all", code=1).stderr
    assert "JWT_SECRET must have at least 32 bytes" in shown
    assert "MASTERY_HALF_LIFE_DAYS must be a number" in shown
    assert "canary" not in shown


@pytest.mark.usefixtures("imported")
def test_mastery_prints_tables(run: Run) -> None:
    shown = run("mastery", "student-1", "--explain", "--history").stdout
    for word in ("completion", "loops", "What the score is made of", "What would raise it most", "History", "together"):
        assert word in shown


@pytest.mark.usefixtures("imported")
def test_mastery_prints_json(run: Run) -> None:
    answer = json.loads(run("mastery", "student-1", "--as-of", DAY, "--explain", "--history", "--json").stdout)
    assert answer["as_of"] == DAY
    assert answer["explanation"]["score"] == answer["score"] == answer["history"]["points"][-1]["score"]


def test_mastery_of_someone_unknown_is_no_evidence(run: Run) -> None:
    assert "no evidence" in run("mastery", "nobody", "--explain", "--history").stdout


def test_mastery_in_the_future_is_refused(run: Run) -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=2)
    assert "must not be after today" in run("mastery", "nobody", "--as-of", str(tomorrow), code=1).stderr


def test_a_dump_of_nothing_is_an_empty_array(run: Run) -> None:
    assert json.loads(run("dump", "--all").stdout) == []
    assert "no such student" in run("dump", "nobody", code=1).stderr


@pytest.mark.usefixtures("imported")
def test_dumps_are_sorted_and_trimmed_to_the_day(run: Run) -> None:
    everyone = json.loads(run("dump", "--all").stdout)
    assert [state["student_id"] for state in everyone] == ["student-1", "student-2"]
    assert json.loads(run("dump", "student-1").stdout) == everyone[0]
    later = datetime.now(UTC).date() + timedelta(days=100)
    assert json.loads(run("dump", "student-1", "--day", str(later)).stdout)["aggregates"] == []


def test_a_token_opens_the_interface(run: Run) -> None:
    token = run("token", "--user", "s-1", "--role", "student", "--role", "teacher", "--hours", "1").stdout.strip()
    who = SecurityManager(CLI_SECRET).validate_jwt(token)
    assert (who.user_id, sorted(who.roles)) == ("s-1", ["student", "teacher"])
    assert set(jwt.decode(token, CLI_SECRET, algorithms=["HS256"])) == {"user_id", "roles", "exp"}
    assert json.loads(run("token", "--user", "s", "--role", "admin", "--json").stdout)["token"]


def test_tokens_are_refused_in_production(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("PSEUDONYM_KEY", CLI_SECRET)
    assert "not issued in production" in run("token", "--user", "s", "--role", "admin", code=1).stderr
    assert "no demonstration in production" in run("demo", code=1).stderr


def test_without_a_secret_one_is_made_once_and_kept_private(
    run: Run, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JWT_SECRET")
    token = run("token", "--user", "s-1", "--role", "student").stdout.strip()
    run("token", "--user", "s-1", "--role", "student")
    secret = data_dir / "jwt-secret"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert SecurityManager(secret.read_text()).validate_jwt(token).user_id == "s-1"


def test_the_same_seed_simulates_the_same_events(run: Run) -> None:
    options = ("simulate", "--students", "3", "--days", "20", "--ending", DAY)
    first = run(*options, "--seed", "5").stdout
    assert first == run(*options, "--seed", "5").stdout != run(*options, "--seed", "6").stdout
    assert {json.loads(line)["student_id"] for line in first.splitlines()} <= {f"student-00{n}" for n in (1, 2, 3)}


def test_openapi_is_printed(run: Run) -> None:
    assert "/api/v1/events" in json.loads(run("openapi").stdout)["paths"]


def test_a_consumer_without_kafka_is_refused(run: Run) -> None:
    assert "needs Kafka" in run("serve", "--role", "consumer", code=1).stderr


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_the_service_stops_cleanly(tmp_path: Path, by: signal.Signals) -> None:
    with service(tmp_path) as running:
        with urllib.request.urlopen(f"{running.url}/ready") as answer:
            assert answer.status == 200
        assert running.stop(by) == 0
    assert any("SERVICE stopped" in line for line in running.log)


def test_logs_are_json_in_production(tmp_path: Path) -> None:
    with service(tmp_path, ENVIRONMENT="production") as running:
        urllib.request.urlopen(f"{running.url}/live").close()
        running.stop()
    records = [json.loads(line) for line in running.log]
    assert {"time", "level", "logger", "message", "correlation_id"} <= set.intersection(*map(set, records))


def test_production_needs_a_secret(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    del tmp_path
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.delenv("JWT_SECRET")
    refusal = run("serve", code=1).stderr
    assert "JWT_SECRET is required in production" in refusal
    assert "PSEUDONYM_KEY is required in production" in refusal


def test_events_are_read_from_standard_input(tmp_path: Path) -> None:
    report = run_process("import", "-", data_dir=tmp_path, given=lines(EVENTS))
    assert "standard input: 4 records: 4 accepted" in report
    responses = "student,item,skills,correct,timestamp,order\ns,i,a,1,,0\n"
    options = ("import", "--format", "responses", "--ending", DAY, "-")
    assert "1 accepted" in run_process(*options, data_dir=tmp_path, given=responses)


def test_state_outlives_the_service(tmp_path: Path) -> None:
    token = SecurityManager(SECRET).issue_jwt("service", [], 60)
    assert token
    run_process("import", "-", data_dir=tmp_path, given=lines(EVENTS))
    before = run_process("dump", "--all", data_dir=tmp_path)
    with service(tmp_path) as running:
        running.process.kill()
        running.process.communicate()
    assert run_process("dump", "--all", data_dir=tmp_path) == before
