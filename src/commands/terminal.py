"""What the commands share: the terminal, JSON, and settings."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

from ..audit import Entry, Fact
from ..config import Settings
from ..observability import configure_logging
from ..resources import Resources, open_resources
from ..security import is_student_id

_T = TypeVar("_T")
_PLAIN_WIDTH = 100


def usable_id(context: click.Context, parameter: click.Parameter, student_id: str) -> str:
    """Return an id that may be that of a student; raises what click tells as a wrong use."""
    if not is_student_id(student_id):
        message = "An id consists of A-Z a-z 0-9 . _ -, 1 to 64 of them."
        raise click.BadParameter(message, context, parameter)
    return student_id


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
day_option = click.DateTime(["%Y-%m-%d"])


def print_json(content: object, *, stderr: bool = False) -> None:
    """Write one value as JSON with sorted keys."""
    click.echo(msgspec.json.format(msgspec.json.encode(content, order="sorted"), indent=2).decode(), err=stderr)


def console(*, stderr: bool = False) -> Console:
    """Return a console for people: in colour at a terminal, plain and 100 columns wide elsewhere."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else _PLAIN_WIDTH, highlight=False)


def progress(unit: str) -> Progress:
    """Return a progress bar with rate and time left, shown on standard error at a terminal only."""
    talk = console(stderr=True)
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]:,.0f} " + unit + "/s"),
        TimeRemainingColumn(),
        console=talk,
        disable=not sys.stderr.isatty(),
        transient=True,
    )


def read_settings(**overrides: Any) -> Settings:  # noqa: ANN401  # whatever the settings take
    """Read the settings and send log records of warnings and errors to standard error."""
    settings = Settings.from_environment(**overrides)
    configure_logging("WARNING", as_json=settings.production, audits=False)
    return settings


async def record(resources: Resources, action: str, *, subject: str | None = None, **facts: Fact) -> None:
    """Have what a command does in the audit trail; who does it is the user of the operating system."""
    entry = Entry(action, actor=f"cli:{os.getuid()}", roles=("operator",), subject=subject, facts=facts)
    await resources.audit.record(entry)


def with_resources(settings: Settings, work: Callable[[Resources], Awaitable[_T]]) -> _T:
    """Open the resources, do the work and close them."""

    async def run() -> _T:
        async with open_resources(settings) as resources:
            return await work(resources)

    return asyncio.run(run())
