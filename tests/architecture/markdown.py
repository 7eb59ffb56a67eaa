"""Reading the project's Markdown: files, sections, tables, links and examples."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`]+)`")
_CELL_END = re.compile(r"(?<!\\)\|")


class Example(NamedTuple):
    """A command as one would type it, and what is printed."""

    command: str
    output: str


def documents() -> list[Path]:
    """Return the Markdown files of the project."""
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def read(path: str) -> str:
    """Return the text of a document."""
    return (ROOT / path).read_text(encoding="utf-8")


def prose(text: str) -> str:
    """Return a document without its code blocks."""
    return _FENCE.sub("", text)


def section(text: str, heading: str) -> str:
    """Return what stands under a heading, up to the next of the same or a higher rank."""
    marks = heading.split(" ", 1)[0]
    _, found, rest = text.partition(f"\n{heading}\n")
    assert found, f"no heading {heading}"
    return re.split(rf"^#{{1,{len(marks)}}} ", prose(rest), maxsplit=1, flags=re.MULTILINE)[0]


def table(text: str, first_column: str) -> list[list[str]]:
    """Return the rows of the tables whose first column has this name, each cell as it is written."""
    rows: list[list[str]] = []
    inside = False
    for line in prose(text).splitlines():
        cells = [cell.strip().replace("\\|", "|") for cell in _CELL_END.split(line)[1:-1]]
        if cells and cells[0] == first_column:
            inside = True
        elif not cells:
            inside = False
        elif inside and set("".join(cells)) - set("-: "):
            rows.append(cells)
    assert rows, f"no table that begins with {first_column}"
    return rows


def code(cell: str) -> list[str]:
    """Return what is marked as code in a cell or a text."""
    return _CODE.findall(cell)


def names(rows: Sequence[Sequence[str]], column: int = 0) -> list[str]:
    """Return the one name marked as code in a column of each row."""
    found = []
    for row in rows:
        [name] = code(row[column])
        found.append(name)
    return found


def headings(text: str) -> list[str]:
    """Return the headings of a document."""
    return _HEADING.findall(prose(text))


def links(text: str) -> list[str]:
    """Return the targets of the links of a document."""
    return _LINK.findall(prose(text))


def anchor(heading: str) -> str:
    """Return the name under which a heading is linked to."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def examples(text: str) -> Iterator[Example]:
    """Yield the commands in the console blocks of a document, each with what it prints."""
    for block in _CONSOLE.findall(text):
        for piece in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, output = _split(piece)
            yield Example(command, output)


def _split(piece: str) -> tuple[str, str]:
    """Part the lines of a command (continued by a backslash, or marked as a continuation by >) from its output."""
    lines = piece.splitlines()
    end = 1
    while lines[end - 1].endswith("\\") or (end < len(lines) and lines[end].startswith("> ")):
        end += 1
    command = "\n".join(line.removeprefix("> ") for line in lines[:end])
    return command, "\n".join(lines[end:]).strip()
