"""Splitting files into records, whatever the pieces in which their bytes arrive."""

import io
import json
from collections.abc import Iterator
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from src.importing.records import read_csv, read_events, split_array, split_lines


class Trickle(io.RawIOBase):
    """Bytes that arrive a few at a time."""

    def __init__(self, content: bytes, sizes: list[int]) -> None:
        self._pieces = _cut(content, sizes)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # any writable buffer
        piece = self._rest or next(self._pieces, b"")
        taken = min(len(piece), len(buffer))
        buffer[:taken] = piece[:taken]
        self._rest = piece[taken:]
        return taken


def _cut(content: bytes, sizes: list[int]) -> Iterator[bytes]:
    at, turn = 0, 0
    while at < len(content):
        size = sizes[turn % len(sizes)]
        yield content[at : at + size]
        at, turn = at + size, turn + 1


def reader(content: bytes, sizes: list[int] | None = None) -> io.BufferedReader:
    return io.BufferedReader(Trickle(content, sizes or [4096]), buffer_size=16)


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text('ab"\\[]{},:\n\té', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('a"\\{', max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(_json, max_size=6), st.sampled_from([None, 1, 4]), st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_an_array_is_split_into_its_elements(elements: list[Any], indent: int | None, sizes: list[int]) -> None:
    content = json.dumps(elements, indent=indent, ensure_ascii=False).encode()
    pieces = list(split_array(reader(content, sizes), "file"))
    assert [json.loads(raw) for _, raw in pieces] == elements
    if indent is not None:
        text_lines = content.split(b"\n")
        assert all(raw.split(b"\n")[0] in text_lines[line - 1] for line, raw in pieces)


@given(st.lists(st.binary(max_size=8).filter(lambda line: b"\n" not in line), max_size=8))
def test_lines_keep_their_numbers_and_bytes(lines: list[bytes]) -> None:
    pieces = list(split_lines(reader(b"\n".join(lines))))
    assert [(number, raw.rstrip(b"\n")) for number, raw in pieces] == [
        (number, line) for number, line in enumerate(lines, 1) if line.strip()
    ]


def test_a_line_too_long_is_one_record_and_the_next_is_whole() -> None:
    pieces = list(split_lines(reader(b"x" * 3_000_000 + b"\nshort\n")))
    assert [(number, len(raw)) for number, raw in pieces] == [(1, 1_048_577), (2, 6)]


def test_rows_come_with_the_bytes_that_they_were_made_of() -> None:
    content = b'a,b\r\n1,"x\r\ny"\r\n\xff,2\r\n'
    found = read_csv(reader(content), "file", ("a",), lambda row: (row, ()))
    records = list(found.records)
    assert found.frame.before == b"a,b\r\n"
    assert [(record.line, record.raw) for record in records] == [(2, b'1,"x\r\ny"\r\n'), (4, b"\xff,2\r\n")]


def test_cells_become_fields_of_the_event_and_its_data() -> None:
    header = b"event_id,timestamp,topic,score,exercise_id,passed,responses\n"
    row = b'e,1768471200000,,0.5,007,true,"[{""item"": ""i"", ""correct"": true}]"\n'
    (record,) = read_csv_events(header + row)
    assert record == {
        "event_id": "e",
        "timestamp": 1768471200000,
        "data": {"score": 0.5, "exercise_id": "007", "passed": True, "responses": [{"item": "i", "correct": True}]},
    }


def read_csv_events(content: bytes) -> list[object]:
    head, _, rows = content.partition(b"\n")
    padded = head + b",event_type,student_id\n" + rows.replace(b"\n", b",,\n")
    return [record.event for record in read_events(reader(padded), "file").records]


def test_an_event_with_all_its_fields_survives_the_way_through_json() -> None:
    event = {"event_id": "e", "data": {"score": 0.1}}
    (record,) = read_events(reader(msgspec.json.encode([event])), "file").records
    assert record.event == event
