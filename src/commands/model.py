"""``model``: the learner model, fitted, measured, looked at, and put to use."""

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.table import Table

from ..adapters.model_files import ModelFiles
from ..domain.learner import LearnerModel
from ..errors import CommandFailed, ModelInvalid
from ..fitting.answers import MOST_ANSWERS, Answer, Read, Students, collect, ordered, read_answers
from ..fitting.charts import learning, reliability
from ..fitting.fit import Advance, fit, material
from ..fitting.measures import Measures, measure
from ..fitting.report import FOLDS, Report, cross_validate, report
from ..fitting.report_text import markdown
from ..fitting.scoring import score
from ..importing.sources import Source, open_source, rewind
from ..model_artefact import read_artefact, write_artefact
from ..model_service import ModelsAnswer
from ..resources import Resources
from .terminal import console, json_option, print_json, progress, read_settings, record, with_resources

STORE = "the store"


@click.group()
def command() -> None:
    """Fit the learner model, measure it, look at what was fitted, and have it predict."""


@command.command(name="fit")
@click.argument("files", nargs=-1, metavar="FILE...")
@click.option("--from-store", is_flag=True, help="Fit on the windows of answers that are stored.")
@click.option(
    "--no-report", is_flag=True, help="Do not measure the model on students left out: saves most of the time."
)
@json_option
def fit_(files: tuple[str, ...], *, from_store: bool, no_report: bool, as_json: bool) -> None:
    """Fit a model on response files, or on what is stored, and write it into DATA_DIR/models with its report.

    The same answers give the same model, whatever the order of files and rows. It serves once it is activated.
    """
    if bool(files) == from_store:
        message = "Give either files or --from-store."
        raise click.UsageError(message)
    settings = read_settings()
    students = with_resources(settings, _stored) if from_store else _read_all(files)
    answers = material(students)
    sources = (STORE,) if from_store else tuple(sorted(Path(file).name for file in files))
    with _bar("Fitting") as advance:
        content = fit(answers, advance)
    fitted_at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    model_id, data = write_artefact(content, fitted_at, sources)
    models = ModelFiles(settings.data_dir)
    path = models.write(model_id, data)
    click.echo(f"Fitted {model_id} on {answers.total:,} answers of {len(answers.students):,} students", err=True)
    if students.left_out:
        click.echo(f"{len(students.left_out):,} more students were left out: too many answers to hold", err=True)
    told = None
    if not no_report and len(answers.students) >= FOLDS:
        with _bar("Measuring") as advance:
            told = report(model_id, fitted_at, sources, content.about, cross_validate(answers, advance))
        _write_report(models, told)
    elif not no_report:
        click.echo(f"There is no report: it takes at least {FOLDS} students.", err=True)
    _show_fitted(read_artefact(data), path, told, as_json=as_json)


@command.command()
@click.argument("file", metavar="FILE")
@click.option("--predictions", type=click.Path(path_type=Path), default=None, help="Write the rows with a probability.")
@click.option("--model", "model_id", default=None, metavar="ID", help="Instead of the model fitted last.")
@json_option
def evaluate(file: str, predictions: Path | None, model_id: str | None, *, as_json: bool) -> None:
    """Score the answers of a response file, each from the same student's earlier answers alone.

    This is the function that serves. The figures mean something for students that the model was not fitted on.
    """
    model = find_model(ModelFiles(read_settings().data_dir), model_id)
    with open_source(file, rewindable=predictions is not None) as source:
        students = _read(source, Students(sys.maxsize))
        chances, right = _score(model, students)
        if not right:
            message = f"{source.name} holds no answers."
            raise CommandFailed(message)
        if predictions is not None:
            _write_predictions(rewind(source), predictions, chances)
    measures = measure([chances[key] for key in right], list(right.values()))
    if as_json:
        print_json({"model": model.model_id, "students": len(students.answers), "measures": measures})
        return
    _show_measures(model.model_id, measures)


@command.command()
@click.argument("model", required=False, metavar="[ID]")
@json_option
def show(model: str | None, *, as_json: bool) -> None:
    """Print what a model was fitted on and how good it is; without an ID of the one fitted last."""
    models = ModelFiles(read_settings().data_dir)
    found = find_model(models, model)
    written = models.read_report(found.model_id, ".json")
    told = None if written is None else msgspec.json.decode(written, type=Report)
    _show_fitted(found, models.path(found.model_id), told, as_json=as_json)


@command.command()
@click.argument("model", required=False, metavar="[ID]")
@json_option
def activate(model: str | None, *, as_json: bool) -> None:
    """Have a model predict from now on, without an ID the one fitted last.

    It is put into the store, and every process of the service has it within seconds, without a restart.
    """
    settings = read_settings()
    model_id = model or find_model(ModelFiles(settings.data_dir), None).model_id

    async def work(resources: Resources) -> ModelsAnswer:
        answer = await resources.models.activate(model_id)
        await record(resources, "models.activate", model=model_id)
        return answer

    _show_active(with_resources(settings, work), as_json=as_json)


@command.command()
@json_option
def rollback(*, as_json: bool) -> None:
    """Have the model predict that did before the active one; before the first there was none."""

    async def work(resources: Resources) -> ModelsAnswer:
        answer = await resources.models.roll_back()
        await record(resources, "models.rollback", model=answer.active)
        return answer

    _show_active(with_resources(read_settings(), work), as_json=as_json)


def find_model(models: ModelFiles, model_id: str | None) -> LearnerModel:
    """Return a model of DATA_DIR, the newest where none is named; raises ``CommandFailed`` where there is none."""
    model_id = model_id or next(iter(models.ids()), None)
    if model_id is None:
        message = "There is no model yet: fit one with model fit FILE."
        raise CommandFailed(message)
    data = models.read(model_id)
    if data is None:
        message = "There is no such model in DATA_DIR/models."
        raise CommandFailed(message)
    try:
        return read_artefact(data)
    except ModelInvalid as why:
        message = f"The model {model_id} {why}."
        raise CommandFailed(message) from None


async def _stored(resources: Resources) -> Students:
    """Return the windows of answers of all students."""
    await record(resources, "models.fit")
    students = Students()
    async for student_id in resources.state.students():
        for outcome in await resources.state.answers(student_id):
            students.add(Answer(student_id, outcome, timed=True))
    return students


def _read_all(files: tuple[str, ...]) -> Students:
    students = Students(MOST_ANSWERS)
    for file in files:
        with open_source(file) as source:
            _read(source, students)
    return students


def _read(source: Source, students: Students) -> Students:
    """Add the answers of a file; of the rows that hold none the first are told on standard error."""
    with _bar(f"Reading {source.name}") as advance:

        def watched() -> Iterator[Read]:
            for number, row in enumerate(read_answers(source.content, source.name)):
                if number % 1000 == 0 and source.size:
                    advance(f"Reading {source.name}", source.position() / source.size)
                yield row

        refused = collect(watched(), students)
    for read in refused.first:
        told = "; ".join(f"{field}: {reason}" if field else reason for field, reason in read.reasons)
        click.echo(f"  line {read.line}: {told}", err=True)
    if refused.number:
        click.echo(f"{source.name}: {refused.number:,} rows were not taken", err=True)
    return students


def _score(model: LearnerModel, students: Students) -> tuple[dict[str, float], dict[str, int]]:
    """Return by event id how probable each answer was to be right, and whether it was."""
    chances: dict[str, float] = {}
    right: dict[str, int] = {}
    with _bar("Scoring") as advance:
        for own in map(ordered, students.answers.values()):
            for outcome, chance in zip(own, score(model, own), strict=True):
                chances[outcome.event_id] = chance
                right[outcome.event_id] = int(outcome.success)
            advance("Scoring", len(right) / students.total)
    return chances, right


def _write_predictions(source: Source, path: Path, chances: dict[str, float]) -> None:
    """Write the rows that hold answers with all their columns, and the probability."""
    with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        columns: list[str] = []
        for read in read_answers(source.content, source.name):
            if read.row is None or read.answer is None:
                continue
            if not columns:
                columns = [name for name in read.row if name != "probability"]
                out.writerow([*columns, "probability"])
            out.writerow([*(read.row[name] for name in columns), chances[read.answer.outcome.event_id]])


def _write_report(models: ModelFiles, told: Report) -> None:
    model = told.compared[0].pooled
    names = [part.name for part in told.by_practice]
    right, predicted = ([getattr(part, name) for part in told.by_practice] for name in ("right", "predicted"))
    pictures = {
        ".reliability.svg": reliability([(one.predicted, one.right) for one in model.bins]),
        ".learning.svg": learning(names, right, predicted),
    }
    paths = [models.write_report(told.model_id, suffix, text.encode()) for suffix, text in pictures.items()]
    models.write_report(told.model_id, ".json", msgspec.json.format(msgspec.json.encode(told)))
    text = markdown(told, (paths[0].name, paths[1].name))
    path = models.write_report(told.model_id, ".md", text.encode())
    click.echo(f"The report is in {path}", err=True)


def _show_fitted(model: LearnerModel, path: Path, told: Report | None, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "id": model.model_id,
                "file": str(path),
                "fitted_at": model.fitted_at,
                "fitted_from": model.fitted_from,
                "about": model.about,
                "compared": None if told is None else told.compared,
            }
        )
        return
    about: dict[str, Any] = {
        "file": path,
        "fitted": f"{model.fitted_at} on {', '.join(model.fitted_from)}",
        **{name: f"{model.about[name]:,}" for name in ("answers", "students", "skills", "items")},
    }
    out = console()
    out.print(f"[bold]{model.model_id}[/bold]")
    for name, value in about.items():
        out.print(f"  {name:<9} {value}", markup=False, soft_wrap=True)
    if told is not None:
        table = Table("On students left out", "AUC", "Log loss", "RMSE", "Calibration error")
        for one in told.compared:
            table.add_row(one.name, *_figures(one.auc, one.pooled))
        out.print(table)


def _show_active(answer: ModelsAnswer, *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    click.echo(f"active: {answer.active or 'none, predictions are smoothed rates'}")
    click.echo(f"before: {answer.previous or 'none'}")


def _show_measures(model_id: str, measures: Measures) -> None:
    out = console()
    out.print(f"{measures.answers:,} answers, {measures.right:.1%} right, scored by {model_id}")
    table = Table("AUC", "Log loss", "RMSE", "Calibration error")
    table.add_row(*_figures(measures.auc, measures))
    out.print(table)
    table = Table("Answers", "Mean probability", "Share right", title="Calibration", title_justify="left")
    for one in measures.bins:
        table.add_row(f"{one.answers:,}", f"{one.predicted:.4f}", f"{one.right:.4f}")
    out.print(table)


def _figures(auc: float | None, pooled: Measures) -> list[str]:
    rest = (pooled.log_loss, pooled.rmse, pooled.calibration_error)
    return ["-" if auc is None else f"{auc:.4f}", *(f"{value:.4f}" for value in rest)]


@contextmanager
def _bar(what: str) -> Iterator[Advance]:
    """Show what is being done and how far it is."""
    with progress("steps") as bar:
        task = bar.add_task(what, total=1.0, rate=0)

        def advance(told: str, part: float) -> None:
            bar.update(task, description=told, completed=part)

        yield advance
