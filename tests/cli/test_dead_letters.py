"""``dead-letters`` where there is no Kafka; with one, ``tests/integration/test_dead_letters.py`` runs it."""

import json
from pathlib import Path

import pytest

from .conftest import Run


def test_without_kafka_there_are_none(run: Run) -> None:
    assert json.loads(run("dead-letters", "list", "--json").stdout) == {"dead_letters": [], "next": None}
    assert run("dead-letters", "list").stdout == "There are no dead letters.\n"


def test_help_names_what_can_be_done(run: Run) -> None:
    shown = run("dead-letters", "--help").stdout
    for name in ("list", "show", "replay", "discard"):
        assert f"  {name} " in shown
        assert "--json" in run("dead-letters", name, "--help").stdout


@pytest.mark.parametrize("arguments", [["show", "0-0"], ["replay", "x"], ["discard", "0-0", "--reason", "a test"]])
def test_an_unknown_one_is_exit_code_1_with_a_message(run: Run, arguments: list[str]) -> None:
    assert "There is no such dead letter" in run("dead-letters", *arguments, code=1).stderr


@pytest.mark.parametrize(
    "arguments", [[], ["nonsense"], ["show"], ["discard", "0-0"], ["list", "--limit", "0"], ["list", "--limit", "1001"]]
)
def test_wrong_use_is_exit_code_2(run: Run, arguments: list[str]) -> None:
    run("dead-letters", *arguments, code=2)


@pytest.mark.parametrize(
    ("content", "told"), [("{", "not valid JSON"), ("[]", "must be an object"), ("{}", "no such dead letter")]
)
def test_a_corrected_event_is_read_from_a_file(run: Run, tmp_path: Path, content: str, told: str) -> None:
    file = tmp_path / "event.json"
    file.write_text(content)
    assert told in run("dead-letters", "replay", "0-0", "--event", file, code=1).stderr
