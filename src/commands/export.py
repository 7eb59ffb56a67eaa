"""``export``: everything stored about a student."""

import click

from ..resources import Resources
from .terminal import json_option, print_json, read_settings, record, usable_id, with_resources


@click.command()
@click.argument("student", callback=usable_id)
@json_option
def command(student: str, *, as_json: bool) -> None:
    """Print everything stored about STUDENT, as JSON, by place."""
    del as_json

    async def work(resources: Resources) -> None:
        held = await resources.privacy.export(student)
        await record(resources, "privacy.export", subject=student)
        print_json(held)

    with_resources(read_settings(), work)
