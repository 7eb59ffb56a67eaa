"""``doctor`` as a user meets it: text, JSON, and the exit code."""

import json
from pathlib import Path

import pytest

from src.security import Role, SecurityManager

from .conftest import SECRET, Run


def test_where_nothing_is_wrong_it_says_so_and_succeeds(run: Run) -> None:
    shown = run("doctor").stdout
    assert "ok      settings     The settings can be used." in shown
    assert "error" not in shown


def test_json_has_every_finding_with_its_parts(run: Run) -> None:
    findings = json.loads(run("doctor", "--json").stdout)
    assert [one["check"] for one in findings][:4] == ["settings", "store", "kafka", "dapr"]
    assert all(set(one) == {"check", "severity", "found", "meaning", "next"} for one in findings)


def test_settings_that_cannot_be_used_are_an_error_with_the_next_step(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "70000")
    shown = run("doctor", code=1)
    assert "error   settings     PORT must be at most 65535" in shown.stdout
    assert "-> Set PORT: docs/configuration.md" in shown.stdout
    assert "1 of 1 findings are errors." in shown.stderr


@pytest.mark.parametrize(("secret", "code"), [(SECRET, 0), (SECRET[::-1], 1)])
def test_a_token_that_was_refused_is_looked_at(run: Run, tmp_path: Path, secret: str, code: int) -> None:
    file = tmp_path / "token"
    file.write_text(SecurityManager(secret).issue_jwt("student-1", [Role.STUDENT], 60) + "\n")
    shown = run("doctor", "--token-file", file, code=code).stdout
    assert ("signature is not valid" in shown) is (code == 1)
    assert file.read_text().strip() not in shown
