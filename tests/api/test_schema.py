"""The real server against its own description: schemathesis makes the requests and judges the answers."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from .serving import Server, bearer_now
from .student import EVENTS

LIMIT_S = 90
EXAMPLE = "student-001"
"""The student of the examples in the document."""

ENDLESS = """
[[operations]]
include-path-regex = "/stream$"
parameters = { "query.seconds" = 0 }
"""
"""What has no end tells what there is to tell."""

# What a schema cannot say: which fields a type of event needs, how long a history may be, which day is in the future,
# what a cursor looks like, which characters a reason has, which version a cohort is at, who was erased,
# which topics a curriculum has, that a question has an item or skills, and how many groups of skills belong to it.
# And of an array every event is answered by itself: 200, though some of them are invalid.
SETTINGS = """
generation.max-examples = 20
generation.deterministic = true
continue-on-failure = true
request-timeout = 20.0
headers.Authorization = "${TOKEN}"
phases.stateful.enabled = false

[[operations]]
include-path-regex = "/(process|mastery|explanation|outcomes|history|dead-letters|discard|cohorts|audit|responses)$"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "403", "404", "409"]

[[operations]]
include-path-regex = "/(restore-consent|batch|results|learning-path|curriculum)$"
checks.positive_data_acceptance.expected-statuses = ["2xx", "304", "400", "403", "404", "409", "412"]

[[operations]]
include-path = "/api/v1/cohorts/{cohort_id}"
checks.positive_data_acceptance.expected-statuses = ["2xx", "304", "400", "403", "404", "412"]

[[operations]]
include-path-regex = "/cohorts/[^/]+/.+"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "403", "404", "409"]

[[operations]]
include-path-regex = "^/dapr/"
checks.positive_data_acceptance.expected-statuses = ["401"]

[[operations]]
include-path = "/api/v1/events"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "409"]
checks.negative_data_rejection.enabled = false
"""


# Whether good input is accepted and bad input refused for what is bad about it, an admin has shown: here it may be 403.
# What an answer without a token is, ``ignored_auth`` looks at in both.
FEW_RIGHTS = """
generation.max-examples = 5
generation.deterministic = true
continue-on-failure = true
request-timeout = 20.0
headers.Authorization = "${TOKEN}"
phases.stateful.enabled = false
phases.fuzzing.enabled = false
checks.positive_data_acceptance.enabled = false
checks.negative_data_rejection.enabled = false
"""


def send_evidence(server: Server) -> None:
    """Send what the student of the examples did today."""
    events = [event | {"student_id": EXAMPLE, "timestamp": int(time.time() * 1000)} for event in EVENTS]
    answer = httpx.post(f"{server.url}/api/v1/events", json=events, headers=bearer_now("service"))
    assert {result["status"] for result in answer.json()["results"]} == {"applied"}


@pytest.fixture(scope="module")
def report(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    send_evidence(server)
    return tried(server, tmp_path_factory.mktemp("admin"), SETTINGS, bearer_now("admin"))


def tried(server: Server, folder: Path, settings: str, headers: dict[str, str]) -> dict[str, Any]:
    """Try every operation with somebody's token, and return the report."""
    (folder / "settings.toml").write_text(settings + ENDLESS)
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", "settings.toml", "run"]
    command += ["--no-color", "--report-json-path", "report.json", f"{server.url}/openapi.json"]
    environment = {"TOKEN": headers["Authorization"]}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert (folder / "report.json").exists(), done.stdout + done.stderr
    found: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return found | {"output": done.stdout}


def test_every_answer_is_as_the_description_says_and_none_is_a_server_error(report: dict[str, Any]) -> None:
    assert report["failures"] == [], report["output"]
    assert report["errors"] == [], report["output"]
    assert report["exit_code"] == 0, report["output"]


def test_every_operation_was_tried_with_good_and_bad_input(server: Server, report: dict[str, Any]) -> None:
    document = httpx.get(f"{server.url}/openapi.json").json()
    operations = sum(len(path) for path in document["paths"].values())
    assert report["complete"]
    assert report["operations"]["total"] == report["operations"]["tested"] == operations
    assert [report["phases"][phase]["status"] for phase in ("examples", "coverage", "fuzzing")] == ["success"] * 3
    assert report["test_cases"]["generated"] > 20 * operations


def test_good_input_was_accepted_by_every_operation(report: dict[str, Any]) -> None:
    # Nothing has the ids that are made up here, the cohort of the examples is removed among the first, and there is no
    # model that one could go back from.
    made_up = ("{event_id}", "{letter_id}", "{model_id}", "{cohort_id}/", "/models/rollback")
    assert [
        operation
        for operation, phases in report["valid_rates"].items()
        if not any(part in operation for part in made_up) and not sum(phase["accepted"] for phase in phases.values())
    ] == []


def test_nothing_in_the_log_says_that_something_failed(server: Server, report: dict[str, Any]) -> None:
    assert report["test_cases"]["generated"]
    assert '"level":"ERROR"' not in server.log()
    assert server.alive


@pytest.mark.parametrize(("role", "user_id"), [("student", EXAMPLE), ("teacher", "someone"), ("service", "someone")])
def test_with_fewer_rights_every_answer_is_as_described_too(
    server: Server, tmp_path: Path, role: str, user_id: str
) -> None:
    report = tried(server, tmp_path, FEW_RIGHTS, bearer_now(role, user_id=user_id))
    assert report["failures"] == [], report["output"]
    assert report["errors"] == [], report["output"]
    assert '"level":"ERROR"' not in server.log()
