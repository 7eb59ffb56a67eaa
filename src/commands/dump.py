"""``dump``: the stored state, as the law speaks of it."""

import sys
from datetime import datetime

import click
import msgspec

from ..domain.days import from_date
from ..errors import CommandFailed
from ..resources import Resources
from .terminal import day_option, json_option, print_json, read_settings, record, with_resources


@click.command()
@click.argument("student", required=False)
@click.option("--all", "everyone", is_flag=True, help="Every student, as one array sorted by id.")
@click.option("--day", type=day_option, default=None, help="Trimmed as on this day; today when not given.")
@json_option
def command(student: str | None, day: datetime | None, *, everyone: bool, as_json: bool) -> None:
    """Print the state of STUDENT, or of all, as canonical JSON.

    Two stores that counted the same events print the same bytes, whatever the order in which the events came.
    """
    del as_json
    if (student is None) == (not everyone):
        message = "Give either a student or --all."
        raise click.UsageError(message)

    async def work(resources: Resources) -> None:
        await record(resources, "students.dump", subject=student)
        state = resources.state
        as_of = state.today() if day is None else from_date(day.date())
        if student is not None:
            found = await state.dump(student, as_of)
            if found is None:
                message = "There is no such student."
                raise CommandFailed(message)
            print_json(found)
            return
        encode = msgspec.json.Encoder(order="sorted").encode
        out, separator = sys.stdout.buffer, b"["
        async for student_id in state.students():
            out.write(separator + b"\n" + encode(await state.dump(student_id, as_of)))
            separator = b","
        out.write((b"[" if separator == b"[" else b"\n") + b"]\n")

    with_resources(read_settings(), work)
