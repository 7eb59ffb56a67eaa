"""Tables that open in a spreadsheet: CSV (RFC 4180) in which no cell is taken for a formula."""

import csv
from collections.abc import AsyncIterator, Iterable
from io import StringIO

from fastapi import Request
from starlette.responses import StreamingResponse

from ..cohort_views import Table

MEDIA_TYPE = "text/csv"
LINES = 200
"""Lines sent together."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection)."""


def wants_csv(request: Request) -> bool:
    """Tell whether a client asks for CSV by name, and not for JSON rather."""
    quality = {kind: value for given in request.headers.getlist("accept") for kind, value in _accepted(given)}
    return quality.get(MEDIA_TYPE, 0) > 0 and quality[MEDIA_TYPE] >= quality.get("application/json", 0)


def spreadsheet(table: Table) -> StreamingResponse:
    """Return a table as a file, sent while it is read."""
    headers = {"Content-Disposition": f'attachment; filename="{table.name}.csv"', "Vary": "Accept"}
    return StreamingResponse(_lines(table), 200, headers, f"{MEDIA_TYPE}; charset=utf-8; header=present")


def inert(cell: str | float | None) -> str | float | None:
    """Return a cell as it is, or as text where a spreadsheet would take it for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell


async def _lines(table: Table) -> AsyncIterator[str]:
    lines: list[tuple[str | float | None, ...]] = [table.header]
    async for row in table.rows:
        lines.append(row)
        if len(lines) == LINES:
            yield _written(lines)
            lines = []
    yield _written(lines)


def _written(rows: Iterable[tuple[str | float | None, ...]]) -> str:
    text = StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(map(inert, row) for row in rows)
    return text.getvalue()


def _accepted(header: str) -> Iterable[tuple[str, float]]:
    """Yield each media range of an Accept header and its quality."""
    for part in header.split(","):
        kind, *parameters = (text.strip().lower() for text in part.split(";"))
        weights = [text[2:].strip() for text in parameters if text.startswith("q=")]
        try:
            yield kind, float(weights[0]) if weights else 1.0
        except ValueError:
            yield kind, 0.0
