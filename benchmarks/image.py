"""The image: its size, how soon a container answers, how soon one that is busy has ended with all it acknowledged."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from src.security import Role, SecurityManager
from tests.services import Unavailable
from tests.services.docker import BASE_IMAGE, docker
from tests.services.image import HARDENED, Container, Image, build

from .figures import Amount, Bound, Figure
from .measure import NotHere, compare
from .processes import SECRET

ROUNDS = 5
CLIENTS = 4
BUSY_S = 3.0
_MB = 1_000_000
_POLL_S = 0.005
_READY_WITHIN_S = 60
_LIMITS = tuple(f"--env=RATE_LIMIT_{name}=0" for name in ("READS", "WRITES", "ADMIN"))
_IDLE = ("python", "-c", "import signal, sys; signal.signal(15, lambda *_: sys.exit()); signal.pause()")


def run() -> list[Figure]:
    """Build the image with the line of the operations guide, and measure containers of it."""
    try:
        with docker() as client, TemporaryDirectory() as checkout:
            image = build(client, Path(checkout))
            return [_size(image), _start(image), _stop(image)]
    except Unavailable as reason:
        raise NotHere(str(reason)) from None


def _size(image: Image) -> Figure:
    base = json.loads(image.docker("image", "inspect", "--format", "{{json .Size}}", BASE_IMAGE)) / _MB
    size = image.inspect()["Size"] / _MB
    bound = Bound(250, at_least=False, of_ratio=False)
    return Figure("size of the image", Amount(size, "MB"), "its base", Amount(base, "MB"), size / base, bound)


def _start(image: Image) -> Figure:
    compared = compare(lambda: _until_ready(image), lambda: _until_done(image), rounds=ROUNDS)
    return Figure(
        "docker run until /ready answers",
        Amount(compared.measured, "s"),
        "docker run of a Python that does nothing, until it is gone",
        Amount(compared.floor, "s"),
        compared.ratio,
        Bound(3, at_least=False, of_ratio=False),
    )


def _stop(image: Image) -> Figure:
    compared = compare(lambda: _until_stopped_busy(image), lambda: _until_stopped_idle(image), rounds=ROUNDS)
    return Figure(
        f"docker stop of a service that {CLIENTS} clients send events to, nothing lost",
        Amount(compared.measured, "s"),
        "docker stop of a Python that waits for it",
        Amount(compared.floor, "s"),
        compared.ratio,
        Bound(10, at_least=False, of_ratio=False),
    )


@contextmanager
def _service(image: Image, *options: str) -> Iterator[Container]:
    with image.running(*HARDENED, *_LIMITS, f"--env=JWT_SECRET={SECRET}", *options) as container:
        yield container


def _until_ready(image: Image) -> float:
    started = time.perf_counter()
    with _service(image) as container:
        port = urlsplit(container.url).port or 0
        while not _is_ready(port):
            if time.perf_counter() - started > _READY_WITHIN_S:
                raise RuntimeError(container.log)
            time.sleep(_POLL_S)
        return time.perf_counter() - started


def _until_done(image: Image) -> float:
    started = time.perf_counter()
    image.run("python", "-c", "")
    return time.perf_counter() - started


def _until_stopped_busy(image: Image) -> float:
    volume = image.docker("volume", "create").strip()
    mounted = f"--volume={volume}:/data"
    try:
        with _service(image, mounted) as container:
            container.wait_until_ready()
            taken = _Taken(urlsplit(container.url).port or 0)
            with taken:
                time.sleep(BUSY_S)
                seconds = _stopping(container)
            if container.state()["ExitCode"]:
                raise RuntimeError(container.log)
        held = json.loads(image.run("python", "-m", "src", "dump", "--all", options=(mounted,)))
    finally:
        image.docker("volume", "rm", volume)
    counted = sum(len(ids) for student in held for ids in student["counted"].values())
    if not 0 < taken.number <= counted:
        message = f"{taken.number} events were acknowledged, and {counted} were kept"
        raise RuntimeError(message)
    return seconds


def _until_stopped_idle(image: Image) -> float:
    with image.running(command=_IDLE) as container:
        container.exec("true")
        return _stopping(container)


def _stopping(container: Container) -> float:
    started = time.perf_counter()
    container.docker("stop", "--time=60", container.id)
    return time.perf_counter() - started


class _Taken:
    """Clients that send event after event until nobody answers; how many were acknowledged."""

    def __init__(self, port: int) -> None:
        self.number = 0
        self._port = port
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._send, args=(client,)) for client in range(CLIENTS)]

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *about: object) -> None:
        for thread in self._threads:
            thread.join()

    def _send(self, client: int) -> None:
        token = SecurityManager(SECRET).issue_jwt("sender", [Role.SERVICE], 600)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_READY_WITHIN_S)
        number = 0
        while True:
            number += 1
            try:
                connection.request("POST", "/api/v1/events", _event(f"e-{client}-{number}"), headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                return
            with self._lock:
                self.number += answer.status == http.client.OK


def _event(event_id: str) -> str:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    plain = {"event_id": event_id, "event_type": "exercise.completed", "student_id": "ada", "timestamp": now}
    return json.dumps({**plain, "data": {"passed": True}})


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_READY_WITHIN_S)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
