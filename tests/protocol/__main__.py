"""Schedules by hand: ``python -m tests.protocol --seed 7 --schedules 1000``, with the service and a store in memory.

``--on model`` plays the model, ``--on redis`` the service over a real Redis that is started for it. The first schedule
that breaks something is printed step by step; ``--small`` finds one that is easier to read.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TypeAlias

import click

from tests.services import RedisServer

from .model.rules import Rule
from .play import Choice, Played, play_model, play_redis, play_service
from .schedule import Fault
from .service.memory import MemoryBackend

Play: TypeAlias = Callable[[int, Choice], Awaitable[Played]]
_TOLD_EVERY = 1000


@click.command(help=__doc__)
@click.option("--on", type=click.Choice(["model", "memory", "redis"]), default="memory", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="The first one.")
@click.option("--schedules", type=int, default=1000, show_default=True, help="How many.")
@click.option("--small", is_flag=True, help="Few records, few steps.")
@click.option("--fault", "faults", multiple=True, type=click.Choice([fault.name.lower() for fault in Fault]))
@click.option("--without", multiple=True, type=click.Choice([rule.name.lower() for rule in Rule]), help="In the model.")
@click.option("--shards", type=int, default=1, show_default=True, help="Of the store, in the model and in memory.")
@click.option("--trace", is_flag=True, help="Print the first one, whatever comes of it.")
def main(
    *,
    on: str,
    seed: int,
    schedules: int,
    small: bool,
    faults: Sequence[str],
    without: Sequence[str],
    shards: int,
    trace: bool,
) -> None:
    logging.disable(logging.CRITICAL)
    choice = Choice([Fault[name.upper()] for name in faults] or None, small=small)
    with ExitStack() as stack:
        if on == "redis":
            play: Play = partial(play_redis, server=stack.enter_context(RedisServer(fsync="no")))
        elif on == "model":
            play = partial(play_model, without=[Rule[name.upper()] for name in without], shards=shards)
        else:
            play = partial(play_service, backend=partial(MemoryBackend, shards=shards))
        asyncio.run(_play(play, range(seed, seed + schedules), choice, trace=trace))


async def _play(play: Play, seeds: range, choice: Choice, *, trace: bool) -> None:
    for number, seed in enumerate(seeds, 1):
        played = await play(seed, choice)
        if played.broken or trace:
            click.echo(f"{played}")
            raise SystemExit(bool(played.broken))
        if number % _TOLD_EVERY == 0:
            click.echo(f"{number} schedules, nothing broken")
    click.echo(f"seeds {seeds.start} to {seeds.stop - 1}: nothing broken")


if __name__ == "__main__":
    main()
