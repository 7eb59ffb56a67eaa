"""``demo``: the service with simulated students, ready to be looked at."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import click
from rich.table import Table

from ..config import Settings
from ..dashboard.sign_in import DEMO_ADMIN, DEMO_COHORT, DEMO_TEACHER
from ..domain.cohorts import MAX_STUDENTS, Cohort
from ..domain.simulator import simulate
from ..errors import CommandFailed, PreconditionFailed
from ..preconditions import Precondition
from ..resources import Resources, open_security
from ..security import Role
from .serve import run
from .terminal import console, json_option, print_json, progress, read_settings, record, with_resources

STUDENTS, DAYS, SEED = 30, 90, 1
BATCH = 1000
_DAY_S = 86_400


@click.command()
@click.option("--host", default=None, help="Instead of HOST.")
@click.option("--port", default=None, type=click.IntRange(1, 65535), help="Instead of PORT.")
@json_option
def command(host: str | None, port: int | None, *, as_json: bool) -> None:
    """Run the service with thirty simulated students in a cohort, and print where to look.

    The students are made when the data directory holds none, the cohort when there is none of its name; what is there
    already stays.
    """
    given = {"host": host, "port": port}
    settings = read_settings(**{name: value for name, value in given.items() if value is not None})
    if settings.production:
        message = "There is no demonstration in production."
        raise CommandFailed(message)

    async def work(resources: Resources) -> str:
        await record(resources, "tokens.issue", roles="student,teacher,admin")
        return await prepare(resources)

    student_id = with_resources(settings, work)
    _welcome(settings, student_id, as_json=as_json)
    run(settings, as_json=False)


async def prepare(resources: Resources) -> str:
    """Load the simulated students where there are none, and make their cohort; return a student to look at."""
    students = await _stored(resources) or await _simulate(resources)
    cohort = Cohort.of(DEMO_COHORT, "Demonstration", teachers=[DEMO_TEACHER], students=students)
    with suppress(PreconditionFailed):
        await resources.cohorts.put(cohort, Precondition(none_match=frozenset("*")))
    return students[0]


async def _stored(resources: Resources) -> list[str]:
    """Return the first students, as many as fit into a cohort."""
    found: list[str] = []
    async for student_id in resources.state.students():
        if len(found) == MAX_STUDENTS:
            break
        found.append(student_id)
    return found


def simulated(now: datetime) -> Iterator[dict[str, Any]]:
    """Return the events of the last 90 days up to now; of the rest of the day nobody can tell yet."""
    events = simulate(students=STUDENTS, days=DAYS, seed=SEED, last_day=now.date())
    return (event for event in events if datetime.fromisoformat(event["timestamp"]) <= now)


async def _simulate(resources: Resources) -> list[str]:
    """Send the events of the simulated students; return their ids, though with Kafka they are still on their way."""
    events = simulated(datetime.now(UTC))
    students: set[str] = set()
    with progress("events") as bar:
        task = bar.add_task("Simulating thirty students", total=None, rate=0)
        while batch := list(islice(events, BATCH)):
            await resources.mastery.ingest(batch)
            students |= {event["student_id"] for event in batch}
            bar.update(task, advance=len(batch), rate=bar.tasks[task].speed or 0)
    return sorted(students)


def _welcome(settings: Settings, student_id: str, *, as_json: bool) -> None:
    security = open_security(settings)
    people = {Role.STUDENT: student_id, Role.TEACHER: DEMO_TEACHER, Role.ADMIN: DEMO_ADMIN}
    tokens = {str(role): security.issue_jwt(user_id, [role], _DAY_S) for role, user_id in people.items()}
    base = f"http://{settings.host}:{settings.port}"
    if as_json:
        print_json(
            {
                "url": base,
                "dashboard": f"{base}/dashboard",
                "student_id": student_id,
                "cohort_id": DEMO_COHORT,
                "tokens": tokens,
            }
        )
        return
    out = console()
    out.print(f"\n[bold]mastery-engine[/bold] with simulated students, data in {settings.data_dir}\n")
    places = Table.grid(padding=(0, 2))
    places.add_row("[bold]Dashboard, sign in with a click[/bold]", f"[bold]{base}/dashboard[/bold]")
    places.add_row("Interface, to try out", f"{base}/docs")
    places.add_row("Is it well?", f"{base}/ready")
    places.add_row("Metrics", f"{base}/metrics")
    out.print(places)
    out.print(
        f"\nTokens for a day; {DEMO_TEACHER} teaches the cohort {DEMO_COHORT}, {student_id} is one of its students:\n"
    )
    for role, token in tokens.items():
        out.print(f"{role.upper()}={token}", soft_wrap=True)
    out.print("\nTry, with these set in your shell:\n")
    for role, path in ((Role.STUDENT, f"students/{student_id}/mastery"), (Role.TEACHER, f"cohorts/{DEMO_COHORT}")):
        out.print(f'  curl -s -H "Authorization: Bearer ${role.upper()}" {base}/api/v1/{path}', soft_wrap=True)
    out.print()
