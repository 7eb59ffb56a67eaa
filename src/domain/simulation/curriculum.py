"""What the made-up students learn: the first eight topics of the course, with their exercises and quizzes.

Hardness and ability share one scale, on which students begin around 0; at equal values half of the exercises are
understood.
"""

from typing import NamedTuple

from ..evidence import Difficulty

EXERCISES, ITEMS = 30, 24
"""Exercises and questions of a topic."""

QUIZ_SIZES = (4, 3, 6, 5, 8, 7, 10, 9)
"""How many questions the quizzes of a topic have."""

HARDNESS = {Difficulty.BEGINNER: -0.5, Difficulty.INTERMEDIATE: 0.1, Difficulty.ADVANCED: 0.6}

_STRIDE = 5  # has no divisor in common with ITEMS, so that the questions of a quiz differ


class Exercise(NamedTuple):
    """A piece of code to write."""

    id: str
    difficulty: Difficulty


class Item(NamedTuple):
    """A question of a quiz."""

    id: str
    skills: tuple[str, ...]
    hardness: float


class Quiz(NamedTuple):
    """A set of questions."""

    id: str
    items: tuple[Item, ...]


class Topic(NamedTuple):
    """A unit of the curriculum; ``errors`` are the types of error that beginners meet in it."""

    name: str
    hardness: float
    errors: tuple[str, ...]
    exercises: dict[Difficulty, tuple[Exercise, ...]]
    quizzes: tuple[Quiz, ...]


def _topic(name: str, hardness: float, skills: str, errors: str) -> Topic:
    items = _items(name, skills.split())
    return Topic(name, hardness, tuple(errors.split()), _exercises(name), _quizzes(name, items))


def _exercises(topic: str) -> dict[Difficulty, tuple[Exercise, ...]]:
    size = EXERCISES // len(Difficulty)
    return {
        difficulty: tuple(Exercise(f"{topic}-ex-{band * size + place:02}", difficulty) for place in range(1, size + 1))
        for band, difficulty in enumerate(Difficulty)
    }


def _items(topic: str, skills: list[str]) -> tuple[Item, ...]:
    """Return the questions, every third on two skills, from easy to hard within each skill."""
    items = []
    for number in range(ITEMS):
        names = [skills[number % len(skills)]]
        if number % 3 == 0:
            names.append(skills[(number + 1) % len(skills)])
        hardness = 1.6 * (number // len(skills)) / (ITEMS // len(skills)) - 0.7
        items.append(Item(f"{topic}-q-{number + 1:02}", tuple(f"{topic}.{skill}" for skill in names), hardness))
    return tuple(items)


def _quizzes(topic: str, items: tuple[Item, ...]) -> tuple[Quiz, ...]:
    return tuple(
        Quiz(f"{topic}-quiz-{number + 1}", tuple(items[(3 * number + _STRIDE * k) % ITEMS] for k in range(size)))
        for number, size in enumerate(QUIZ_SIZES)
    )


CURRICULUM = (
    _topic("variables", 0.0, "naming assignment reassignment", "NameError SyntaxError"),
    _topic("numbers", 0.1, "integers floats operators precedence", "TypeError ZeroDivisionError ValueError"),
    _topic("strings", 0.2, "literals indexing slicing methods", "TypeError IndexError AttributeError"),
    _topic("booleans", 0.15, "comparison logic truthiness", "SyntaxError NameError TypeError"),
    _topic("conditionals", 0.25, "if elif else nesting", "IndentationError SyntaxError NameError"),
    _topic("loops", 0.35, "for while range break-continue", "IndentationError TypeError NameError"),
    _topic("lists", 0.4, "indexing slicing methods mutation", "IndexError TypeError ValueError"),
    _topic("functions", 0.5, "definition parameters return-values", "TypeError UnboundLocalError NameError"),
)
"""The topics in the order in which they are taken: the first term of the course in ``src/domain/curriculum.py``."""
