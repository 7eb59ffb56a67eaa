"""``model``: fitted on files and on what is stored, scored, shown."""

import csv
import gzip
import json
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.simulated_answers import HEADER, simulate

from .conftest import Run

FITTED = simulate(range(12), answers=30)
OTHERS = simulate(range(100, 106), answers=30, seed=2)


@pytest.fixture
def responses(tmp_path: Path) -> Path:
    file = tmp_path / "fitted.csv"
    file.write_text(FITTED.text)
    return file


@pytest.fixture
def others(tmp_path: Path) -> Path:
    file = tmp_path / "others.csv.gz"
    file.write_bytes(gzip.compress(OTHERS.text.encode()))
    return file


def test_a_model_is_fitted_with_its_report_and_shown(run: Run, responses: Path, data_dir: Path) -> None:
    fitted = json.loads(run("model", "fit", responses, "--json").stdout)
    assert fitted["about"]["students"] == 12
    assert fitted["fitted_from"] == ["fitted.csv"]
    assert [one["name"] for one in fitted["compared"]] == ["model", "skill mean", "PFA", "Best-LR"]
    written = {path.name.partition(".")[2] for path in (data_dir / "models").iterdir()}
    assert written == {
        "model.json.gz",
        "report.json",
        "report.md",
        "report.learning.svg",
        "report.reliability.svg",
    }
    assert json.loads(run("model", "show", "--json").stdout) == fitted
    shown = run("model", "show", fitted["id"]).stdout
    assert fitted["id"] in shown
    assert "Best-LR" in shown
    report = next((data_dir / "models").glob("*.md")).read_text()
    for heading in ("Measures", "Calibration", "Learning curve", "By the length of the history", "By skill"):
        assert f"## {heading}" in report
    assert "BKT is left out" in report


def test_every_answer_of_others_is_scored_and_written_beside_its_row(run: Run, responses: Path, others: Path) -> None:
    run("model", "fit", responses, "--no-report")
    out = others.with_name("out.csv")
    told = json.loads(run("model", "evaluate", others, "--predictions", out, "--json").stdout)
    assert told["students"] == 6
    assert told["measures"]["answers"] == len(OTHERS.rows)
    with out.open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == [*HEADER.split(","), "probability"]
    assert [",".join(row[:-1]) for row in rows] == list(OTHERS.rows)
    assert all(0 < float(row[-1]) < 1 for row in rows)
    assert "AUC" in run("model", "evaluate", others).stdout


def test_later_outcomes_change_no_earlier_probability_and_shuffled_rows_none(
    run: Run, responses: Path, tmp_path: Path
) -> None:
    run("model", "fit", responses, "--no-report")
    dice = random.Random(5)
    cells = [row.split(",") for row in simulate(range(200, 203), answers=40, seed=3, timed=True).rows]
    changed = [[*row[:3], dice.choice("01") if int(row[5]) >= 20 else row[3], *row[4:]] for row in cells]
    chances = []
    for name, rows in (("as-is", cells), ("shuffled", dice.sample(cells, len(cells))), ("changed", changed)):
        file, out = tmp_path / f"{name}.csv", tmp_path / f"{name}.out.csv"
        file.write_text("\n".join([HEADER, *map(",".join, rows)]) + "\n")
        run("model", "evaluate", file, "--predictions", out)
        with out.open(newline="") as written:
            chances.append({(row["student"], row["order"]): row["probability"] for row in csv.DictReader(written)})
    as_is, shuffled, with_changes = chances
    assert shuffled == as_is
    assert {key: chance for key, chance in with_changes.items() if int(key[1]) <= 20} == {
        key: chance for key, chance in as_is.items() if int(key[1]) <= 20
    }
    assert with_changes != as_is


def test_a_model_is_fitted_on_what_is_stored(run: Run, responses: Path) -> None:
    run("import", "--format", "responses", "--ending", datetime.now(UTC).date().isoformat(), responses)
    fitted = json.loads(run("model", "fit", "--from-store", "--no-report", "--json").stdout)
    assert fitted["about"]["answers"] == len(FITTED.rows)
    assert fitted["fitted_from"] == ["the store"]
    assert [entry["action"] for entry in json.loads(run("audit", "list", "--json").stdout)["entries"]] == [
        "models.fit",
        "events.import",
    ]


def test_rows_that_hold_no_answer_are_told_and_the_others_count(run: Run, responses: Path) -> None:
    responses.write_text(FITTED.text + "s1,k0-i1,k0,2,,x\n")
    done = run("model", "fit", responses, "--no-report", "--json")
    assert f"line {len(FITTED.rows) + 2}: order: must be a whole number; correct: must be 0 or 1" in done.stderr
    assert json.loads(done.stdout)["about"]["answers"] == len(FITTED.rows)


def test_without_a_model_or_answers_the_message_says_what_to_do(run: Run, responses: Path, tmp_path: Path) -> None:
    for arguments in (["evaluate", responses], ["show"]):
        assert "fit one with model fit" in run("model", *arguments, code=1).stderr
    run("model", "fit", responses, "--no-report")
    assert "no such model" in run("model", "show", "nonsense", code=1).stderr
    assert "cannot be read" in run("model", "evaluate", tmp_path / "missing.csv", code=1).stderr
    empty = tmp_path / "empty.csv"
    empty.write_text(HEADER + "\n")
    assert "holds no answers" in run("model", "evaluate", empty, code=1).stderr
    assert "at least 2 students" in run("model", "fit", empty, code=1).stderr


def test_a_model_that_was_changed_is_not_used(run: Run, responses: Path, data_dir: Path) -> None:
    run("model", "fit", responses, "--no-report")
    [path] = (data_dir / "models").iterdir()
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(b'"students":12', b'"students":13')))
    assert "was changed" in run("model", "show", code=1).stderr


@pytest.mark.parametrize("arguments", [[], ["fit"], ["fit", "--from-store", "x.csv"], ["evaluate"]])
def test_wrong_use_is_exit_code_2(run: Run, arguments: list[str]) -> None:
    run("model", *arguments, code=2)
