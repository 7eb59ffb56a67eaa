"""``audit``: the audit trail, to look into and to verify."""

import re
from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from typing import TextIO

import click
from rich.table import Table

from ..audit_answers import AuditAnswer, AuditEntry, AuditVerdict
from ..audit_history import Wanted
from ..errors import CommandFailed
from ..ports import Link
from ..resources import Resources
from .terminal import console, day_option, json_option, print_json, progress, read_settings, record, with_resources

_HEAD = re.compile(r"(\d{1,18}):([0-9a-f]{32})", re.ASCII)
_LINE = re.compile(r'\bAUDIT\b.*?\bseq"?[:=]\s*(\d{1,18})\b.*?\bmac"?[:=]\s*"?([0-9a-f]{32})\b', re.ASCII)
_SHOWN = 8
_TO_THE_SECOND = 19


@click.group(name="audit")
def command() -> None:
    """Look into the audit trail, and verify that it is as it was written."""


@command.command(name="list")
@click.option("--subject", default=None, metavar="ID", help="Only what is about this person; of a cohort cohort:ID.")
@click.option("--actor", default=None, metavar="ID", help="Only what this person did; at the command line cli:UID.")
@click.option("--from", "first", type=day_option, default=None, help="The first day, UTC.")
@click.option("--to", "last", type=day_option, default=None, help="The last day, UTC.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="Entries a page.")
@click.option("--cursor", default=None, help="Go on where the page before ended.")
@json_option
def list_(
    subject: str | None,
    actor: str | None,
    first: datetime | None,
    last: datetime | None,
    limit: int,
    cursor: str | None,
    *,
    as_json: bool,
) -> None:
    """List what was recorded, newest first; people are pseudonyms."""
    wanted = Wanted(subject, actor, first and first.date(), last and last.date())

    async def work(resources: Resources) -> AuditAnswer:
        answer = await resources.audit_history.page(wanted, limit=limit, cursor=cursor)
        await record(resources, "audit.read", subject=subject)
        return answer

    answer = with_resources(read_settings(), work)
    if as_json:
        print_json(answer)
        return
    table = Table("Row", "At", "Action", "Outcome", "Actor", "Roles", "Subject")
    for entry in answer.entries:
        table.add_row(*_cells(entry))
    console().print(table)
    if answer.next is not None:
        click.echo(f"There may be more: --cursor {answer.next}", err=True)


@command.command()
@click.option("--head", "heads", multiple=True, metavar="SEQ:MAC", help="A row that was written; may be repeated.")
@click.option("--log", "logs", multiple=True, type=click.File("r", errors="replace"), help="A log of the service.")
@json_option
def verify(heads: tuple[str, ...], logs: tuple[TextIO, ...], *, as_json: bool) -> None:
    """Follow the chain of rows from its beginning to its end, and tell where it is not as it was written.

    A tail that was cut off is missed by a row that is known from elsewhere: from the file audit-head, from --head, or
    from the AUDIT lines of a --log.
    """
    known = chain(map(_head, heads), *map(_links, logs))

    async def work(resources: Resources) -> AuditVerdict:
        with progress("rows") as bar:
            task = bar.add_task("Following the chain", total=None, rate=0)

            def tell(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total, rate=bar.tasks[task].speed or 0)

            return await resources.audit_history.verify(known, tell)

    verdict = with_resources(read_settings(), work)
    if as_json:
        print_json(verdict)
    else:
        _tell(verdict)
    if not verdict.whole:
        message = "The audit trail is not as it was written."
        raise CommandFailed(message)


def _tell(verdict: AuditVerdict) -> None:
    for fault in verdict.faults:
        click.echo(f"- {fault}")
    if verdict.whole:
        newest = "nothing was recorded yet" if verdict.head is None else f"the newest is {verdict.head}"
        click.echo(f"The audit trail is whole: {verdict.rows} rows, {newest}.")


def _head(text: str) -> Link:
    found = _HEAD.fullmatch(text)
    if found is None:
        message = "A head is a number, a colon and 32 hexadecimal digits."
        raise click.UsageError(message)
    return Link(int(found[1]), found[2])


def _links(log: TextIO) -> Iterator[Link]:
    for line in log:
        found = _LINE.search(line)
        if found is not None:
            yield Link(int(found[1]), found[2])


def _cells(entry: AuditEntry) -> tuple[str, ...]:
    outcome = str(entry.outcome) if entry.status is None else f"{entry.outcome} ({entry.status})"
    actor, subject = (name[:_SHOWN] if name else "-" for name in (entry.actor, entry.subject))
    return (
        str(entry.seq),
        entry.at[:_TO_THE_SECOND],
        entry.action,
        outcome,
        actor,
        ",".join(entry.roles) or "-",
        subject,
    )
