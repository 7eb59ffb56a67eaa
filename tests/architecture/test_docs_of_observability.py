"""docs/observability.md tells of every metric and every line of the log, and of none that does not exist."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from src.observability import Metrics

from .markdown import ROOT, code, read, section, table

OBSERVABILITY = read("docs/observability.md")


def test_every_metric_is_documented_with_its_type_and_labels_and_no_other() -> None:
    documented = {(code(name)[0], kind, *code(labels)) for name, kind, labels, _ in table(OBSERVABILITY, "metric")}
    assert documented == set(exposed(Metrics()))


def exposed(metrics: Metrics) -> Iterator[tuple[str, ...]]:
    """Yield (name, type, labels…) of every metric, as Prometheus shows it."""
    for collector in metrics.registry._collector_to_names:  # noqa: SLF001  # labels of a metric without series are nowhere else
        [family] = collector.describe() if hasattr(collector, "describe") else collector.collect()
        suffix = "_total" if family.type == "counter" else ""
        yield (f"{family.name}{suffix}", family.type, *getattr(collector, "_labelnames", ()))


class Line(NamedTuple):
    """A line of the log: what it says, how severe it is, who says it, and its fields."""

    message: str
    level: str
    logger: str
    fields: frozenset[str]


LEVELS = {
    "debug": "DEBUG",
    "info": "INFO",
    "warning": "WARNING",
    "exception": "ERROR",
    "error": "ERROR",
    "critical": "CRITICAL",
}


def keys(node: ast.expr, function: ast.FunctionDef | ast.AsyncFunctionDef) -> frozenset[str]:
    """Return the keys of a dictionary, written in its place or assigned to a name in the same function."""
    if isinstance(node, ast.Name):
        assigned = [found for found in ast.walk(function) if isinstance(found, ast.Assign)]
        [node] = [found.value for found in assigned if ast.unparse(found.targets[0]) == node.id]
    assert isinstance(node, ast.Dict), ast.unparse(node)
    return frozenset(ast.literal_eval(key) for key in node.keys if key)


def lines_of(path: Path) -> Iterator[Line]:
    """Yield the lines that a module writes to the log."""
    text = path.read_text(encoding="utf-8")
    loggers = dict(re.findall(r'^(\w+) = logging\.getLogger\("(\S+)"\)', text, re.MULTILINE))
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for function in functions:
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                logger = loggers.get(ast.unparse(node.func.value))
                if logger is not None:
                    extra = [keyword.value for keyword in node.keywords if keyword.arg == "extra"]
                    fields = keys(extra[0], function) if extra else frozenset[str]()
                    yield Line(ast.literal_eval(node.args[0]), LEVELS[node.func.attr], logger, fields)


def written_lines() -> list[Line]:
    """Return the lines that the service writes to the log."""
    return [line for path in sorted((ROOT / "src").rglob("*.py")) for line in lines_of(path)]


def test_every_line_of_the_log_is_documented_with_its_fields_and_no_other() -> None:
    rows = table(section(OBSERVABILITY, "## Logs"), "line")
    documented = {
        Line(code(line)[0], code(level)[0], code(logger)[0], frozenset(code(fields)))
        for line, level, logger, fields, _ in rows
    }
    assert documented == set(written_lines())


def test_every_line_of_the_log_begins_with_a_marker_word() -> None:
    assert all(re.match(r"[A-Z]+ ", line.message) for line in written_lines())
