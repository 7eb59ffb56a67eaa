"""Other stream processors, that only count and add up one number per key: each in a virtual environment of its own.

Their programs do not belong to the project; they are read at ``../shared/services/peers``.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from tests.services.programs import cache_directory

from .measure import NotHere
from .processes import ROOT

PROGRAMS = ROOT.parent / "shared" / "services" / "peers"
TOPIC = "in"
"""The topic that the programs read."""
EVENTS = 200_000
"""As many events as they wait for."""
_WITHIN_S = 300


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer: what is installed for it, its program, and how that is called with a broker and a topic for results."""

    name: str
    requirements: tuple[str, ...]
    program: str
    arguments: Callable[[str, str], list[str]]
    environment: Callable[[str, str], dict[str, str]]


PEERS = (
    Peer(
        "Quix Streams",
        ("quixstreams",),
        "quix_agg.py",
        lambda bootstrap, out: [bootstrap, "at-least-once", "1.0", out, "state", "1"],
        lambda _bootstrap, _out: {},
    ),
    Peer(
        "Faust",
        ("faust-streaming",),
        "faust_agg.py",
        lambda _bootstrap, _out: ["worker", "-l", "error", "--without-web"],
        lambda bootstrap, out: {"BOOT": bootstrap, "STORE": "memory://", "OUT": out},
    ),
)


def rate(peer: Peer, bootstrap: str, create_topic: Callable[[str], None]) -> float:
    """Return the events per second of a peer; raises ``NotHere`` where it cannot be had or does not get to the end."""
    program = PROGRAMS / peer.program
    if not program.exists():
        message = f"{peer.name}: there is no ../{program.relative_to(ROOT.parent)}"
        raise NotHere(message)
    python, out = _installed(peer), f"out-{uuid4().hex[:8]}"
    create_topic(out)
    with TemporaryDirectory() as directory:
        (Path(directory) / "run").mkdir()
        command = [str(python), str(program), *peer.arguments(bootstrap, out)]
        environment = {**os.environ, **peer.environment(bootstrap, out)}
        try:
            done = subprocess.run(
                command, cwd=directory, env=environment, capture_output=True, timeout=_WITHIN_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            message = f"{peer.name} did not get to the end in {_WITHIN_S} s"
            raise NotHere(message) from error
    for line in reversed(done.stdout.decode(errors="replace").splitlines()):
        if line.startswith("{"):
            return float(json.loads(line)["rate"])
    message = f"{peer.name} failed: {done.stderr.decode(errors='replace').strip().rpartition(chr(10))[2]}"
    raise NotHere(message)


def _installed(peer: Peer) -> Path:
    """Make the environment of a peer where it is missing, outside the repository; return its Python."""
    home = cache_directory() / "peers" / peer.requirements[0]
    python, complete = home / "bin" / "python", home / "complete"
    if not complete.exists():
        try:
            subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True, capture_output=True)
            subprocess.run([python, "-m", "pip", "install", "-q", *peer.requirements], check=True, capture_output=True)
        except subprocess.CalledProcessError as error:
            message = f"{peer.name} cannot be installed: {error.stderr.decode(errors='replace')[-200:]}"
            raise NotHere(message) from error
        complete.touch()
    return python
