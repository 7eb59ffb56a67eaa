"""Redis and Kafka of the project's ``compose.yaml``, where docker answers."""

import os
import shutil
import subprocess
from collections.abc import Mapping

from .errors import ServiceError, Unavailable
from .ports import HOST, Port
from .programs import HERE

PROJECT = "mastery-engine-services"
"""Apart from the stack that ``docker compose up`` starts by hand."""

_FILE = HERE.parents[1] / "compose.yaml"
_REMEDY = "start docker, or leave --docker out"


def check() -> None:
    """Refuse unless a docker daemon answers and docker knows compose."""
    if shutil.which("docker") is None:
        message = "docker is not on the path"
        raise Unavailable(message, _REMEDY)
    for arguments, message in [
        (["info"], "no docker daemon answers"),
        (["compose", "version"], "docker has no compose"),
    ]:
        if _docker(*arguments).returncode:
            raise Unavailable(message, _REMEDY)


def up(name: str, port: int) -> Mapping[str, str]:
    """Start a service and return the variables that tell the product where it is."""
    port = port or _free_port()
    done = _compose("up", "--detach", "--wait", name, environment={f"{name.upper()}_PORT": str(port)})
    if done.returncode:
        last_words = _compose("logs", "--no-color", "--tail", "15", name).stdout
        message = f"docker compose could not start {name}:\n{done.stderr}\n{last_words}"
        raise ServiceError(message)
    if name == "redis":
        return {"REDIS_URL": f"redis://{HOST}:{port}/0"}
    return {"KAFKA_BOOTSTRAP_SERVERS": f"{HOST}:{port}"}


def down(name: str) -> None:
    """Remove a service with its data, and the network with the last one."""
    _compose("rm", "--stop", "--force", "--volumes", name)
    if not _compose("ps", "--all", "--services").stdout.strip():
        _compose("down", "--volumes")


def running(name: str) -> bool:
    """Tell whether a service runs."""
    return name in _compose("ps", "--services", "--status", "running").stdout.split()


def _free_port() -> int:
    port = Port.reserve()
    port.release()
    return port.number


def _compose(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    project = ("compose", "--project-name", PROJECT, "--file", str(_FILE))
    return _docker(*project, *arguments, environment=environment)


def _docker(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", *arguments],  # noqa: S607  # docker is where the user has it
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(environment or {})},
    )
