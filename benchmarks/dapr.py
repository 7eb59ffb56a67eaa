"""A call of the service by its name, through the caller's sidecar and its own, beside the same call without them."""

import http.client
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple

import msgspec

from src.security import Role, SecurityManager
from tests.services import DaprSidecar, Unavailable

from .figures import Amount, Bound, Figure
from .measure import NotHere
from .processes import SECRET, SERVE, serving, settings

ROUNDS, WARM_UP = 2000, 200
MOST_MS = 2.5
_MS = 1000
_BODY = msgspec.json.encode({"intent": "get_mastery", "payload": {"student_id": "standard-0001"}})


class Calls(NamedTuple):
    """The two ways to call."""

    directly: Callable[[], float]
    through_sidecars: Callable[[], float]


def run() -> list[Figure]:
    """Measure both in turns."""
    try:
        with _calls() as calls:
            rounds = [(calls.through_sidecars(), calls.directly()) for _ in range(WARM_UP + ROUNDS)][WARM_UP:]
    except Unavailable as reason:
        raise NotHere(str(reason)) from None
    through, directly = (median(times) * _MS for times in zip(*rounds, strict=True))
    overhead = median(one - other for one, other in rounds) * _MS
    return [
        Figure(
            "POST /process by name, through the sidecars of caller and service: what they add, p50",
            Amount(overhead, "ms"),
            "the same call without sidecars, in turns",
            Amount(directly, "ms"),
            through / directly,
            Bound(MOST_MS, at_least=False, of_ratio=False),
        )
    ]


@contextmanager
def _calls() -> Iterator[Calls]:
    """Run the service between two sidecars."""
    token = SecurityManager(SECRET).issue_jwt("agent", [Role.ADMIN], 3600)
    shown = {"dapr-api-token": secrets.token_urlsafe(16)}
    with TemporaryDirectory() as folder, ExitStack() as stack:
        service = stack.enter_context(serving(SERVE, settings(folder)))
        sidecars = [
            stack.enter_context(_sidecar(Path(folder), app_id, port, shown["dapr-api-token"]))
            for app_id, port in (("mastery-engine", service.port), ("agent", service.port))
        ]
        while not all(sidecar.ready for sidecar in sidecars):
            pass
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        yield Calls(
            _caller(service.port, "/process", headers),
            _caller(sidecars[1].port, "/v1.0/invoke/mastery-engine/method/process", headers | shown),
        )


def _sidecar(folder: Path, app_id: str, app_port: int, token: str) -> DaprSidecar:
    return DaprSidecar(
        app_id, app_port, names=folder / "names.db", app_token=token, api_token=token, directory=folder / app_id
    )


def _caller(port: int, path: str, headers: Mapping[str, str]) -> Callable[[], float]:
    """Return what makes one call over a connection that stays open, and tells how many seconds that took."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def call() -> float:
        started_s = perf_counter()
        connection.request("POST", path, _BODY, dict(headers))
        answer = connection.getresponse()
        answer.read()
        if answer.status != http.client.OK:
            message = f"the answer was {answer.status}"
            raise RuntimeError(message)
        return perf_counter() - started_s

    return call
