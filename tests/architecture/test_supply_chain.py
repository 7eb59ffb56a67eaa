"""What the service is made of: recent enough, listed, and without weaknesses that are known."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.version import Version

from .markdown import ROOT, code, read, section, table
from .test_repository import LOCK_FILES, pins

LIMIT_S = 120
FLOORS = {code(row[0])[0]: row[1:] for row in table(section(read("docs/security.md"), "## Supply chain"), "package")}


def run(target: str, folder: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    """Run the last line of a target of the Makefile with more options; what it writes to ``dist`` goes to a folder."""
    found = re.search(rf"^{target}:.*\n(?:\t.*\n)*?\t\$\(BIN\)/(.*)$", read("Makefile"), re.MULTILINE)
    assert found, target
    program, *arguments = found[1].replace("dist/", f"{folder}/").split()
    command = [str(Path(sys.executable).with_name(program)), *arguments, *more]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)


@pytest.mark.parametrize("name", LOCK_FILES)
@pytest.mark.parametrize("package", FLOORS)
def test_nothing_is_older_than_it_may_be(package: str, name: str) -> None:
    least, used, _ = FLOORS[package]
    pinned = pins(name).get(package)
    assert (pinned is not None) == (used == "yes")
    assert pinned is None or Version(pinned) >= Version(code(least)[0])


def test_no_pinned_version_has_a_weakness_that_is_known(tmp_path: Path) -> None:
    done = run("audit", tmp_path, "--timeout", "10", "--format", "json")
    looked_up = json.loads(done.stdout)["dependencies"] if done.stdout.strip() else []
    assert [one["name"] for one in looked_up if one.get("vulns")] == [], done.stdout
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1]
        pytest.skip(f"the database of pip-audit cannot be had from here, run `make audit` where it can: {reason}")
    assert {one["name"] for one in looked_up if "skip_reason" not in one} == set(pins("requirements.txt"))


def test_the_list_of_parts_holds_every_package_that_runs(tmp_path: Path) -> None:
    done = run("sbom", tmp_path)
    assert done.returncode == 0, done.stderr
    listed = json.loads((tmp_path / "sbom.json").read_text(encoding="utf-8"))
    assert (listed["bomFormat"], listed["metadata"]["component"]["name"]) == ("CycloneDX", "mastery-engine")
    assert {part["name"]: part["version"] for part in listed["components"]} == pins("requirements.txt")
    hashed = [part for part in listed["components"] if part["externalReferences"][0]["hashes"]]
    assert len(hashed) == len(listed["components"])
