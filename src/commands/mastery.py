"""``mastery``: where a student stands, at the terminal."""

from datetime import datetime
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from ..resources import Resources
from .terminal import console, day_option, json_option, print_json, read_settings, record, with_resources

SHOWN_CONTRIBUTIONS = 15
CHART_ROWS = 8
_BAR = 20
_BLOCKS = " ▁▂▃▄▅▆▇█"


@click.command()
@click.argument("student")
@click.option("--as-of", type=day_option, default=None, help="At the end of this day; today when not given.")
@click.option("--explain", is_flag=True, help="What the score is made of, and what would raise it.")
@click.option("--history", is_flag=True, help="The last thirty days, with a chart at a terminal.")
@json_option
def command(student: str, as_of: datetime | None, *, explain: bool, history: bool, as_json: bool) -> None:
    """Print where STUDENT stands, as a whole and in each topic."""
    day = None if as_of is None else as_of.date()

    async def work(resources: Resources) -> dict[str, Any]:
        await record(resources, "students.mastery", subject=student)
        service = resources.mastery
        answers = {"mastery": await service.mastery(student, as_of=day)}
        if explain:
            answers["explanation"] = await service.explanation(student, as_of=day)
        if history:
            answers["history"] = await service.history(student, last=day)
        return {name: msgspec.json.decode(answer.body) for name, answer in answers.items()}

    answers = with_resources(read_settings(), work)
    mastery = answers.pop("mastery")
    if as_json:
        print_json(mastery | answers)
        return
    out = console()
    _show_mastery(out, mastery)
    if explain:
        _show_explanation(out, answers["explanation"])
    if history:
        _show_history(out, answers["history"]["points"])


def _show_mastery(out: Console, mastery: dict[str, Any]) -> None:
    out.print(f"\n[bold]{mastery['student_id']}[/bold] as of {mastery['as_of']}: {_verdict(mastery)}")
    if not mastery["complete"]:
        out.print(f"Evidence before {mastery['evidence_from']} is no longer kept.")
    if mastery["score"] is None:
        return
    table = Table("Component", "Score", "", "Confidence", "Weight", title="Components", title_justify="left")
    for name, value in mastery["components"].items():
        if value is None:
            table.add_row(name, "missing", "", "", "")
        else:
            weight = f"{value['effective_weight']:.0%}"
            table.add_row(name, f"{value['score']:.3f}", _bar(value["score"]), f"{value['confidence']:.2f}", weight)
    out.print(table)
    if mastery["topics"]:
        table = Table("Topic", "Score", "", "Confidence", "Level", title="Topics", title_justify="left")
        for topic in mastery["topics"]:
            row = topic["topic"], _score(topic["score"]), _bar(topic["score"]), f"{topic['confidence']:.2f}"
            table.add_row(*row, topic["level"] or topic["status"].replace("_", " "))
        out.print(table)


def _verdict(standing: dict[str, Any]) -> str:
    if standing["score"] is None:
        return "no evidence"
    level = standing["level"] or "too little evidence for a level"
    return f"{standing['score']:.3f}, {level} (confidence {standing['confidence']:.2f})"


def _show_explanation(out: Console, explanation: dict[str, Any]) -> None:
    contributions = explanation["contributions"]
    table = Table("Points", "Component", "Topic", "Day", title="What the score is made of", title_justify="left")
    for part in contributions[:SHOWN_CONTRIBUTIONS]:
        table.add_row(f"{part['value']:.6f}", part["component"], part["topic"] or "-", part["day"])
    rest = contributions[SHOWN_CONTRIBUTIONS:]
    if rest:
        table.add_row(f"{sum(part['value'] for part in rest):.6f}", f"{len(rest)} smaller parts", "", "")
    table.add_section()
    table.add_row(_score(explanation["score"], 6), "together", "", "")
    out.print(table)
    table = Table("Gain", "Component", "Topic", "By", title="What would raise it most", title_justify="left")
    for gain in explanation["improvements"][:SHOWN_CONTRIBUTIONS]:
        action = gain["action"].replace("_", " ")
        table.add_row(f"+{gain['gain']:.4f}", gain["component"], gain["topic"] or "-", action)
    out.print(table)


def _show_history(out: Console, points: list[dict[str, Any]]) -> None:
    if out.is_terminal:
        _show_chart(out, points)
    table = Table("Day", "Score", "", "Confidence", "Level", title="History", title_justify="left")
    for point in points:
        row = point["date"], _score(point["score"]), _bar(point["score"]), f"{point['confidence']:.2f}"
        table.add_row(*row, point["level"] or point["status"].replace("_", " "))
    out.print(table)


def _show_chart(out: Console, points: list[dict[str, Any]]) -> None:
    """Draw two columns a day, as high as the score in eighths of a line."""
    heights = [round((point["score"] or 0) * CHART_ROWS * 8) for point in points]
    for row in reversed(range(CHART_ROWS)):
        label = f"{(row + 1) / CHART_ROWS:4.0%}" if row % 2 else "    "
        line = "".join(_BLOCKS[min(8, max(0, height - row * 8))] * 2 for height in heights)
        out.print(f"{label} │{line}")
    out.print(f"     └{'──' * len(points)}\n      {points[0]['date']} … {points[-1]['date']}")


def _score(score: float | None, decimals: int = 3) -> str:
    return "-" if score is None else f"{score:.{decimals}f}"


def _bar(score: float | None) -> str:
    return "" if score is None else "█" * round(score * _BAR)
