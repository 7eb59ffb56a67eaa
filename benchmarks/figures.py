"""What a benchmark says: figures beside their floors, as a table for people and as plain values."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

_WIDTH = 134


class Amount(NamedTuple):
    """A number and its unit."""

    value: float
    unit: str

    def __str__(self) -> str:
        """Return both, with three digits or all before the point."""
        digits = 0 if self.value >= 100 else 1 if self.value >= 10 else 2  # noqa: PLR2004  # powers of ten
        return f"{self.value:,.{digits}f} {self.unit}"


@dataclass(frozen=True, slots=True)
class Bound:
    """What a figure has to reach: a limit on its ratio to the floor, or on the value itself."""

    limit: float
    at_least: bool
    of_ratio: bool

    def kept_by(self, value: float) -> bool:
        """Tell whether a value keeps it."""
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured against which floor of the same run; without a bound it is for information.

    The ratio is given, not worked out: the median of the ratios of many rounds is not the ratio of two medians.
    """

    what: str
    measured: Amount
    against: str
    floor: Amount
    ratio: float
    bound: Bound | None = None

    @property
    def reached(self) -> bool | None:
        """Tell whether it keeps its bound, None where it has none."""
        if self.bound is None:
            return None
        return self.bound.kept_by(self.ratio if self.bound.of_ratio else self.measured.value)

    def plain(self) -> dict[str, Any]:
        """Return the figure as plain values."""
        return {
            "what": self.what,
            "measured": self.measured._asdict(),
            "against": self.against,
            "floor": self.floor._asdict(),
            "ratio": self.ratio,
            "bound": self.bound and {name: getattr(self.bound, name) for name in ("limit", "at_least", "of_ratio")},
            "reached": self.reached,
        }


def show(figures: Iterable[Figure]) -> None:
    """Print figures as a table."""
    table = Table("What", box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("Measured", "Floor", "Ratio", "To reach"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Reached")
    for figure in figures:
        table.add_row(
            f"{figure.what}\n[dim]floor: {figure.against}[/dim]",
            str(figure.measured),
            str(figure.floor),
            f"{figure.ratio:.3g}",
            _bound(figure),
            {None: "-", True: "yes", False: "no"}[figure.reached],
        )
    Console(width=_WIDTH, highlight=False).print(table)


def _bound(figure: Figure) -> str:
    if figure.bound is None:
        return "-"
    unit = "times" if figure.bound.of_ratio else figure.measured.unit
    return f"{'≥' if figure.bound.at_least else '≤'} {figure.bound.limit:,g} {unit}"
