"""Docker: the daemon that answers here, or one of our own, and a client that understands the guide's command."""

import os
import pty
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from .errors import ServiceError, Unavailable
from .ports import Port
from .programs import cache_directory
from .rules import kept_rules, put_back
from .server import Server

BASE_IMAGE = "python:3.11-slim"
"""What the Dockerfile builds on unless it is told otherwise."""

LIMIT_S = 600
_REMEDY = "start docker, or run scripts/install-services as root"


@dataclass(frozen=True, slots=True)
class DockerClient:
    """The command ``docker`` for one daemon."""

    program: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str | Path, given: bytes = b"") -> str:
        """Run a command that must succeed and return what it printed."""
        done = self.ask(*arguments, given=given)
        if done.returncode:
            message = f"docker {arguments[0]} ended with {done.returncode}:\n{done.stderr.decode()}"
            raise ServiceError(message)
        return done.stdout.decode()

    def ask(self, *arguments: str | Path, given: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
        """Run a command to its end, whatever that is."""
        command = [self.program, *arguments]
        return subprocess.run(
            command, input=given, capture_output=True, env=self.variables, check=False, timeout=LIMIT_S
        )

    @property
    def variables(self) -> dict[str, str]:
        """Return the environment in which ``docker`` is this client."""
        path = f"{self.program.parent}:{os.environ['PATH']}"
        return {**os.environ, "DOCKER_BUILDKIT": "1", "PATH": path, **self.environment}

    def typed(self, line: str, *, at: Path, keys: str = "") -> tuple[int, str]:
        """Run a line in a shell as a person would, at a terminal; return the exit code and what was seen there."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            ["/bin/sh", "-c", line],
            cwd=at,
            env=self.variables,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        os.write(ours, keys.encode())
        seen = b"".join(_screen(ours))
        os.close(ours)
        return process.wait(LIMIT_S), seen.decode(errors="replace")


def docker_client() -> DockerClient:
    """Find a ``docker`` that builds with BuildKit; raises ``Unavailable``."""
    for folder in os.get_exec_path():
        program = shutil.which("docker", path=folder)
        if program is not None:
            client = DockerClient(Path(program))
            if b"--progress" in client.ask("build", "--help").stdout:
                return client
    message = "no docker on the path can build with BuildKit"
    raise Unavailable(message, _REMEDY)


class DockerDaemon(Server):
    """A daemon with images of its own, for root; what it changes in this machine's network goes with it."""

    kind: ClassVar[str] = "dockerd"
    ready_within_s: ClassVar[float] = 30
    ended_within_s: ClassVar[float] = 30

    def __init__(self, client: DockerClient) -> None:
        """Take the program of a client; its daemon is this one."""
        super().__init__()
        self._program = client.program
        self._rules: str | None = None
        self._had_bridge = False

    @property
    def client(self) -> DockerClient:
        """Return the client of this daemon."""
        return DockerClient(self._program, self.environment)

    @property
    def environment(self) -> Mapping[str, str]:
        """Return the variable that tells where it is."""
        return {"DOCKER_HOST": f"unix://{self.directory / 'docker.sock'}"}

    def close(self) -> None:
        """Stop it, and take back its bridge and its rules."""
        if self.running:
            self.stop()
        if self._rules is not None:
            put_back(self._rules)
            if not self._had_bridge:
                subprocess.run(["ip", "link", "delete", "docker0"], check=False, timeout=LIMIT_S)  # noqa: S607
            self._rules = None
        super().close()

    def _reserve(self, number: int) -> tuple[Port, ...]:
        del number  # it listens on a socket of the file system only
        return ()

    def _prepare(self) -> None:
        if shutil.which("dockerd") is None or os.geteuid() != 0:
            message = "no docker daemon answers, and none can be started here"
            raise Unavailable(message, _REMEDY)
        if self._rules is None:
            self._rules = kept_rules()
            self._had_bridge = Path("/sys/class/net/docker0").exists()

    def _command(self) -> Sequence[str | Path]:
        places = {"data-root": "data", "exec-root": "exec", "pidfile": "pid"}
        options = [f"--{option}={self.directory / place}" for option, place in places.items()]
        return ["dockerd", f"--host={self.environment['DOCKER_HOST']}", *options]

    def _answers(self) -> bool:
        return self.client.ask("version").returncode == 0


@contextmanager
def docker() -> Iterator[DockerClient]:
    """Give a client with the base image at hand: of the daemon that answers here, else of one of our own."""
    found = docker_client()
    if found.ask("version").returncode == 0:
        _have_base(found)
        yield found
        return
    with DockerDaemon(found) as daemon:
        _have_base(daemon.client)
        yield daemon.client


def _have_base(client: DockerClient) -> None:
    """Have the base image: there, from its registry, or the stand-in that was made of what this machine has."""
    stand_in = cache_directory() / "base-image.tar"
    if client.ask("image", "inspect", BASE_IMAGE).returncode == 0:
        return
    if stand_in.exists():
        path = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
        client("import", "--change", f"ENV PATH={path} LANG=C.UTF-8", "--change", "CMD python3", stand_in, BASE_IMAGE)
    elif client.ask("pull", BASE_IMAGE).returncode:
        message = f"{BASE_IMAGE} cannot be pulled, and there is no stand-in for it"
        raise Unavailable(message, _REMEDY)


def _screen(terminal: int) -> Iterator[bytes]:
    """Yield what a terminal shows until nobody writes to it any more."""
    while True:
        try:
            piece = os.read(terminal, 65_536)
        except OSError:  # Linux tells so that the other end is closed
            return
        if not piece:
            return
        yield piece
