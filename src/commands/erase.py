"""``erase``: a student, everywhere and for good."""

import sys

import click

from ..errors import CommandFailed
from ..privacy_answers import Receipt
from ..resources import Resources
from .terminal import json_option, print_json, read_settings, record, usable_id, with_resources


@click.command()
@click.argument("student", callback=usable_id)
@click.option("--dry-run", is_flag=True, help="Tell what would be erased, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask; needed where nobody sits at a terminal.")
@json_option
def command(student: str, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Erase everything stored about STUDENT, and print a receipt.

    From then on the student's events are refused, until restore-consent. Erasing twice changes nothing. The command
    fails where something is left.
    """
    if not (dry_run or yes):
        _ask(student)

    async def work(resources: Resources) -> Receipt:
        privacy = resources.privacy
        receipt = await (privacy.preview(student) if dry_run else privacy.erase(student))
        # Afterwards, since what it is recorded under would be one more thing to erase.
        await record(resources, "privacy.erase", subject=student, **({"dry_run": True} if dry_run else {}))
        return receipt

    receipt = with_resources(read_settings(), work)
    if as_json:
        print_json(receipt)
    else:
        _show(receipt)
    if receipt.verified is False:
        message = "Something is left: erase the student again."
        raise CommandFailed(message)


def _ask(student: str) -> None:
    if not sys.stdin.isatty():
        message = "Nobody is there to be asked: give --yes to erase, or --dry-run to look."
        raise click.UsageError(message)
    click.confirm(f"Erase everything stored about {student}? It cannot be taken back", abort=True, err=True)


def _show(receipt: Receipt) -> None:
    what = "would be erased" if receipt.dry_run else "erased"
    click.echo(f"{receipt.student_id}: erasure {receipt.erasure}" + (f" at {receipt.at}" if receipt.at else ""))
    for name, place in receipt.places.items():
        left = "" if place.remaining is None else f", {place.remaining:,} left"
        click.echo(f"  {name.replace('_', ' ')}: {place.entries:,} entries {what}{left}")
    if receipt.verified is not None:
        click.echo("Verified: nothing is left." if receipt.verified else "NOT verified.")
    if receipt.raw_records_until is not None:
        click.echo(f"Raw records lie in Kafka's topics until {receipt.raw_records_until}.")
    for note in receipt.notes:
        click.echo(note, err=True)
