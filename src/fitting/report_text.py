"""The report as Markdown, for people."""

from collections.abc import Iterable, Sequence

from .measures import Measures
from .report import Compared, Part, Report

MOST_SKILLS = 40
"""So many skills, the most practised, stand in the text; the JSON has all."""


_HOW = (
    "Each student was scored by a model like this one that was fitted on other students, each answer from the same "
    "student's earlier answers alone, by the function that serves."
)


def markdown(report: Report, pictures: tuple[str, str]) -> str:
    """Return the report as Markdown; the pictures are named by their files."""
    model = report.compared[0]
    sections = [
        f"# Learner model {report.model_id}",
        _fitted(report),
        _HOW,
        "## Measures",
        _table(
            ("", "AUC, mean of folds", "of each fold", "log loss", "RMSE", "calibration error"),
            map(_compared, report.compared),
        ),
        *(f"{name} is left out: {why}." for name, why in report.left_out.items()),
        "## Calibration",
        f"![Reliability]({pictures[0]})",
        _bins(model.pooled),
        "## Learning curve",
        f"![Learning curve]({pictures[1]})",
        _parts("answers on the same skills before", report.by_practice),
        "## By the length of the history",
        _parts("answers before", report.by_place),
        "## By skill",
        _parts("skill", report.by_skill[:MOST_SKILLS]),
        *([f"{len(report.by_skill) - MOST_SKILLS} more are in the JSON."] * (len(report.by_skill) > MOST_SKILLS)),
    ]
    return "\n\n".join(sections) + "\n"


def _fitted(report: Report) -> str:
    about = report.about
    days = f", {about['first_day']} to {about['last_day']}" if about["first_day"] else ""
    return (
        f"Fitted {report.fitted_at} on {', '.join(map(_cell, report.fitted_from))}: {about['answers']:,} answers of "
        f"{about['students']:,} students{days}; {about['skills']:,} skills, {about['items']:,} items; "
        f"{about['right'] / about['answers']:.1%} right. Digest of the answers: `{about['data']}`."
    )


def _compared(one: Compared) -> tuple[str, ...]:
    pooled, folds = one.pooled, " ".join(map(_auc, one.aucs))
    loss, rmse, error = (f"{value:.4f}" for value in (pooled.log_loss, pooled.rmse, pooled.calibration_error))
    return one.name, _auc(one.auc), folds, loss, rmse, error


def _bins(measures: Measures) -> str:
    rows = ((f"{one.answers:,}", f"{one.predicted:.4f}", f"{one.right:.4f}") for one in measures.bins)
    return _table(("answers", "mean probability", "share right"), rows)


def _parts(what: str, parts: Iterable[Part]) -> str:
    rows = (
        (_cell(one.name), f"{one.answers:,}", f"{one.predicted:.3f}", f"{one.right:.3f}", _auc(one.auc))
        for one in parts
    )
    return _table((what, "answers", "mean probability", "share right", "AUC"), rows)


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _auc(auc: float | None) -> str:
    return "-" if auc is None else f"{auc:.4f}"


def _cell(text: str) -> str:
    """Return text of a file so that it stays within its cell and is taken for nothing but text."""
    plain = "".join(one if one.isprintable() else "?" for one in text)
    return f"`{plain.replace('`', '?').replace('|', '?')}`"
