"""The operations guide, cut into what a test can prove: commands, bullets, rows, sentences.

The guide lies beside the repository and is no part of it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

GUIDE = Path(__file__).parents[3] / "shared" / "guide" / "troubleshooting.md"

_SECTION = re.compile(r"^## (?:(\d+)\. )?(.+)$")
_FENCE = re.compile(r"^\s*```")
_HEADING_LIKE = re.compile(r"^(\*\*[^*]+\*\*:?|[^*`]+:)$")
_NAME = re.compile(r"`([^`]+)`|\b(\w+\.(?:py|yaml|txt))\b")


@dataclass(frozen=True, slots=True)
class Passage:
    """One thing that the guide says: the section that says it (its number, else its title), and its words."""

    section: str
    text: str

    @property
    def names(self) -> list[str]:
        """Return what it names: code, and files."""
        return [code or file for code, file in _NAME.findall(self.text)]


def passages(text: str) -> list[Passage]:
    """Return everything that the guide says, in its order."""
    return [Passage(section, squeezed(said)) for section, said in _cut(text.splitlines())]


def squeezed(text: str) -> str:
    """Return a text with single spaces, as quotations are compared."""
    return re.sub(r"[\s\\]+", " ", text).strip()


def _cut(lines: list[str]) -> Iterator[tuple[str, str]]:
    section, rows = "", 0
    block: list[str] | None = None
    for line in lines:
        found = _SECTION.match(line)
        if block is not None:
            if not _FENCE.match(line):
                block.append(line)
                continue
            yield from ((section, part) for part in _parts(block))
            block = None
        elif _FENCE.match(line):
            block = []
        elif found:
            section = found[1] or found[2]
        elif line.startswith("|"):
            rows += 1
            if rows > 2:  # the names of the columns, and the line below them
                yield section, line.strip("| ")
        elif section and _says_something(line):
            yield section, line.strip().removeprefix("- ")


def _says_something(line: str) -> bool:
    text = line.strip()
    return (
        bool(text) and not text.startswith(("###", "---", "*This")) and not _HEADING_LIKE.match(text.removeprefix("- "))
    )


def _parts(block: list[str]) -> Iterator[str]:
    """Cut a block at its empty lines, and what consists of comments only line by line."""
    for part in re.split(r"\n\s*\n", "\n".join(block)):
        lines = [line.strip() for line in part.splitlines() if line.strip()]
        if all(line.startswith("#") for line in lines):
            yield from lines
        else:
            yield part
