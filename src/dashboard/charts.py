"""Charts as SVG, drawn on the server: they need no script, follow the colours of the page, and print.

Nothing in them has a colour of its own, which the policy of the pages would not let through either: classes do, and
the style sheet knows them. Beside every chart a page has a table that says the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from math import pi
from typing import TypeVar

import svg
from markupsafe import Markup, escape

from ..domain.levels import LEVEL_FROM

WIDE, NARROW, HEIGHT = 960, 560, 300
"""Over time a chart is drawn twice, for wide and for narrow places, so that its words stay readable in both."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 12, 38
_RING, _STROKE = 54, 12
_TICKS = 6
_STRETCHED = svg.PreserveAspectRatio("none")
_DOT, _FEW = 4, 20
_BANDS = (*(micro / 1_000_000 for micro in LEVEL_FROM.values()), 1.0)
_GRID = (0.0, 0.25, 0.5, 0.75, 1.0)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Dot:
    """A point over time: a fraction or nothing, and what is said of it."""

    day: date
    value: float | None
    label: str
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Scale:
    """The words at the axes: of a day, and of a fraction."""

    days: Sequence[tuple[date, str]]
    percents: Sequence[str]


def over_time(dots: Sequence[Dot], scale: Scale, width: int = WIDE) -> Markup:
    """Return a line over the levels; where there is nothing the line stops, and what is not sure is hollow."""
    first, last = dots[0].day.toordinal(), max(dots[-1].day.toordinal(), dots[0].day.toordinal() + 1)

    def place(day: date) -> float:
        return round(_LEFT + (day.toordinal() - first) / (last - first) * (width - _LEFT - _RIGHT), 1)

    elements: list[svg.Element] = [*_bands(width), *_grid(scale.percents, width)]
    elements += [
        svg.Text(x=place(day), y=HEIGHT - 10, class_=["axis", _anchor(place(day), width)], text=escape(label))
        for day, label in (scale.days if width == WIDE else ticks(scale.days, _TICKS // 2))
    ]
    for run in _runs(dots):
        points = [(place(dot.day), _y(dot.value or 0)) for dot in run]
        line: list[svg.PathData] = [svg.M(*points[0]), *(svg.L(*point) for point in points[1:])]
        elements.append(svg.Path(class_=["line"], d=line))
    radius = _DOT if sum(dot.value is not None for dot in dots) <= _FEW else _DOT / 2
    elements += [_dot(dot, place(dot.day), radius) for dot in dots if dot.value is not None]
    return _drawn(elements, width, HEIGHT, "chart")


def ring(value: float | None, level: int) -> Markup:
    """Return a ring that is as full as a fraction."""
    middle, circle = _RING + _STROKE, 2 * pi * _RING
    elements: list[svg.Element] = [svg.Circle(cx=middle, cy=middle, r=_RING, class_=["ring-track"])]
    if value:
        filled = round(value * circle, 1)
        elements.append(
            svg.Circle(
                cx=middle,
                cy=middle,
                r=_RING,
                class_=["ring-fill", f"level-{level}"],
                stroke_dasharray=[filled, round(circle - filled, 1)],
                transform=[svg.Rotate(-90, middle, middle)],
            )
        )
    return _drawn(elements, 2 * middle, 2 * middle, "ring")


def bar(value: float | None, style: str = "accent", low: float = 0.0) -> Markup:
    """Return a bar that is filled up to a fraction, or from one to another."""
    track = svg.Rect(x=0, y=0, width=100, height=8, class_=["bar-track"])
    elements: list[svg.Element] = [track]
    if value is not None:
        width = max(2.0, round((value - low) * 100, 1))
        elements.append(svg.Rect(x=round(low * 100, 1), y=0, width=width, height=8, class_=["bar-fill", style]))
    return _drawn(elements, 100, 8, "bar", stretched=True)


def parts(values: Sequence[tuple[str, float]]) -> Markup:
    """Return a bar of a hundred that is made of parts, each with a class of its own."""
    elements: list[svg.Element] = [svg.Rect(x=0, y=0, width=1000, height=28, class_=["bar-track"])]
    at = 0.0
    for style, value in values:
        width = round(value * 1000, 1)
        elements.append(svg.Rect(x=round(at, 1), y=0, width=max(0.0, width - 3), height=28, class_=["part", style]))
        at += width
    return _drawn(elements, 1000, 28, "parts", stretched=True)


def interval(low: float, middle: float, high: float, largest: float) -> Markup:
    """Return a difference and the bounds that it is believed to lie in, around a line for no difference."""

    def x(value: float) -> float:
        return round(150 + value / largest * 140, 1)

    elements: list[svg.Element] = [
        svg.Line(x1=10, x2=290, y1=20, y2=20, class_=["bar-track-line"]),
        svg.Line(x1=150, x2=150, y1=4, y2=36, class_=["grid-line", "zero"]),
        svg.Line(x1=x(low), x2=x(high), y1=20, y2=20, class_=["interval"]),
        svg.Circle(cx=x(middle), cy=20, r=7, class_=["dot"]),
    ]
    return _drawn(elements, 300, 40, "interval-chart")


def ticks(days: Sequence[_T], most: int = _TICKS) -> list[_T]:
    """Return some of the days, evenly spread, the first and the last among them."""
    if len(days) <= most:
        return list(days)
    return [days[round(step * (len(days) - 1) / (most - 1))] for step in range(most)]


def grid_values() -> Sequence[float]:
    """Return the fractions at which the axis has a word."""
    return _GRID


def _drawn(elements: list[svg.Element], width: float, height: float, name: str, *, stretched: bool = False) -> Markup:
    drawing = svg.SVG(
        viewBox=svg.ViewBoxSpec(0, 0, width, height),
        class_=[name],
        elements=elements,
        preserveAspectRatio=_STRETCHED if stretched else None,
        extra={"aria-hidden": "true"},  # the table beside it tells the same, in an order that can be read out
    )
    return Markup(drawing.as_str())  # noqa: S704  # every text in it was escaped, the rest are numbers and our classes


def _y(value: float) -> float:
    return round(_TOP + (1 - value) * (HEIGHT - _TOP - _BOTTOM), 1)


def _bands(width: int) -> list[svg.Element]:
    return [
        svg.Rect(
            x=_LEFT,
            y=_y(high),
            width=width - _LEFT - _RIGHT,
            height=round(_y(low) - _y(high), 1),
            class_=["band", f"level-{level}"],
        )
        for level, (low, high) in enumerate(pairwise(_BANDS), 1)
    ]


def _grid(labels: Sequence[str], width: int) -> list[svg.Element]:
    found: list[svg.Element] = []
    for value, label in zip(_GRID, labels, strict=True):
        found.append(svg.Line(x1=_LEFT, x2=width - _RIGHT, y1=_y(value), y2=_y(value), class_=["grid-line"]))
        found.append(svg.Text(x=_LEFT - 8, y=_y(value) + 4, class_=["axis", "end"], text=escape(label)))
    return found


def _runs(dots: Sequence[Dot]) -> list[list[Dot]]:
    """Return the stretches of neighbours that all have a value."""
    runs: list[list[Dot]] = [[]]
    for dot in dots:
        if dot.value is None:
            runs.append([])
        else:
            runs[-1].append(dot)
    return [run for run in runs if run]


def _dot(dot: Dot, x: float, radius: float) -> svg.Element:
    title = svg.Title(text=escape(dot.label))
    style = "dot" if dot.sure else "dot hollow"
    return svg.Circle(cx=x, cy=_y(dot.value or 0), r=radius, class_=style.split(), elements=[title])


def _anchor(x: float, width: int) -> str:
    if x > width - 60:  # a word would be cut off
        return "end"
    return "start" if x < _LEFT + 20 else "middle"
