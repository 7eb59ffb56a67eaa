"""What streams cost while nothing happens, and how soon they show a struggle, over Redis in one process."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import httpx

from src.security import Role, SecurityManager
from tests.services import RedisServer, Unavailable

from .figures import Amount, Bound, Figure
from .measure import NotHere
from .processes import SECRET, SERVE, Serving, serving, settings
from .stream import percentile

COHORTS, CLASS, SCREENS = 25, 30, 8
"""So many classes of so many students, each on so many screens of its teacher: 200 streams of 750 students."""

IDLE_S = 10
STRUGGLES = 50
_PERCENT, _MS = 100, 1000
_CREATED = (200, 201)
_WITHIN_S = 60


def run() -> list[Figure]:
    """Measure the process with and without streams, and then tell it of struggles."""
    with _service() as server, httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=_WITHIN_S) as client:
        for number in range(COHORTS):
            _fill(client, number)
        floor = _load(server.pid)
        with ExitStack() as stack:
            lines = [stack.enter_context(_screen(server, number % COHORTS)) for number in range(COHORTS * SCREENS)]
            idle = _load(server.pid)
            shown_s, answered_s = _struggles(client, lines[0])
    return [_idle(idle, floor), _shown(shown_s, answered_s)]


def _idle(measured: float, floor: float) -> Figure:
    return Figure(
        f"processor of {COHORTS * SCREENS} streams of {COHORTS} classes of {CLASS} to which nothing happens",
        Amount(measured * _PERCENT, "%"),
        "the same process with nobody listening",
        Amount(floor * _PERCENT, "%"),
        measured / max(floor, 1 / _PERCENT / IDLE_S),
        Bound(15, at_least=False, of_ratio=False),
    )


def _shown(shown_s: list[float], answered_s: list[float]) -> Figure:
    shown, answered = (percentile(times, 95) * _MS for times in (shown_s, answered_s))
    return Figure(
        "from sending an event to its struggle on a stream meanwhile, 95th percentile",
        Amount(shown, "ms"),
        "the answer to the same request",
        Amount(answered, "ms"),
        shown / answered,
        Bound(1000, at_least=False, of_ratio=False),
    )


@contextmanager
def _service() -> Iterator[Serving]:
    try:
        redis = RedisServer()
    except Unavailable as reason:
        raise NotHere(str(reason)) from None
    with redis, TemporaryDirectory() as data_dir:
        variables = settings(data_dir) | dict(redis.environment)
        with serving(SERVE, variables) as server:
            yield server


def _bearer(user_id: str, role: Role) -> dict[str, str]:
    return {"Authorization": f"Bearer {SecurityManager(SECRET).issue_jwt(user_id, [role], 3600)}"}


def _student(cohort: int, place: int) -> str:
    return f"student-{cohort}-{place}"


def _event(student_id: str) -> dict[str, object]:
    now_ms = int(time.time() * _MS)
    base = {"event_id": uuid4().hex, "event_type": "help.requested", "student_id": student_id, "timestamp": now_ms}
    return base | {"data": {"message_kind": "stuck"}}


def _fill(client: httpx.Client, cohort: int) -> None:
    students = [_student(cohort, place) for place in range(CLASS)]
    content = {"name": "Class", "teachers": [f"teacher-{cohort}"], "students": students}
    url = f"/api/v1/cohorts/class-{cohort}"
    assert client.put(url, json=content, headers=_bearer("admin", Role.ADMIN)).status_code in _CREATED  # noqa: S101
    _send(client, students)


def _send(client: httpx.Client, students: list[str]) -> None:
    events = [_event(student_id) for student_id in students]
    answer = client.post("/api/v1/events", json=events, headers=_bearer("service", Role.SERVICE))
    assert {one["status"] for one in answer.json()["results"]} == {"applied"}  # noqa: S101


@contextmanager
def _screen(server: Serving, cohort: int) -> Iterator[Iterator[str]]:
    """Yield the lines of a stream of a class, after those of its beginning."""
    url = f"http://127.0.0.1:{server.port}/api/v1/cohorts/class-{cohort}/stream"
    headers = _bearer(f"teacher-{cohort}", Role.TEACHER)
    with httpx.stream("GET", url, headers=headers, timeout=_WITHIN_S) as answer:
        lines = answer.iter_lines()
        _read_until(lines, "id:")
        yield lines


def _read_until(lines: Iterator[str], beginning: str) -> None:
    next(line for line in lines if line.startswith(beginning))


def _struggles(client: httpx.Client, lines: Iterator[str]) -> tuple[list[float], list[float]]:
    """Return the seconds until each event was answered, and until its struggle was on the stream of the class."""
    shown_s, answered_s = [], []
    for number in range(STRUGGLES):
        time.sleep(number * 7919 % 250 / _MS)  # at any moment between two looks
        started_s = time.perf_counter()
        _send(client, [_student(0, number % CLASS)])
        answered_s.append(time.perf_counter() - started_s)
        _read_until(lines, "event: struggle")
        shown_s.append(time.perf_counter() - started_s)
        _read_until(lines, "id:")
    return shown_s, answered_s


def _load(pid: int) -> float:
    """Return the share of a processor that a process takes."""
    before_s = _processor_s(pid)
    time.sleep(IDLE_S)
    return (_processor_s(pid) - before_s) / IDLE_S


def _processor_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except FileNotFoundError:
        message = "this system does not tell the processor time of a process under /proc"
        raise NotHere(message) from None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
