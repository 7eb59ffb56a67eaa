"""Boosted trees: a sum of the leaves that a row of features falls into."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

Node: TypeAlias = "float | tuple[int, float, Node, Node]"
"""A leaf's value, or (feature, threshold, where it is at most that, where it is more)."""


@dataclass(frozen=True, slots=True)
class Trees:
    """Trees whose leaves add up to log-odds."""

    start: float
    roots: tuple[Node, ...]

    def odds(self, row: Sequence[float]) -> float:
        """Return the log-odds of a row, added up in the order of the trees."""
        total = self.start
        for root in self.roots:
            node = root
            while node.__class__ is tuple:
                node = node[2] if row[node[0]] <= node[1] else node[3]
            total += node  # type: ignore[operator]  # a leaf, as just asked
        return total


def tree(
    features: Sequence[int],
    thresholds: Sequence[float],
    low: Sequence[int],
    high: Sequence[int],
    leaves: Sequence[float],
) -> Node:
    """Return a tree from its nodes in a row; a child below zero is a leaf: -1 is the first, -2 the second.

    Raises ``ValueError`` unless each child lies behind its parent, so that a walk comes to an end.
    """
    size = len(features)
    if not (len(thresholds) == len(low) == len(high) == size and len(leaves) == size + 1):
        message = "a tree has one leaf more than it has nodes"
        raise ValueError(message)
    nodes: list[Node] = [0.0] * size

    def child(parent: int, place: int) -> Node:
        if not (parent < place < size or -len(leaves) <= place < 0):
            message = "a child lies behind its parent"
            raise ValueError(message)
        return nodes[place] if place >= 0 else leaves[-place - 1]

    for at in range(size - 1, -1, -1):
        nodes[at] = (features[at], thresholds[at], child(at, low[at]), child(at, high[at]))
    return nodes[0] if size else leaves[0]
