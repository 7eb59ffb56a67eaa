"""Answers of made-up students as a response file, with a structure that is known.

Each student has an ability, and learns each skill at once or never: before it they guess, after it they slip (Bayesian
Knowledge Tracing); each item moves the odds by its difficulty (as in the Rasch model). So the probability that is true
of every answer is known too.
"""

import io
import random
from dataclasses import dataclass
from math import exp, log
from typing import Any

HEADER = "student,item,skills,correct,timestamp,order"
LEARN = 0.15


class _Raw(io.RawIOBase):
    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # any writable buffer
        return self._content.readinto(buffer)


def content_of(data: bytes) -> io.BufferedReader:
    """Return bytes as the content of an open file."""
    return io.BufferedReader(_Raw(data))


@dataclass(frozen=True, slots=True)
class Simulated:
    """The rows of a file, and of each the probability with which it was made."""

    rows: tuple[str, ...]
    truth: tuple[float, ...]

    @property
    def text(self) -> str:
        """Return the file."""
        return "\n".join((HEADER, *self.rows)) + "\n"


def simulate(
    students: range, *, answers: int = 60, skills: int = 4, items: int = 10, seed: int = 1, timed: bool = False
) -> Simulated:
    """Return answers of students, who practise one skill after the other; the items are the same for every seed."""
    rows, truth = [], []
    ease = {
        (skill, item): random.Random(f"{skill}-{item}").gauss(0, 1) for skill in range(skills) for item in range(items)
    }
    for student in students:
        dice = random.Random(f"{seed}-{student}")
        ability, known = dice.gauss(0, 0.8), dict.fromkeys(range(skills), False)
        seconds = dice.randrange(1000)
        for order in range(answers):
            skill, item = order * skills // answers, dice.randrange(items)
            base = 0.85 if known[skill] else 0.3
            odds = log(base / (1 - base)) + ability + ease[skill, item]
            chance = 1 / (1 + exp(-odds))
            right = dice.random() < chance
            known[skill] = known[skill] or dice.random() < LEARN
            seconds += dice.choice((10, 30, 90_000))
            rows.append(f"s{student},k{skill}-i{item},k{skill},{int(right)},{seconds if timed else ''},{order}")
            truth.append(chance)
    return Simulated(tuple(rows), tuple(truth))
