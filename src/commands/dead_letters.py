"""``dead-letters``: records that could not be applied, to look at and to deal with."""

from collections.abc import Awaitable, Callable
from typing import Any, BinaryIO, TypeVar
from uuid import uuid4

import click
import msgspec
from rich.table import Table
from rich.text import Text

from ..dead_letter_answers import HandlingAnswer, LetterAnswer, LetterContent, LettersAnswer, LetterSummary
from ..dead_letter_service import DeadLetterService
from ..errors import CommandFailed
from ..event_validator import decode
from ..observability import correlation_id
from ..resources import Resources
from .terminal import console, json_option, print_json, read_settings, record, with_resources

BY = "command line"
"""Who did it, where no token says so."""

_T = TypeVar("_T")


@click.group(name="list")
def command() -> None:
    """Look at records that could not be applied, and deal with them.

    A record is named by its partition and offset in mastery.dlq, as in 0-17. Without Kafka there are none.
    """


@command.command(name="list")
@click.option("--reason", default=None, help="Only those buried for this reason: invalid or conflict.")
@click.option("--open", "only_open", is_flag=True, help="Leave out what was replayed or discarded.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="Entries a page.")
@click.option("--cursor", default=None, help="Go on where the page before ended.")
@json_option
def list_(reason: str | None, limit: int, cursor: str | None, *, only_open: bool, as_json: bool) -> None:
    """List the dead letters that the topic keeps, newest first."""

    def work(service: DeadLetterService) -> Awaitable[LettersAnswer]:
        return service.list(limit=limit, cursor=cursor, reason=reason, only_open=only_open)

    answer = _with_service(work, "list")
    if as_json:
        print_json(answer)
        return
    if not answer.dead_letters and answer.next is None:
        click.echo("There are no dead letters.")
        return
    table = Table("Id", "Buried", "Reason", "Event", "Errors", "Handled")
    for letter in answer.dead_letters:
        table.add_row(*map(_plain, _row(letter)))
    console().print(table)
    if answer.next is not None:
        click.echo(f"There may be more: --cursor {answer.next}", err=True)


@command.command()
@click.argument("letter_id", metavar="ID")
@json_option
def show(letter_id: str, *, as_json: bool) -> None:
    """Show the dead letter ID with all that it holds."""
    answer = _with_service(lambda service: service.show(letter_id), "show", letter_id)
    if as_json:
        print_json(answer)
    else:
        _show(answer)


@command.command()
@click.argument("letter_id", metavar="ID")
@click.option("--event", "file", type=click.File("rb"), default=None, help="The corrected event, JSON; - for stdin.")
@json_option
def replay(letter_id: str, file: BinaryIO | None, *, as_json: bool) -> None:
    """Send the event of the dead letter ID again, as it was or corrected.

    It is counted once. A dead letter is replayed once; a second time changes nothing.
    """
    corrected = None if file is None else _event(file)
    answer = _with_service(lambda service: service.replay(letter_id, by=BY, corrected=corrected), "replay", letter_id)
    _tell(answer, as_json=as_json)


@command.command()
@click.argument("letter_id", metavar="ID")
@click.option("--reason", required=True, help="Why; 1 to 500 characters.")
@json_option
def discard(letter_id: str, reason: str, *, as_json: bool) -> None:
    """Put the dead letter ID aside for good."""
    answer = _with_service(lambda service: service.discard(letter_id, by=BY, reason=reason), "discard", letter_id)
    _tell(answer, as_json=as_json)


def _with_service(work: Callable[[DeadLetterService], Awaitable[_T]], action: str, letter_id: str | None = None) -> _T:
    """Do something with the dead letters, and record it under the same word as the route that does the same."""

    async def run(resources: Resources) -> _T:
        correlation_id.set(uuid4().hex)  # what is sent to Kafka carries it
        answer = await work(resources.dead_letters)
        facts = {} if letter_id is None else {"letter_id": letter_id}
        await record(resources, f"dead-letters.{action}", **facts)
        return answer

    return with_resources(read_settings(), run)


def _event(file: BinaryIO) -> dict[str, Any]:
    content = decode(file.read())
    if not isinstance(content, dict):
        message = "The corrected event must be an object."
        raise CommandFailed(message)
    return content


def _tell(answer: HandlingAnswer, *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    handled = answer.handled
    became = f", the event is {handled.status}" if handled.status is not None else ""
    before = " before; nothing was done now" if answer.repeated else ""
    click.echo(f"{answer.id} was {handled.action} at {handled.at} by {handled.by}{became}{before}.")


def _row(letter: LetterSummary) -> tuple[str, ...]:
    errors = "; ".join(f"{error.field or 'record'}: {error.reason}" for error in letter.errors)
    handled = "" if letter.handled is None else letter.handled.action
    return letter.id, letter.buried_at or "-", letter.reason or "-", letter.event_id or "-", errors, handled


def _show(answer: LetterAnswer) -> None:
    letter, out = answer.dead_letter, console()
    table = Table("", "", title=f"Dead letter {letter.id}", title_justify="left", show_header=False)
    for name, value in msgspec.to_builtins(letter).items():
        if name not in ("id", "errors"):
            table.add_row(name.replace("_", " "), _plain(_line(value)))
    table.add_row("key", _bytes(answer.key))
    table.add_row("value", _bytes(answer.value))
    out.print(table)
    table = Table("Field", "Reason", title="Errors", title_justify="left")
    for error in letter.errors:
        table.add_row(_plain(error.field or "record"), _plain(error.reason))
    out.print(table)
    table = Table("Header", "Value", title="Headers", title_justify="left")
    for header in answer.headers:
        table.add_row(_plain(header.name), _bytes(header.value))
    out.print(table)


def _line(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {part}" for name, part in value.items() if part is not None)
    return "-" if value is None else str(value)


def _bytes(content: LetterContent | None) -> Text:
    if content is None:
        return Text("-")
    return _plain(content.content if content.encoding == "utf-8" else f"{content.content} (base64)")


def _plain(text: str) -> Text:
    """Return text of somebody else's making for a terminal: no markup, no control characters."""
    shown = (character if character.isprintable() else repr(character)[1:-1] for character in text)
    return Text("".join(shown))
