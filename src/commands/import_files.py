"""``import``: events and answers from files."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import click

from ..config import Settings
from ..errors import CommandFailed, Refused
from ..importing.importer import Report, import_records
from ..importing.records import Records, read_events
from ..importing.rejects import Rejects, rejects_path
from ..importing.responses import days_to_shift, read_responses
from ..importing.sources import STDIN, Source, open_source, rewind
from ..resources import Resources, open_dry_run, open_resources
from .terminal import day_option, json_option, print_json, progress, read_settings, record


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--format",
    "form",
    type=click.Choice(["events", "responses"]),
    default="events",
    show_default=True,
    help="Events as JSON lines, a JSON array or CSV; responses as CSV.",
)
@click.option("--dry-run", is_flag=True, help="Report what would happen and change nothing.")
@click.option("--ending", type=day_option, default=None, help="Responses: move each file so that it ends on this day.")
@click.option("--rejected", type=click.Path(path_type=Path), default=None, help="Where to keep what is not taken.")
@json_option
def command(
    files: tuple[str, ...],
    form: str,
    ending: datetime | None,
    rejected: Path | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Import each FILE, plain or gzip; - is standard input.

    Every event is counted once: a second import changes nothing, and one that was broken off is run again. What cannot
    be taken is kept in DATA_DIR/rejected with its reasons, ready to be mended and imported.
    """
    if ending is not None and form != "responses":
        message = "--ending is for --format responses"
        raise click.UsageError(message)
    settings = read_settings()
    job = _Job(settings, form, ending.date() if ending else None, rejected)
    reports = asyncio.run(job.run(files, dry_run=dry_run))
    _show(reports, dry_run=dry_run, as_json=as_json)
    if any(report.failed for report in reports):
        raise click.exceptions.Exit(1)


@dataclass(frozen=True, slots=True)
class _Job:
    """What to do with each file."""

    settings: Settings
    form: str
    ending: date | None
    rejected: Path | None

    async def run(self, files: tuple[str, ...], *, dry_run: bool) -> list[Report]:
        opener = open_dry_run if dry_run else open_resources
        async with opener(self.settings) as resources:
            return [await self._import(resources, file) for file in files]

    async def _import(self, resources: Resources, file: str) -> Report:
        report = Report("standard input" if file == STDIN else file)
        try:
            with open_source(file, rewindable=self.ending is not None) as opened:
                source, found = self._read(opened)
                path = self.rejected or rejects_path(self.settings.data_dir, file)
                with Rejects(path, found.frame) as rejects, _bar(source) as advance:
                    service = resources.mastery
                    await import_records(service, found.records, report=report, rejects=rejects, advance=advance)
            await record(resources, "events.import", records=report.records)
        except (CommandFailed, Refused) as error:
            report.error = str(error)
        return report

    def _read(self, source: Source) -> tuple[Source, Records]:
        if self.form == "events":
            return source, read_events(source.content, source.name)
        if self.ending is None:
            return source, read_responses(source.content, source.name)
        shift = days_to_shift(source.content, source.name, self.ending)
        again = rewind(source)
        return again, read_responses(again.content, again.name, shift)


@contextmanager
def _bar(source: Source) -> Iterator[Callable[[int], None]]:
    """Show how far the reading is; yields what is to be told of every batch."""
    with progress("records") as bar:
        task = bar.add_task(f"Importing {source.name}", total=source.size, rate=0)
        done = 0

        def advance(records: int) -> None:
            nonlocal done
            done += records
            elapsed = bar.tasks[task].elapsed or 0
            bar.update(task, completed=source.position(), rate=done / elapsed if elapsed else 0)

        yield advance


def _show(reports: list[Report], *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json({"dry_run": dry_run, "files": [report.shown() for report in reports]})
        return
    for report in reports:
        shown = report.shown()
        counts = ", ".join(f"{shown[name]:,} {name}" for name in _COUNTS if shown[name] or name in _ALWAYS)
        click.echo(
            f"{report.file}: {report.records:,} records: {counts}" + (" (nothing was changed)" if dry_run else "")
        )
        for line, reasons in report.rejected:
            told = "; ".join(f"{field}: {reason}" if field else reason for field, reason in reasons)
            click.echo(f"  line {line}: {told}", err=True)
        if report.error is not None:
            click.echo(f"Error: {report.error}", err=True)
        if report.rejected_file is not None:
            click.echo(f"  All that was not taken, with reasons by line, is kept in {report.rejected_file}", err=True)


_ALWAYS = ("accepted", "duplicate", "expired", "invalid")
_COUNTS = (*_ALWAYS, "conflict", "refused", "queued")
