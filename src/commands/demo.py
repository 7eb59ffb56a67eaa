"""``demo``: the service with simulated students, ready to be looked at."""

from datetime import UTC, datetime
from itertools import islice

import click
from rich.table import Table

from ..config import Settings
from ..domain.simulator import simulate
from ..errors import CommandFailed
from ..resources import Resources, open_security
from ..security import Role
from .serve import run
from .terminal import console, json_option, print_json, progress, read_settings, with_resources

STUDENTS, DAYS, SEED = 30, 90, 1
BATCH = 1000
FIRST_STUDENT = "student-001"
_DAY_S = 86_400


@click.command()
@click.option("--host", default=None, help="Instead of HOST.")
@click.option("--port", default=None, type=click.IntRange(1, 65535), help="Instead of PORT.")
@json_option
def command(host: str | None, port: int | None, *, as_json: bool) -> None:
    """Run the service with thirty simulated students, and print where to look.

    The students are made when the data directory holds none; what is there already stays.
    """
    given = {"host": host, "port": port}
    settings = read_settings(**{name: value for name, value in given.items() if value is not None})
    if settings.production:
        message = "There is no demonstration in production."
        raise CommandFailed(message)
    student_id = with_resources(settings, _prepare)
    _welcome(settings, student_id, as_json=as_json)
    run(settings, as_json=False)


async def _prepare(resources: Resources) -> str:
    """Load the simulated students where there are none; return one to look at."""
    async for student_id in resources.state.students():
        return student_id
    events = simulate(students=STUDENTS, days=DAYS, seed=SEED, last_day=datetime.now(UTC).date())
    with progress("events") as bar:
        task = bar.add_task("Simulating thirty students", total=None, rate=0)
        while batch := list(islice(events, BATCH)):
            await resources.mastery.ingest(batch)
            bar.update(task, advance=len(batch), rate=bar.tasks[task].speed or 0)
    # With Kafka they are still on their way.
    return await anext(resources.state.students(), FIRST_STUDENT)


def _welcome(settings: Settings, student_id: str, *, as_json: bool) -> None:
    security = open_security(settings)
    people = {Role.STUDENT: student_id, Role.TEACHER: "teacher-001", Role.ADMIN: "admin-001"}
    tokens = {str(role): security.issue_jwt(user_id, [role], _DAY_S) for role, user_id in people.items()}
    base = f"http://{settings.host}:{settings.port}"
    if as_json:
        print_json({"url": base, "student_id": student_id, "tokens": tokens})
        return
    out = console()
    out.print(f"\n[bold]mastery-engine[/bold] with simulated students, data in {settings.data_dir}\n")
    places = Table.grid(padding=(0, 2))
    places.add_row("Interface, to try out", f"{base}/docs")
    places.add_row("Is it well?", f"{base}/ready")
    places.add_row("Metrics", f"{base}/metrics")
    out.print(places)
    out.print("\nTokens for a day (a teacher reads nobody yet: there are no cohorts):\n")
    for role, token in tokens.items():
        out.print(f"{role.upper()}={token}", soft_wrap=True)
    out.print("\nTry, with the token in place of $STUDENT:\n")
    path = f"{base}/api/v1/students/{student_id}/mastery"
    out.print(f'  curl -s -H "Authorization: Bearer $STUDENT" {path}\n', soft_wrap=True)
