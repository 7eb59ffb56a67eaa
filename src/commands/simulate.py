"""``simulate``: events of made-up students."""

import sys
from datetime import UTC, datetime

import click
import msgspec

from ..domain.simulator import simulate
from .terminal import day_option, json_option


@click.command()
@click.option("--students", default=30, show_default=True, type=click.IntRange(1, 1_000_000), help="How many students.")
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 3650), help="How many days.")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same events.")
@click.option("--ending", type=day_option, default=None, help="The last day; today when not given.")
@json_option
def command(students: int, days: int, seed: int, ending: datetime | None, *, as_json: bool) -> None:
    """Print events of made-up students, one JSON object a line.

    The same options give the same events; without --ending they end today, so give it to have them again tomorrow.
    """
    del as_json
    last_day = (ending or datetime.now(UTC)).date()
    encode = msgspec.json.Encoder().encode
    out = sys.stdout.buffer
    for event in simulate(students=students, days=days, seed=seed, last_day=last_day):
        out.write(encode(event) + b"\n")
