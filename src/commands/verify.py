"""``verify``: whether what is stored can be read, and gives what was derived from it before."""

from collections import defaultdict

import click

from ..errors import CommandFailed
from ..resources import Resources
from ..state_manager import Recomputed
from .terminal import json_option, print_json, progress, read_settings, record, with_resources

SHOWN = 20


@click.command()
@json_option
def command(*, as_json: bool) -> None:
    """Derive every student anew, and compare with what was derived before."""

    async def work(resources: Resources) -> dict[Recomputed, list[str]]:
        await record(resources, "students.verify")
        found: defaultdict[Recomputed, list[str]] = defaultdict(list)
        with progress("students") as bar:
            task = bar.add_task("Deriving", total=None, rate=0)
            async for student_id in resources.state.students():
                found[await resources.mastery.recompute(student_id)].append(student_id)
                bar.update(task, advance=1, rate=bar.tasks[task].speed or 0)
        return found

    found = with_resources(read_settings(), work)
    wrong = {kind: found[kind] for kind in (Recomputed.DIFFERS, Recomputed.UNREADABLE)}
    counts = {kind: len(found[kind]) for kind in (Recomputed.EQUAL, Recomputed.OLDER)}
    if as_json:
        print_json(wrong | counts)
    else:
        for kind, students in wrong.items():
            more = f" and {len(students) - SHOWN} more" if len(students) > SHOWN else ""
            click.echo(f"{kind}: {', '.join(students[:SHOWN])}{more}" if students else f"{kind}: none")
        click.echo(f"equal: {counts[Recomputed.EQUAL]:,}, older: {counts[Recomputed.OLDER]:,}")
    if any(wrong.values()):
        message = "Something stored is not as it should be."
        raise CommandFailed(message)
