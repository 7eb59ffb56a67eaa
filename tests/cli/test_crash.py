"""An import that is killed, at any moment, and run again ends in the state of one that was not."""

import json
import random
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from src.domain.simulator import simulate
from tests.processes import command, run

KILLS = 20


@pytest.fixture(scope="module")
def events_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("events") / "events.jsonl"
    events = list(simulate(students=60, days=60, seed=7, last_day=datetime.now(UTC).date()))
    events += events[::5]
    random.Random(7).shuffle(events)  # a reproducible order
    file.write_text("".join(json.dumps(event) + "\n" for event in events))
    return file


def test_killed_imports_lose_nothing_and_count_nothing_twice(events_file: Path, tmp_path: Path) -> None:
    chance = random.Random()  # any moment will do
    disturbed, undisturbed = tmp_path / "disturbed", tmp_path / "undisturbed"
    run("import", events_file, data_dir=undisturbed)
    killed = 0
    while killed < KILLS:
        process = command("import", events_file, data_dir=disturbed)
        try:
            process.communicate(timeout=chance.uniform(0.3, 2.0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            killed += 1
        else:
            disturbed = tmp_path / f"disturbed-{killed}"  # it came to its end: the next kills need something to disturb
    report = run("import", events_file, data_dir=disturbed)
    assert "0 invalid" in report
    assert run("dump", "--all", data_dir=disturbed) == run("dump", "--all", data_dir=undisturbed)
