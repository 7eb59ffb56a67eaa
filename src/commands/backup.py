"""``backup``: keys of students in Redis, as the commands that make them again."""

import asyncio
import sys
from typing import TextIO

import click

from ..adapters.redis_backup import restoring
from ..config import Settings
from ..errors import CommandFailed
from ..resources import Resources, keys_of, open_pseudonyms, redis_of
from ..state_manager import StateKeyPatterns
from .terminal import json_option, print_json, read_settings, record, with_resources

PREFIXES = ("student:", "prediction:")


@click.command()
@click.argument("file", type=click.File("r"))
@json_option
def command(file: TextIO, *, as_json: bool) -> None:
    """Print the commands that make again the keys of students that FILE names, one a line."""
    keys = [line.strip() for line in file if line.strip()]
    settings = read_settings()
    if settings.redis_url is None or settings.redis_cluster:
        message = "This is for one Redis. Embedded, copy the database; of a cluster, copy each master's dump.rdb."
        raise CommandFailed(message)
    if not all(key.startswith(PREFIXES) for key in keys):
        message = f"Only keys that begin with {' or '.join(PREFIXES)} are taken; for everything use redis-cli BGSAVE."
        raise click.UsageError(message)
    written = asyncio.run(_print(settings, keys))
    with_resources(settings, lambda resources: _record(resources, written))
    if as_json:
        print_json({"keys": written}, stderr=True)
    else:
        click.echo(f"{written:,} of {len(keys):,} keys; the others are gone.", err=True)


async def _record(resources: Resources, written: int) -> None:
    await record(resources, "students.backup", keys=written)


async def _print(settings: Settings, keys: list[str]) -> int:
    client, pseudonym, names = redis_of(settings), open_pseudonyms(settings), keys_of(settings)
    written = 0

    def marker_of(key: str) -> str:
        return StateKeyPatterns.ERASURE.format(pseudonym=pseudonym(names.student(key)))

    try:
        async for made in restoring(client, keys, marker_of):
            sys.stdout.buffer.write(made)
            written += 1
    finally:
        await client.aclose()
    return written
