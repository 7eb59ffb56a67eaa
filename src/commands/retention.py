"""``retention``: what will be forgotten next."""

import click
import msgspec

from ..resources import Resources
from ..state_manager import Expiring
from .terminal import json_option, print_json, read_settings, with_resources


@click.command()
@click.option("--days", default=7, show_default=True, type=click.IntRange(1, 365), help="How many days ahead.")
@json_option
def command(days: int, *, as_json: bool) -> None:
    """Print how many students retention will trim and forget, day by day, if nothing new comes."""

    async def work(resources: Resources) -> list[Expiring]:
        return await resources.state.expiring(days)

    found = with_resources(read_settings(), work)
    if as_json:
        print_json([msgspec.to_builtins(one) for one in found])
        return
    for one in found:
        click.echo(f"{one.date}: {one.trimmed:,} students lose their oldest day, {one.forgotten:,} their last")
