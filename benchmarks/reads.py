"""Reading mastery over HTTP, beside the smallest route of the same server that needs a token and touches no store."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain, islice
from statistics import harmonic_mean
from tempfile import TemporaryDirectory
from typing import NamedTuple

import msgspec

from src.security import Role, SecurityManager

from .client import Client, open_client
from .figures import Amount, Bound, Figure
from .measure import summarise
from .processes import SECRET, SERVE, serving, settings
from .standard import EVENTS, Wire, standard_events

STUDENTS = 1000
ROUNDS = 5
ARRAY = 1000
TURN = 50
WARM_UP = 500
_FLOOR = "/api/v1/me"
_UNIT = "answers/s"


class Rates(NamedTuple):
    """Answers per second in one life of a server."""

    floor: float
    cold: float
    cached: float


def run() -> list[Figure]:
    """Load the standard students, then start the server anew for each round, so that no answer is cached."""
    token = SecurityManager(SECRET).issue_jwt("benchmark", [Role.ADMIN], 3600)
    with TemporaryDirectory() as data_dir:
        environment = settings(data_dir)
        _load(environment, token)
        rounds = [_round(environment, token) for _ in range(ROUNDS)]
    return [
        _figure("cold", [(rates.cold, rates.floor) for rates in rounds], 0.3),
        _figure("answers cached", [(rates.cached, rates.floor) for rates in rounds], 0.5),
    ]


def _figure(what: str, rounds: list[tuple[float, float]], at_least: float) -> Figure:
    compared = summarise(rounds)
    return Figure(
        f"GET mastery, {STUDENTS:,} standard students, {what}",
        Amount(compared.measured, _UNIT),
        f"GET {_FLOOR}, by the same client",
        Amount(compared.floor, _UNIT),
        compared.ratio,
        Bound(at_least, at_least=True, of_ratio=True),
    )


def _load(environment: Mapping[str, str], token: str) -> None:
    today = datetime.now(UTC).date()
    events = chain.from_iterable(standard_events(student, today) for student in _students())
    with serving(SERVE, environment) as server, open_client(server.port, token) as client:
        applied = sum(answer.count(b'"applied"') for answer in client.post("/api/v1/events", _arrays(events)))
    if applied != STUDENTS * EVENTS:
        message = f"{applied} of {STUDENTS * EVENTS} events were applied"
        raise RuntimeError(message)


def _arrays(events: Iterable[Wire]) -> Iterator[bytes]:
    remaining = iter(events)
    while array := list(islice(remaining, ARRAY)):
        yield msgspec.json.encode(array)


def _round(environment: Mapping[str, str], token: str) -> Rates:
    """Ask about a few students at a time and for the floor in between, so that noise meets all three alike."""
    with serving(SERVE, environment) as server, open_client(server.port, token) as client:
        client.rate([*[_FLOOR] * WARM_UP, *["/api/v1/students/nobody/mastery"] * WARM_UP])
        paths = [f"/api/v1/students/{student}/mastery" for student in _students()]
        turns = [_turn(client, paths[at : at + TURN]) for at in range(0, STUDENTS, TURN)]
    return Rates(*map(harmonic_mean, zip(*turns, strict=True)))


def _turn(client: Client, paths: list[str]) -> Rates:
    floor = client.rate([_FLOOR] * len(paths))
    return Rates(floor, cold=client.rate(paths), cached=client.rate(paths))


def _students() -> list[str]:
    return [f"standard-{number:04}" for number in range(STUDENTS)]
