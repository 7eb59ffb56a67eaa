"""How often items and skills are answered right: whole counts, and log-odds drawn towards what is more general."""

from dataclasses import dataclass
from math import exp, log
from typing import Final, NamedTuple, Protocol

from .fixed import MICRO

SEPARATOR: Final = "\x1f"
"""Stands between the parts of a key; no identifier has it."""

_CERTAIN = 700.0
"""Beyond these log-odds a double cannot tell a probability from 0."""

SKILL_STRENGTH = 20.0
SET_STRENGTH = 10.0
ITEM_STRENGTH = 6.0
RUN_STRENGTH = 20.0
HABIT_STRENGTH = 50.0
STEP_STRENGTH = 6.0
RETURN_STRENGTH = 8.0
TURN_STRENGTH = 15.0
"""So many answers of a table count as much as what is more general."""

LEAD_STRENGTH = 1.2 * MICRO
HABIT_LEAD_STRENGTH = 20.0 * MICRO
RUN_LEAD_STRENGTH = 4.0 * MICRO
STEP_LEAD_STRENGTH = 1.5 * MICRO
"""The same for leads, in information: an answer of which nothing is known has a quarter."""


class Count(NamedTuple):
    """How many answers there were, and how many of them were right.

    Of leads the information in the answers, and by how much more were right than expected, in micro-units.
    """

    answers: int
    right: int


NOTHING: Final = Count(0, 0)


class Table(Protocol):
    """Counts by key."""

    def get(self, key: str, default: Count, /) -> Count:
        """Return the count of a key, the default where there is none."""


@dataclass(frozen=True, slots=True)
class Tables:
    """What is known of questions by themselves, and of questions by what came before.

    ``leads`` tell by item how much easier it is than its skills, for students of the same ability. ``runs`` count by
    set of skills and the last outcomes on it, ``habits`` by these outcomes alone, ``returns`` by the last outcome on
    the skills and the item, ``steps`` by the item before, its outcome and the item, ``turns`` likewise by the sets of
    skills. Of three of these there are leads too: what came before tells so much more than the ability does.
    """

    everything: Count
    skills: Table
    sets: Table
    items: Table
    leads: Table
    runs: Table
    habits: Table
    returns: Table
    steps: Table
    turns: Table
    habit_leads: Table
    run_leads: Table
    step_leads: Table


COUNTED: Final = ("skills", "sets", "items", "runs", "habits", "returns", "steps", "turns")
LED: Final = ("leads", "habit_leads", "run_leads", "step_leads")
TABLES: Final = (*COUNTED, *LED)


def key_of(*parts: str) -> str:
    """Return the key of several parts."""
    return SEPARATOR.join(parts)


def logistic(odds: float) -> float:
    """Return the probability of log-odds."""
    return 1.0 / (1.0 + exp(-odds)) if odds > -_CERTAIN else 0.0


def drawn(count: Count, towards: float, strength: float) -> float:
    """Return the log-odds of a count to which so many answers with the log-odds ``towards`` were added."""
    answers, right = count
    if not answers:
        return towards
    assumed = strength / (1.0 + exp(-towards))
    return log((right + assumed) / (answers - right + strength - assumed))


def led(count: Count, towards: float, strength: float) -> float:
    """Return the lead of a count, drawn towards a more general one: a step of Newton's method away from that."""
    information, surplus = count
    return towards + (surplus - towards * information) / (information + strength)


class Known(NamedTuple):
    """What the tables say of a question by itself, in log-odds, and on how many answers that stands.

    ``skill`` is of its set of skills, ``hardest`` of the hardest of these, ``item`` of the item by its count, and
    ``lead`` of the item for a student of middling ability.
    """

    everything: float
    skill: float
    hardest: float
    item: float
    lead: float
    skill_answers: int
    item_answers: int


def known(tables: Tables, item: str | None, skills: tuple[str, ...], key: str) -> Known:
    """Return what is known of a question, level by level: everything, its skills, their set, the item."""
    everything = drawn(tables.everything, 0.0, 2.0)
    skill, hardest, most = _of_skills(tables, skills, key, everything)
    if item is None:
        return Known(everything, skill, hardest, skill, skill, most, 0)
    count = tables.items.get(item, NOTHING)
    lead = skill + led(tables.leads.get(item, NOTHING), 0.0, LEAD_STRENGTH)
    return Known(everything, skill, hardest, drawn(count, skill, ITEM_STRENGTH), lead, most, count[0])


def _of_skills(tables: Tables, skills: tuple[str, ...], key: str, everything: float) -> tuple[float, float, int]:
    """Return the log-odds of a set of skills and of the hardest in it, and the answers on the best known."""
    if not skills:
        return everything, everything, 0
    counts = [tables.skills.get(skill, NOTHING) for skill in skills]
    odds = [drawn(count, everything, SKILL_STRENGTH) for count in counts]
    hardest, most = min(odds), max([count[0] for count in counts])
    if len(skills) == 1:
        return hardest, hardest, most
    between = (sum(odds) / len(odds) + hardest) / 2
    return drawn(tables.sets.get(key, NOTHING), between, SET_STRENGTH), hardest, most
