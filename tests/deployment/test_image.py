"""The image: what is in it, as whom it runs, and that it can be told to stop."""

import json
import re
import subprocess
from collections.abc import Iterator

import pytest

from src import __version__
from tests.architecture.markdown import read
from tests.architecture.test_repository import pins
from tests.processes import SECRET
from tests.services.docker import BASE_IMAGE
from tests.services.image import HARDENED, Container, Image

MAX_BYTES = 250_000_000
STUDENT = {"event_id": "e-1", "event_type": "exercise.completed", "student_id": "ada", "data": {"passed": True}}


@pytest.fixture(scope="module")
def container(image: Image) -> Iterator[Container]:
    """Run the service with nothing that it may write to but its data."""
    settings = ("--env", f"JWT_SECRET={SECRET}", "--health-interval=1s")
    with image.running(*HARDENED, *settings) as container:
        container.wait_until_ready()
        yield container


def test_the_image_is_small(image: Image) -> None:
    assert image.inspect()["Size"] < MAX_BYTES


def test_the_image_runs_as_nobody_in_particular_by_number(image: Image) -> None:
    assert image.inspect()["Config"]["User"] == "10001:10001"
    assert image.run("id", "--user") == "10001\n"


def test_the_image_says_what_it_is(image: Image) -> None:
    labels = image.inspect()["Config"]["Labels"]
    assert labels["org.opencontainers.image.title"] == "mastery-engine"
    assert labels["org.opencontainers.image.version"] == __version__
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"


def test_another_command_replaces_the_service(image: Image) -> None:
    config = image.inspect()["Config"]
    assert config["Entrypoint"] is None
    assert config["Cmd"] == ["python", "-m", "src", "serve"]


def test_the_image_holds_the_service_its_licence_and_the_list_of_its_parts_and_no_more(image: Image) -> None:
    assert image.run("ls", "-A", "/app").split() == ["LICENSE", "sbom.json", "src"]
    listed = json.loads(image.run("cat", "/app/sbom.json"))
    assert {part["name"]: part["version"] for part in listed["components"]} == pins("requirements.txt")


def test_the_packages_that_run_are_those_that_are_pinned_and_no_tool_is_among_them(image: Image) -> None:
    code = (
        "from importlib.metadata import distributions as d; print(*(f'{x.name} {x.version}' for x in d()), sep='\\n')"
    )
    installed = dict(line.split() for line in image.run("python", "-c", code).splitlines())
    assert {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in installed.items()} == {
        name: version for name, version in pins("requirements.txt").items() if name not in {"colorama", "pywin32"}
    }
    assert image.run("/bin/sh", "-c", "command -v gcc git make || true") == ""


def test_nothing_in_the_image_may_be_changed_by_the_service_but_its_data(image: Image) -> None:
    kept = "/proc /sys /dev /tmp /var/tmp /run/lock /data"
    pruned = " -o ".join(f"-path {path}" for path in kept.split())
    found = image.run(
        "/bin/sh", "-c", f"find / \\( {pruned} \\) -prune -o -writable ! -type l -print 2>/dev/null || true"
    )
    assert found.split() == []


def test_it_serves_with_nothing_to_write_to_but_its_data(container: Container) -> None:
    token = container.exec("python", "-m", "src", "token", "--user", "s-1", "--role", "service").strip()
    event = STUDENT | {"timestamp": container.exec("date", "--utc", "+%Y-%m-%dT%H:%M:%SZ").strip()}
    headers = ["-H", f"Authorization: Bearer {token}", "-H", "Content-Type: application/json"]
    url = "http://localhost:8000/api/v1/events"
    answer = json.loads(container.exec("curl", "-s", *headers, "-d", json.dumps(event), url))
    assert answer["results"] == [{"event_id": "e-1", "status": "applied"}]
    assert "ada as of" in container.exec("python", "-m", "src", "mastery", "ada")


def test_it_tells_docker_that_it_lives(container: Container) -> None:
    command = container.exec("/bin/sh", "-c", 'curl --fail --silent --max-time 2 "http://127.0.0.1:${PORT}/live"')
    assert json.loads(command)["status"] == "ok"
    configured = json.loads(container.docker("inspect", "--format", "{{json .Config.Healthcheck}}", container.id))
    assert '"http://127.0.0.1:${PORT}/live"' in configured["Test"][1]


def test_it_is_process_1_and_ends_in_order_when_it_is_told_to(image: Image) -> None:
    with image.running(*HARDENED, "--env", f"JWT_SECRET={SECRET}") as container:
        container.wait_until_ready()
        assert "python" in container.exec("cat", "/proc/1/cmdline")
        container.docker("stop", "--time=60", container.id)
        assert container.state()["ExitCode"] == 0
        assert "SERVICE stopped" in container.log


def test_it_can_be_told_to_stop_before_it_has_started(image: Image) -> None:
    code = "import os, runpy, signal, sys; sys.argv = ['src', '--help']; sys.modules['src.cli'] = None; "
    code += "\ntry: runpy.run_module('src', run_name='__main__')\nexcept ImportError: os.kill(1, signal.SIGTERM)"
    assert image.docker.ask("run", "--rm", "mastery-engine:latest", "python", "-c", code).returncode == 128 + 15


def test_in_production_it_does_not_start_without_secrets_and_says_so(image: Image) -> None:
    done = image.docker.ask("run", "--rm", "--env", "ENVIRONMENT=production", "mastery-engine:latest")
    assert done.returncode == 1
    assert b"JWT_SECRET is required in production" in done.stderr


def test_the_dockerfile_names_its_base_once_and_fetches_no_syntax() -> None:
    dockerfile = read("Dockerfile")
    assert re.findall(r"^ARG BASE_IMAGE=(.+)$", dockerfile, re.MULTILINE) == [BASE_IMAGE]
    assert re.findall(r"^FROM (\S+) AS (\w+)$", dockerfile, re.MULTILINE) == [
        ("${BASE_IMAGE}", "builder"),
        ("${BASE_IMAGE}", "runner"),
    ]
    assert "syntax=" not in dockerfile
    assert dockerfile.count("--require-hashes") == dockerfile.count(" install --require")


def test_only_what_the_image_is_made_of_gets_into_the_build() -> None:
    lines = [line for line in read(".dockerignore").splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    let_in = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = {
        name
        for names in re.findall(r"^COPY ((?!--from).+) \S+$", read("Dockerfile"), re.MULTILINE)
        for name in names.split()
    }
    assert let_in == copied
    assert "requirements.txt" in let_in


def test_the_service_in_the_image_is_the_one_that_was_checked_out(image: Image) -> None:
    line = "find src -type f ! -name '*.pyc' -exec sha256sum {} + | sort"
    here = subprocess.run(
        ["/bin/sh", "-c", line], cwd=image.checkout, capture_output=True, text=True, check=True, timeout=60
    )
    assert image.run("/bin/sh", "-c", line) == here.stdout
