"""Draws from one reproducible stream."""

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Draws made of ``random()`` alone: its sequence is the same in every version of Python and on every machine."""

    __slots__ = ("roll",)

    def __init__(self, seed: str) -> None:
        self.roll = random.Random(seed).random  # noqa: S311  # reproducible, not secret

    def chance(self, probability: float) -> bool:
        """Tell whether something of this probability happens."""
        return self.roll() < probability

    def between(self, low: float, high: float) -> float:
        """Return a number from low to high, each as likely."""
        return low + (high - low) * self.roll()

    def whole(self, low: int, high: int) -> int:
        """Return a whole number from low to high, both included."""
        return low + int((high - low + 1) * self.roll())

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of the choices."""
        return choices[int(len(choices) * self.roll())]

    def noise(self, width: float) -> float:
        """Return a number around 0, at most width away, small ones more likely."""
        return width * (self.roll() - self.roll())
