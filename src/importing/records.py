"""What a file holds, record by record: JSON lines, a JSON array, or CSV; each with its place and its very bytes."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..errors import CommandFailed, InvalidJSON, Reason
from ..event_validator import decode

MAX_RECORD = 1_048_576
"""The longest record that is read, in bytes."""

_CHUNK = 65_536
_ENVELOPE = ("event_id", "event_type", "student_id", "timestamp", "topic", "source")
_TEXT = frozenset({"exercise_id", "quiz_id", "error_type", "message_kind", "difficulty"})


class Record(NamedTuple):
    """One record: its first line, its bytes, and either the event in it or the reasons why there is none."""

    line: int
    raw: bytes
    event: object
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around and between the records of a file, to write some of them to another."""

    before: bytes = b""
    between: bytes = b""
    after: bytes = b""
    suffix: str = ".jsonl"


class Records(NamedTuple):
    """The records of a file, and how to write them down again."""

    frame: Frame
    records: Iterator[Record]


Row = dict[str, str]
RowReader = Callable[[Row], tuple[object, tuple[Reason, ...]]]


def read_events(content: io.BufferedReader, name: str) -> Records:
    """Return the events of a file in whatever form it is: a JSON array, JSON lines, or CSV with a header."""
    start = content.peek(4096)[:4096].lstrip()
    if not start:
        message = f"{name} is empty."
        raise CommandFailed(message)
    if start.startswith(b"["):
        return Records(Frame(b"[\n", b",\n", b"\n]\n", ".json"), _decoded(split_array(content, name)))
    if start.startswith(b"{"):
        return Records(Frame(), _decoded(split_lines(content)))
    return read_csv(content, name, ("event_id", "event_type", "student_id", "timestamp"), _event_from_row)


def read_csv(content: io.BufferedReader, name: str, required: tuple[str, ...], read: RowReader) -> Records:
    """Return the rows of a CSV file, each read by ``read``; raises ``CommandFailed`` where a column is missing."""
    lines = _Lines(io.TextIOWrapper(content, "utf-8-sig", "surrogateescape", newline=""))
    rows = csv.reader(lines)
    try:
        columns = next(rows, [])
    except csv.Error:
        columns = []
    missing = [column for column in required if column not in columns]
    if missing:
        what = "is empty" if not columns else f"is neither JSON nor CSV with the columns {', '.join(required)}"
        message = f"{name} {what}."
        raise CommandFailed(message)
    return Records(Frame(lines.taken(), suffix=".csv"), _rows(rows, lines, columns, read))


def split_lines(content: io.BufferedReader) -> Iterator[tuple[int, bytes]]:
    """Yield (line number, bytes) of every line that is not blank; of one too long its beginning, as one too long."""
    number = 0
    while line := content.readline(MAX_RECORD + 1):
        number += 1
        if line.strip():
            yield number, line
        while len(line) > MAX_RECORD and not line.endswith(b"\n"):
            line = content.readline(MAX_RECORD + 1)


_STRUCTURE = re.compile(rb'["\[\]{},]')
_IN_STRING = re.compile(rb'\\.|"', re.DOTALL)


def split_array(content: io.BufferedReader, name: str) -> Iterator[tuple[int, bytes]]:
    """Yield (line number, bytes) of every element of a JSON array, holding no more than one element at a time."""
    state = _ArrayState()
    while chunk := content.read1(_CHUNK):
        while chunk.endswith(b"\\") and (more := content.read(1)):
            chunk += more  # an escape is not cut in two
        yield from state.take(chunk)
        if len(state.element) > MAX_RECORD:
            message = f"{name} has an element longer than {MAX_RECORD} bytes in line {state.line}."
            raise CommandFailed(message)
    if not state.closed or state.element.strip():
        message = f"{name} is not one JSON array to its end; the elements before were imported."
        raise CommandFailed(message)


class _ArrayState:
    """Where in an array the reading is, and the element begun; ``line`` is the one in which that begins."""

    def __init__(self) -> None:
        self.element = bytearray()
        self.line = 1
        self.closed = False
        self._depth = 0
        self._in_string = False
        self._elements = 0

    def take(self, chunk: bytes) -> Iterator[tuple[int, bytes]]:
        start = at = 0
        while not self.closed and (match := (_IN_STRING if self._in_string else _STRUCTURE).search(chunk, at)):
            token, at = match[0], match.end()
            if self._in_string or token == b'"':
                self._in_string = self._in_string != (token == b'"')
                continue
            self._depth += (token in b"[{") - (token in b"]}")
            if token == b"[" and self._depth == 1:
                self.line += chunk.count(b"\n", start, at)
                start = at
            elif self._depth == (0 if token in b"]}" else 1) and token in b"]},":
                self.element += chunk[start : at - 1]
                start = at
                yield from self._finish(last=self._depth == 0)
        self.element += chunk[start:]

    def _finish(self, *, last: bool) -> Iterator[tuple[int, bytes]]:
        raw = bytes(self.element)
        piece = raw.strip()
        if piece or not last or self._elements:
            self._elements += 1
            yield self.line + raw[: len(raw) - len(raw.lstrip())].count(b"\n"), piece
        self.line += raw.count(b"\n")
        self.element.clear()
        self.closed = last


def _decoded(pieces: Iterator[tuple[int, bytes]]) -> Iterator[Record]:
    for line, raw in pieces:
        if len(raw) > MAX_RECORD:
            yield Record(line, raw, None, (Reason("", f"longer than {MAX_RECORD} bytes"),))
            continue
        try:
            yield Record(line, raw, decode(raw))
        except InvalidJSON as error:
            yield Record(line, raw, None, error.reasons)


class _Lines:
    """Text lines for the CSV reader, remembered so that a row can be written down as it was."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._taken: list[str] = []
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        """Yield the lines."""
        for line in self._text:
            self.number += 1
            self._taken.append(line)
            yield line

    def taken(self) -> bytes:
        """Return the lines that were read since the last call."""
        lines, self._taken = self._taken, []
        return "".join(lines).encode("utf-8", "surrogateescape")


def _rows(rows: Iterator[list[str]], lines: _Lines, columns: list[str], read: RowReader) -> Iterator[Record]:
    while True:
        first = lines.number + 1
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error:
            yield Record(first, lines.taken(), None, (Reason("", "not readable as CSV"),))
            continue
        raw = lines.taken()
        if not cells:
            continue
        if len(cells) != len(columns):
            yield Record(first, raw, None, (Reason("", f"must have {len(columns)} cells, as the header has"),))
        else:
            yield Record(first, raw, *read(dict(zip(columns, cells, strict=True))))


def _event_from_row(row: Row) -> tuple[object, tuple[Reason, ...]]:
    """Read a row whose columns are fields of the event or, all others, of its data; an empty cell is no field."""
    event: dict[str, Any] = {name: row[name] for name in _ENVELOPE if row.get(name)}
    if event.get("timestamp", "").lstrip("-").isdecimal():
        event["timestamp"] = int(event["timestamp"])
    data: dict[str, Any] = {}
    reasons = []
    for name, cell in row.items():
        if name in _ENVELOPE or not cell:
            continue
        try:
            data[name] = cell if name in _TEXT else decode(cell.encode("utf-8", "surrogateescape"))
        except InvalidJSON:
            reasons.append(Reason(f"data.{name}", "must be a number, true, false or JSON"))
    return event | {"data": data}, tuple(reasons)
