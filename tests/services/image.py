"""The image of the service, and containers of it."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .docker import LIMIT_S, DockerClient
from .errors import ServiceError
from .process import wait_until
from .programs import HERE

ROOT = HERE.parents[1]
NAME = "mastery-engine:latest"
BUILD = f"docker build -t {NAME} . --no-cache --progress=plain 2>&1 | tee build.log"
"""As the operations guide has it."""

READY_WITHIN_S = 60
HARDENED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")


@dataclass(frozen=True, slots=True)
class Image:
    """The image, where it was built, and what the build said."""

    docker: DockerClient
    checkout: Path

    @property
    def log(self) -> str:
        """Return what the build said."""
        return (self.checkout / "build.log").read_text(encoding="utf-8")

    def inspect(self) -> dict[str, Any]:
        """Return what docker knows of it."""
        [known] = json.loads(self.docker("image", "inspect", NAME))
        return dict(known)

    def run(self, *command: str, options: tuple[str, ...] = ()) -> str:
        """Run a command in it that must succeed, and return what it printed."""
        return self.docker("run", "--rm", *options, NAME, *command)

    @contextmanager
    def running(self, *options: str, command: tuple[str, ...] = ()) -> Iterator["Container"]:
        """Run it in the background with a port on loopback until the block ends."""
        started = self.docker("run", "--detach", "--publish=127.0.0.1::8000", *options, NAME, *command)
        container = Container(self.docker, started.strip())
        try:
            yield container
        finally:
            self.docker("rm", "--force", "--volumes", container.id)


@dataclass(frozen=True, slots=True)
class Container:
    """A container of the image."""

    docker: DockerClient
    id: str

    @property
    def url(self) -> str:
        """Return where it is reached from here."""
        return f"http://{self.docker('port', self.id, '8000/tcp').split()[0]}"

    def exec(self, *command: str) -> str:
        """Run a command beside the service that must succeed, and return what it printed."""
        return self.docker("exec", self.id, *command)

    @property
    def log(self) -> str:
        """Return what it wrote so far."""
        said = self.docker.ask("logs", self.id)
        return (said.stdout + said.stderr).decode()

    def state(self) -> dict[str, Any]:
        """Return how it is."""
        return dict(json.loads(self.docker("inspect", "--format", "{{json .State}}", self.id)))

    def wait_until_ready(self) -> None:
        """Wait until /ready answers 200; raises ``ServiceError`` with its log where that takes too long."""
        command = ("exec", self.id, "curl", "-sf", "http://localhost:8000/ready")
        if not wait_until(lambda: self.docker.ask(*command).returncode == 0, READY_WITHIN_S):
            message = f"the container is not ready:\n{self.log}"
            raise ServiceError(message)


def build(docker: DockerClient, directory: Path) -> Image:
    """Build the image in a directory that holds what a checkout would hold, and nothing else."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607  # whichever git there is
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, directory / name)
    line = ["/bin/sh", "-c", BUILD]
    done = subprocess.run(
        line, cwd=directory, env=docker.variables, capture_output=True, text=True, check=False, timeout=LIMIT_S
    )
    if docker.ask("image", "inspect", NAME).returncode:
        message = f"the image could not be built:\n{done.stdout[-5000:]}"
        raise ServiceError(message)
    return Image(docker, directory)
