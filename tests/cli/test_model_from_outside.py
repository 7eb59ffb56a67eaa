"""A model from the outside: fitted, evaluated, activated beside a running service, and asked over a socket."""

import csv
import json
import random
import time
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from src.domain.days import to_text
from src.security import Role, SecurityManager
from tests.processes import SECRET, Service, command, service

COLUMNS = ("student", "item", "skills", "correct", "timestamp", "order")
DAY_S = 86_400
EASE = {f"item-{number}": number / 12 for number in range(12)}


class Row(NamedTuple):
    student: str
    item: str
    skills: str
    correct: int
    timestamp: int
    order: int


def rows(students: int, seed: int) -> list[Row]:
    """Return 40 answers of each student in the last ten days; some students are better, some items easier."""
    dice, begin_s = random.Random(seed), int(time.time()) - 10 * DAY_S
    found = []
    for number in range(students):
        able, at_s = dice.uniform(-0.4, 0.4), begin_s + dice.randrange(DAY_S)
        for order in range(40):
            item = dice.choice(sorted(EASE))
            right = int(dice.random() < EASE[item] * 0.8 + 0.1 + able)
            found.append(Row(f"s{seed}-{number}", item, f"skill-{int(item[5:]) % 3}", right, at_s, order))
            at_s += dice.choice((30, 90, 40_000 // 4))
    return found


def write(path: Path, content: list[Row]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *content])
    return path


def done(*arguments: str | Path, data_dir: Path) -> str:
    process = command(*arguments, data_dir=data_dir)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


def asked(running: Service, path: str) -> dict[str, Any]:
    token = SecurityManager(SECRET).issue_jwt("admin-1", [Role.ADMIN], 600)
    request = urllib.request.Request(f"{running.url}/api/v1/{path}", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return dict(json.loads(answer.read()))


def own_auc(scored: list[tuple[float, int]]) -> float:
    """Return the AUC by its definition, from nothing of the project."""
    rights = [p for p, right in scored if right]
    wrongs = [p for p, right in scored if not right]
    return sum((p > q) + (p == q) / 2 for p in rights for q in wrongs) / (len(rights) * len(wrongs))


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


def test_a_model_is_fitted_evaluated_activated_and_serves_what_it_was_evaluated_by(
    tmp_path: Path, data_dir: Path
) -> None:
    fitted = json.loads(
        done("model", "fit", write(tmp_path / "fit.csv", rows(24, 1)), "--no-report", "--json", data_dir=data_dir)
    )
    unseen, predictions = rows(6, 2), tmp_path / "predictions.csv"
    test = write(tmp_path / "test.csv", unseen)
    told = json.loads(done("model", "evaluate", test, "--predictions", predictions, "--json", data_dir=data_dir))
    with predictions.open(newline="") as file:
        scored = list(csv.DictReader(file))
    pairs = [(float(row["probability"]), int(row["correct"])) for row in scored]
    assert told["measures"]["auc"] == pytest.approx(own_auc(pairs))
    assert own_auc(pairs) > 0.6
    last = {row["student"]: row for row in scored}
    known = [row for row in unseen if str(row.order) != last[row.student]["order"]]
    with service(data_dir) as running:
        done("import", write(tmp_path / "known.csv", known), "--format", "responses", data_dir=data_dir)
        assert asked(running, path_of(last["s2-0"]))["model"]["kind"] == "smoothed_rate"
        assert fitted["id"] in done("model", "activate", fitted["id"], data_dir=data_dir)
        running.wait_for("MODEL loaded")
        for row in last.values():
            answer = asked(running, path_of(row))
            assert answer["model"]["id"] == fitted["id"]
            assert answer["predictions"][0]["probability"] == float(row["probability"])
        done("model", "rollback", data_dir=data_dir)
        assert asked(running, "models")["active"] is None


def path_of(row: dict[str, str]) -> str:
    at = to_text(int(row["timestamp"]) * 1_000_000)
    return f"students/{row['student']}/predictions/responses?item={row['item']}&skills={row['skills']}&at={at}"
