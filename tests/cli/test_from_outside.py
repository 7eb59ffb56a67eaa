"""The law, seen from outside: files in, answers out over HTTP, compared with another implementation of the formulas."""

import json
import random
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from src.domain.simulator import simulate
from src.security import Role, SecurityManager
from tests.processes import SECRET, Service, run, service
from tests.reference import differences, expected_mastery

STUDENTS = 12
NOW = datetime.now(UTC)
TODAY = NOW.date()


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    """Return events of every type, some too old to count; a fifth come twice."""
    unique = list(simulate(students=STUDENTS, days=120, seed=11, last_day=TODAY))
    return unique + unique[::5]


@pytest.fixture(scope="module")
def answers(events: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, bytes]]:
    """Return what two services answer that were given the same events in two orders, one in two files and formats."""
    found = []
    for order in (1, 2):
        folder = tmp_path_factory.mktemp(f"order-{order}")
        shuffled = events[:]
        random.Random(order).shuffle(shuffled)
        half = len(shuffled) // order
        (folder / "some.json").write_text(json.dumps(shuffled[:half]))
        (folder / "rest.jsonl").write_text("".join(json.dumps(event) + "\n" for event in shuffled[half:]))
        run("import", folder / "some.json", data_dir=folder)
        if order == 2:
            run("import", folder / "rest.jsonl", data_dir=folder)
        with service(folder) as running:
            found.append(_ask(running))
    return found


def _ask(running: Service) -> dict[str, bytes]:
    token = SecurityManager(SECRET).issue_jwt("admin-1", [Role.ADMIN], 600)
    found = {}
    past = TODAY - timedelta(days=20)
    for number in range(1, STUDENTS + 1):
        base = f"/api/v1/students/student-{number:03}"
        for path in (
            "/mastery",
            f"/mastery?as_of={past}&method=average",
            "/mastery?method=latest",
            "/mastery?method=highest",
            "/mastery/explanation",
            "/mastery/history?interval=week",
            "/outcomes?limit=1000",
            "/struggles",
        ):
            request = urllib.request.Request(running.url + base + path, headers={"Authorization": f"Bearer {token}"})
            with urllib.request.urlopen(request) as answer:
                found[base + path] = answer.read()
    return found


def test_the_order_of_events_does_not_matter_to_the_last_byte(answers: list[dict[str, bytes]]) -> None:
    assert answers[0] == answers[1]


@pytest.mark.parametrize("method", ["decaying_average", "average", "latest", "highest"])
def test_answers_equal_another_implementation_of_the_formulas(
    answers: list[dict[str, bytes]], events: list[dict[str, Any]], method: str
) -> None:
    past = TODAY - timedelta(days=20)
    path, as_of = {
        "decaying_average": ("/mastery", TODAY),
        "average": (f"/mastery?as_of={past}&method=average", past),
    }.get(method, (f"/mastery?method={method}", TODAY))
    for number in range(1, STUDENTS + 1):
        student_id = f"student-{number:03}"
        own = [event for event in events if event["student_id"] == student_id]
        answer = json.loads(answers[0][f"/api/v1/students/{student_id}{path}"])
        expected = expected_mastery(own, as_of, TODAY, NOW, student_id=student_id, method=method)
        assert differences(answer, expected) == []


def test_every_explanation_adds_up_to_its_score(answers: list[dict[str, bytes]]) -> None:
    for path, body in answers[0].items():
        if path.endswith("/explanation"):
            explanation = json.loads(body)
            micro = sum(round(part["value"] * 1_000_000) for part in explanation["contributions"])
            assert micro == round((explanation["score"] or 0) * 1_000_000)
