"""The two pictures of a report, as SVG: whether probabilities mean what they say, and how practice helps."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

_SIZE, _EDGE = 360, 48
_STYLE = "font-family:sans-serif;font-size:12px"

Point = tuple[float, float]


def reliability(points: Sequence[Point]) -> str:
    """Return the share that was right over the probability; both are the same on the thin line."""
    even = _line([(0.0, 0.0), (1.0, 1.0)], "#999", dots=False)
    return _chart("Predicted probability", "Share that was right", even + _line(points, "#06c"), _TENTHS)


def learning(names: Sequence[str], right: Sequence[float], predicted: Sequence[float]) -> str:
    """Return the share that was right, and that was predicted, by how much was practised before."""
    places = [(at + 0.5) / len(names) for at in range(len(names))]
    lines = _line(list(zip(places, predicted, strict=True)), "#999") + _line(
        list(zip(places, right, strict=True)), "#06c"
    )
    return _chart(
        "Answers on the same skills before", "Right (grey: predicted)", lines, list(zip(places, names, strict=True))
    )


_TENTHS = [(tenth / 10, f"{tenth / 10:.1f}") for tenth in range(0, 11, 2)]


def _chart(below: str, beside: str, lines: str, marks: Sequence[tuple[float, str]]) -> str:
    size = _SIZE + 2 * _EDGE
    frame = f'<rect x="{_EDGE}" y="{_EDGE}" width="{_SIZE}" height="{_SIZE}" fill="none" stroke="#ccc"/>'
    under = "".join(_text(_x(at), _EDGE + _SIZE + 16, name, "middle") for at, name in marks)
    left = "".join(_text(_EDGE - 6, _y(at) + 4, name, "end") for at, name in _TENTHS)
    titles = _text(size / 2, size - 10, below, "middle") + _text(_EDGE, _EDGE - 12, beside, "start")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" width="{size}" height="{size}" '
        f'style="{_STYLE}"><rect width="100%" height="100%" fill="#fff"/>{frame}{under}{left}{titles}{lines}</svg>\n'
    )


def _line(points: Sequence[Point], colour: str, *, dots: bool = True) -> str:
    path = " ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in points)
    circles = "".join(f'<circle cx="{_x(x):.1f}" cy="{_y(y):.1f}" r="3.5" fill="{colour}"/>' for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}"/>' + (circles if dots else "")


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _x(value: float) -> float:
    return _EDGE + value * _SIZE


def _y(value: float) -> float:
    return _EDGE + (1 - value) * _SIZE
