"""Struggle signals: what in the recent outcomes of a student says that help is needed.

Signals open and resolve by walking the outcomes in their order, so they too are a function of the set of events.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from .days import to_text
from .fixed import fraction
from .outcomes import SUCCESS_SCORE, Outcome, OutcomeKind

SAME_ERROR_TIMES = 3
FAILED_RUNS_IN_A_ROW = 5
LONG_S = 600
"""More seconds than this on one exercise are a struggle."""
STUCK = "stuck"
"""The kind of help request that is a struggle by itself."""


class Signal(StrEnum):
    """What was noticed."""

    REPEATED_ERROR = "repeated_error"
    FAILED_RUNS = "failed_runs"
    LONG_EXERCISE = "long_exercise"
    LOW_QUIZ = "low_quiz"
    STUCK = "stuck"


@dataclass(frozen=True, slots=True)
class Struggle:
    """One signal with its facts; ``since`` is when the outcome that triggered it occurred."""

    id: str
    signal: Signal
    topic: str | None
    exercise_id: str | None
    since: str
    facts: dict[str, Any]
    open: bool


Found: TypeAlias = tuple[Signal, Outcome, float]
"""A signal as the walk through the outcomes has it: with the outcome that triggered it, and the number it came to."""

_EXERCISE, _QUIZ, _RUN, _HELP = OutcomeKind.EXERCISE, OutcomeKind.QUIZ, OutcomeKind.RUN, OutcomeKind.HELP
_REPEATED_ERROR, _FAILED_RUNS, _LONG_EXERCISE, _LOW_QUIZ, _STUCK = Signal
# Members of an enum are looked up in Python code.


def struggles(outcomes: Iterable[Outcome]) -> list[Struggle]:
    """Return every signal in the outcomes (exercises, quizzes, runs, help; oldest first), newest first."""
    walk = _walk(outcomes)
    unresolved = set(walk.unresolved)
    return [_struggle(found, place in unresolved) for place, found in enumerate(walk.signals)][::-1]


def open_struggles(outcomes: Iterable[Outcome]) -> list[Struggle]:
    """Return those that nothing has resolved, likewise."""
    return [as_struggle(found) for found in open_signals(outcomes).values()]


def open_signals(outcomes: Iterable[Outcome]) -> dict[str, Found]:
    """Return the same by their ids, as what ``as_struggle`` makes one of, for who knows most of them already."""
    walk = _walk(outcomes)
    still_open = [walk.signals[place] for place in reversed(walk.unresolved)]
    return {_id(signal, at): (signal, at, number) for signal, at, number in still_open}


def as_struggle(found: Found) -> Struggle:
    """Return an open signal with its facts."""
    return _struggle(found, True)  # noqa: FBT003  # open


def _walk(outcomes: Iterable[Outcome]) -> "_Walk":
    walk = _Walk()
    walk.go(outcomes)
    return walk


def _struggle(found: Found, is_open: bool) -> Struggle:  # noqa: FBT001  # a field like the others
    signal, at, number = found
    facts = _facts(signal, at, number)
    return Struggle(_id(signal, at), signal, at.topic, _exercise(at), to_text(at.occurred_us), facts, is_open)


def _facts(signal: Signal, at: Outcome, number: float) -> dict[str, Any]:
    if signal is _REPEATED_ERROR:
        return {"error_type": at.detail, "times": number}
    if signal is _FAILED_RUNS:
        return {"failed_runs": number}
    if signal is _LONG_EXERCISE:
        return {"time_spent_s": number}
    if signal is _LOW_QUIZ:
        return {"quiz_id": at.item, "score": fraction(at.score or 0)}
    return {"message_kind": STUCK}


def _id(signal: Signal, at: Outcome) -> str:
    return f"{signal}.{at.event_id}"


@dataclass(slots=True)
class _Walk:
    """What has to be remembered on the way through the outcomes; signals are spoken of by their places among all.

    Of what is unresolved the walk knows whom a success could settle: by topic, by item, and what has neither. What was
    settled the one way is found settled the other.
    """

    signals: list[Found] = field(default_factory=list)
    unresolved: dict[int, None] = field(default_factory=dict)
    by_topic: dict[str | None, list[int]] = field(default_factory=dict)
    by_item: dict[str | None, list[int]] = field(default_factory=dict)
    with_neither: list[int] = field(default_factory=list)
    errors: dict[tuple[str | None, str], int] = field(default_factory=dict)
    failures: dict[str | None, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def go(self, outcomes: Iterable[Outcome]) -> None:
        """Take one outcome after the other; there are hundreds, of which most need none of the other functions."""
        seconds, by_topic, by_item = self.seconds, self.by_topic, self.by_item
        for outcome in outcomes:
            _, _, _, kind, topic, item, score, _, time_spent_s, _ = outcome
            if score is not None and score >= SUCCESS_SCORE:
                if topic in by_topic or item in by_item or self.with_neither:
                    self._resolve(outcome)
                if kind is _RUN:
                    self.failures.pop(topic, None)
                if item is not None and kind is not _QUIZ:
                    seconds.pop(item, None)
                    if self.errors:
                        self.errors = {key: times for key, times in self.errors.items() if key[0] != item}
            else:
                self._fail(outcome)
            if time_spent_s and kind is _EXERCISE:
                before = 0 if item is None else seconds.get(item, 0)
                total = before + time_spent_s
                if item is not None:
                    seconds[item] = total
                if before <= LONG_S < total:
                    self._open(_LONG_EXERCISE, outcome, total)

    def _fail(self, outcome: Outcome) -> None:
        kind = outcome.kind
        if kind is _RUN:
            self._failed_run(outcome)
        elif kind is _QUIZ:
            self._open(_LOW_QUIZ, outcome, 1)
        elif kind is _HELP and outcome.detail == STUCK:
            self._open(_STUCK, outcome, 1)

    def _open(self, signal: Signal, outcome: Outcome, number: float) -> None:
        place = len(self.signals)
        self.signals.append((signal, outcome, number))
        self.unresolved[place] = None
        topic, item = outcome.topic, outcome.item
        if topic is not None:
            self.by_topic.setdefault(topic, []).append(place)
        if item is not None:
            self.by_item.setdefault(item, []).append(place)
        elif topic is None:
            self.with_neither.append(place)

    def _resolve(self, success: Outcome) -> None:
        """Close what a success settles, and count anew what led to it."""
        settled = [*self.with_neither, *self.by_topic.pop(success.topic, ())]
        self.with_neither.clear()
        if success.item in self.by_item:
            settled += self._of_item(success)
        for place in settled:
            if place in self.unresolved:
                del self.unresolved[place]
                signal, at, _ = self.signals[place]
                self._forget(signal, at)

    def _of_item(self, success: Outcome) -> list[int]:
        """Return what was opened at the item of a success; a quiz settles quizzes, an exercise or a run each other."""
        quiz = success.kind is _QUIZ
        places = self.by_item.pop(success.item)
        left = [place for place in places if (self.signals[place][1].kind is _QUIZ) != quiz]
        if left:
            self.by_item[success.item] = left
        return [place for place in places if place not in left]

    def _forget(self, signal: Signal, at: Outcome) -> None:
        if signal is _FAILED_RUNS:
            self.failures.pop(at.topic, None)
        elif signal is _REPEATED_ERROR and at.detail is not None:
            self.errors.pop((at.item, at.detail), None)
        elif signal is _LONG_EXERCISE and at.item is not None:
            self.seconds.pop(at.item, None)

    def _failed_run(self, run: Outcome) -> None:
        failures = self.failures.get(run.topic, 0) + 1
        self.failures[run.topic] = failures
        if failures == FAILED_RUNS_IN_A_ROW:
            self._open(_FAILED_RUNS, run, failures)
        if run.detail is not None:
            times = self.errors.get((run.item, run.detail), 0) + 1
            self.errors[run.item, run.detail] = times
            if times == SAME_ERROR_TIMES:
                self._open(_REPEATED_ERROR, run, times)


def _exercise(outcome: Outcome) -> str | None:
    return None if outcome.kind is _QUIZ else outcome.item
