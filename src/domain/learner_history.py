"""What a student's window of answers says of the next one, as numbers for the learner.

A history takes one answer after the other, oldest first. Taking an answer is the only way in which it changes, so a
window taken from its beginning gives the same numbers, bit for bit, as a history that was taken on.
"""

from math import log1p
from typing import NamedTuple

from .learner_practice import (
    FAST,
    NOT_PRACTISED,
    SKILL_FAST,
    SKILL_SLOW,
    SKILL_SPREAD,
    SLOW,
    SPREAD,
    Practice,
    chance,
    learn,
)
from .learner_tables import (
    HABIT_LEAD_STRENGTH,
    HABIT_STRENGTH,
    NOTHING,
    RETURN_STRENGTH,
    RUN_LEAD_STRENGTH,
    RUN_STRENGTH,
    STEP_LEAD_STRENGTH,
    STEP_STRENGTH,
    TURN_STRENGTH,
    Known,
    Table,
    Tables,
    drawn,
    key_of,
    known,
    led,
    logistic,
)

FEATURES_VERSION = 1
"""Changes with the meaning of any feature: a model is used only with the features that it was fitted on."""

RUN_LENGTH = 4
"""So many of the last outcomes on the skills of a question tell how the next will be."""

SESSION_US = 30 * 60 * 1_000_000
"""Whoever pauses for longer begins another session."""

LONGEST_STREAK = 3
"""Streaks that are longer are as good as this in a key."""

FAR = 7.0
"""Stands for the logarithm of a distance where there was nothing before."""

UNKNOWN = -1.0
"""Stands where there is nothing to tell."""

OF_QUESTION = ("skill", "hardest", "item", "lead", "skill_answers", "item_answers", "skills")
OF_STUDENT = ("answers", "rate", "fast", "slow", "surprise_fast", "surprise_slow", "level", "streak")
OF_PRACTICE = (
    "skill_right", "skill_wrong", "skill_fast", "skill_slow", "skill_surprise", "skill_level", "skill_lowest",
    "skill_distance", "ability", "spread",
)  # fmt: skip
OF_ORDER = (
    "run", "run_length", "return", "step", "step_answers", "turn", "ability_run", "ability_step",
    "last_item", "last_right", "tries", "last_try", "item_distance", "block", "block_rate",
)  # fmt: skip
OF_LEADS = ("habit_lead", "run_lead", "step_lead", "ability_run_lead", "ability_step_lead")
OF_TIME = ("gap", "skill_gap", "session", "gap_before")

FEATURES = (*OF_QUESTION, *OF_STUDENT, *OF_PRACTICE, *OF_ORDER, *OF_LEADS, *OF_TIME)


class Question(NamedTuple):
    """A question as the learner sees it; ``key`` names its set of skills."""

    item: str | None
    skills: tuple[str, ...]
    key: str
    known: Known


class Answered(NamedTuple):
    """A question that was answered, whether right, and when (in microseconds)."""

    question: Question
    right: int
    at_us: int


class _Tries(NamedTuple):
    """How often an item was tried, how that went last, and where among all answers."""

    number: int
    right: int
    place: int


_UNTRIED = _Tries(0, -1, -1)


def question(tables: Tables, item: str | None, skills: tuple[str, ...]) -> Question:
    """Return a question with what the tables know of it; the order of its skills is of no account."""
    skills = tuple(sorted(set(skills))) if len(skills) > 1 else skills
    key = key_of(*skills)
    return Question(item, skills, key, known(tables, item, skills, key))


class History:
    """One student's answers, taken oldest first."""

    __slots__ = (
        "_block", "_block_right", "_gap", "_last", "_practised", "_runs", "_session", "_streak", "_student", "_tables",
        "_taken", "_tries",
    )  # fmt: skip

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._taken = self._streak = self._session = self._block = self._block_right = 0
        self._gap = 0.0
        self._last: Answered | None = None
        self._student = Practice(SPREAD)
        self._practised: dict[str, Practice] = {}
        self._runs: dict[str, str] = {}
        self._tries: dict[str, _Tries] = {}

    def take(self, answered: Answered) -> None:
        """Learn from the next answer."""
        (item, skills, key, about), right, at_us = answered
        practised = [self._practised.get(skill) or self._begin(skill) for skill in skills]
        learn(right, about.lead, self._student, practised)
        surprise = right - logistic(about.item)
        self._student.take(right, surprise, FAST, SLOW)
        for one in practised:
            one.take(right, surprise, SKILL_FAST, SKILL_SLOW)
            one.place, one.at_us = self._taken, at_us
        self._runs[key] = (self._runs.get(key, "") + str(right))[-RUN_LENGTH:]
        if item is not None:
            self._tries[item] = _Tries(self._tries.get(item, _UNTRIED).number + 1, right, self._taken)
        self._follow(answered)
        self._taken += 1

    def run(self, key: str) -> str:
        """Return the last outcomes on a set of skills, oldest first."""
        return self._runs.get(key, "")

    def last(self) -> Answered | None:
        """Return the last answer."""
        return self._last

    def chance(self, asked: Question, odds: float) -> float:
        """Return the probability of a right answer by ability alone, on a question of so much ease."""
        return chance(odds, self._student, [self._practised.get(skill, NOT_PRACTISED) for skill in asked.skills])

    def features(self, asked: Question, at_us: int) -> list[float]:
        """Return the numbers for a question, in the order of ``FEATURES``."""
        practice, ability, seen_us = self._of_practice(asked)
        return [
            *self._of_question(asked),
            *self._of_student(),
            *practice,
            *self._of_order(asked, ability),
            *self._of_leads(asked, ability),
            *self._of_time(at_us, seen_us),
        ]

    def _begin(self, skill: str) -> Practice:
        begun = self._practised[skill] = Practice(SKILL_SPREAD)
        return begun

    def _follow(self, answered: Answered) -> None:
        """Remember what the answer follows upon."""
        last, right = self._last, answered.right
        if last is not None:
            gap = answered.at_us - last.at_us
            self._session = 0 if gap > SESSION_US else self._session + 1
            self._gap = _elapsed(gap)
        if last is None or last.question.key != answered.question.key:
            self._block = self._block_right = 0
        self._block += 1
        self._block_right += right
        step = 1 if right else -1
        self._streak = self._streak + step if self._streak * step > 0 else step
        self._last = answered

    @staticmethod
    def _of_question(asked: Question) -> tuple[float, ...]:
        about = asked.known
        return (
            about.skill,
            about.hardest,
            about.item,
            about.lead,
            log1p(about.skill_answers),
            log1p(about.item_answers),
            float(len(asked.skills)),
        )

    def _of_student(self) -> tuple[float, ...]:
        student = self._student
        return (
            log1p(self._taken),
            (student.right + 2.0) / (self._taken + 3.0),
            student.fast,
            student.slow,
            student.surprise_fast,
            student.surprise_slow,
            student.level,
            float(self._streak),
        )

    def _of_practice(self, asked: Question) -> tuple[tuple[float, ...], float, int | None]:
        """Return the numbers of the skills, the ability for the question, and when one of them was practised last."""
        student, lead = self._student, asked.known.lead
        found = [self._practised.get(skill, NOT_PRACTISED) for skill in asked.skills] or [NOT_PRACTISED]
        newest = max(found, key=_place)
        many = len(found)
        level = sum([one.level for one in found]) / many
        ability = lead + student.level + level
        numbers = (
            log1p(sum([one.right for one in found]) / many),
            log1p(sum([one.wrong for one in found]) / many),
            sum([one.fast for one in found]) / many,
            sum([one.slow for one in found]) / many,
            sum([one.surprise_fast for one in found]) / many,
            level,
            min([one.level for one in found]),
            self._distance(newest.place),
            ability,
            student.spread + sum([one.spread for one in found]) / many,
        )
        return numbers, ability, newest.at_us if newest.place >= 0 else None

    def _of_order(self, asked: Question, ability: float) -> tuple[float, ...]:
        """Return the numbers that what came before gives, on the skills, right before and on the item."""
        (item, _, key, about), tables, last = asked, self._tables, self._last
        run = self._runs.get(key, "")
        by_run = drawn(tables.runs.get(key_of(key, run), NOTHING), about.skill + self._habit(run, about), RUN_STRENGTH)
        returned, step, steps = self._of_item(item, run[-1:], about)
        turn, again = about.skill, False
        if last is not None:
            turns = tables.turns.get(key_of(last.question.key, str(last.right), key), NOTHING)
            turn, again = drawn(turns, about.skill, TURN_STRENGTH), last.question.key == key
        tries = _UNTRIED if item is None else self._tries.get(item, _UNTRIED)
        return (
            by_run,
            float(len(run)),
            returned,
            step,
            log1p(steps),
            turn,
            by_run - about.skill + about.lead + self._student.level,
            ability + step - about.item,
            FAR if last is None else last.question.known.item,
            UNKNOWN if last is None else float(last.right),
            float(tries.number),
            float(tries.right),
            self._distance(tries.place),
            log1p(self._block) if again else 0.0,
            self._block_right / self._block if again else UNKNOWN,
        )

    def lead_keys(self, asked: Question) -> tuple[str | None, str, str | None]:
        """Return under which keys the question is led by habit, run and step; None where nothing came before."""
        run, last = self._runs.get(asked.key, ""), self._last
        run_key = key_of(asked.key, run)
        if last is None:
            return None, run_key, None
        before, again = last.question, "1" if last.question.key == asked.key else "0"
        habit_key = key_of(run, again, str(max(-LONGEST_STREAK, min(LONGEST_STREAK, self._streak))))
        if asked.item is None or before.item is None:
            return habit_key, run_key, None
        return habit_key, run_key, key_of(before.item, str(last.right), asked.item)

    def _of_leads(self, asked: Question, ability: float) -> tuple[float, ...]:
        """Return by how much what came before moves the odds beyond the ability."""
        tables = self._tables
        habit_key, run_key, step_key = self.lead_keys(asked)
        habit = 0.0 if habit_key is None else _led(tables.habit_leads, habit_key, 0.0, HABIT_LEAD_STRENGTH)
        run = _led(tables.run_leads, run_key, habit, RUN_LEAD_STRENGTH)
        step = 0.0 if step_key is None else _led(tables.step_leads, step_key, 0.0, STEP_LEAD_STRENGTH)
        return habit, run, step, ability + run, ability + run + step

    def _of_item(self, item: str | None, latest: str, about: Known) -> tuple[float, float, int]:
        """Return the log-odds of the item by the last outcome on its skills, then by the item before, on how many."""
        if item is None:
            return about.item, about.item, 0
        tables, last = self._tables, self._last
        towards = about.item + self._habit(latest, about)
        returned = drawn(tables.returns.get(key_of(latest, item), NOTHING), towards, RETURN_STRENGTH)
        if last is None or last.question.item is None:
            return returned, returned, 0
        steps = tables.steps.get(key_of(last.question.item, str(last.right), item), NOTHING)
        return returned, drawn(steps, returned, STEP_STRENGTH), steps[0]

    def _of_time(self, at_us: int, seen_us: int | None) -> tuple[float, ...]:
        return (
            UNKNOWN if self._last is None else _elapsed(at_us - self._last.at_us),
            UNKNOWN if seen_us is None else _elapsed(at_us - seen_us),
            log1p(self._session),
            self._gap,
        )

    def _habit(self, run: str, about: Known) -> float:
        """Return by how much the last outcomes move the odds, whatever the skills."""
        return drawn(self._tables.habits.get(run, NOTHING), about.everything, HABIT_STRENGTH) - about.everything

    def _distance(self, place: int) -> float:
        return log1p(self._taken - 1 - place) if place >= 0 else FAR


def _elapsed(span_us: int) -> float:
    """Return the logarithm of a time in seconds; none runs backwards."""
    return log1p(max(0, span_us) / 1_000_000)


def _led(table: Table, key: str, towards: float, strength: float) -> float:
    return led(table.get(key, NOTHING), towards, strength)


def _place(practice: Practice) -> int:
    return practice.place
