"""Struggle signals: what in the recent outcomes of a student says that help is needed.

Signals open and resolve by walking the outcomes in their order, so they too are a function of the set of events.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from .days import to_text
from .fixed import fraction
from .outcomes import Outcome, OutcomeKind

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


Found: TypeAlias = tuple[Signal, Outcome, dict[str, Any], bool]
"""A signal as the walk through the outcomes has it: with the outcome that triggered it, its facts, if it is open."""


def struggles(outcomes: Iterable[Outcome]) -> list[Struggle]:
    """Return every signal in the outcomes (exercises, quizzes, runs, help; oldest first), newest first."""
    return [_struggle(*found) for found in reversed(_walk(outcomes).signals)]


def open_struggles(outcomes: Iterable[Outcome]) -> list[Struggle]:
    """Return those that nothing has resolved, likewise."""
    return [_struggle(*found) for found in open_signals(outcomes).values()]


def open_signals(outcomes: Iterable[Outcome]) -> dict[str, Found]:
    """Return the same by their ids, as what ``as_struggle`` makes one of, for who knows most of them already."""
    return {_id(*found[:2]): found for found in reversed(_walk(outcomes).signals) if found[3]}


def as_struggle(found: Found) -> Struggle:
    """Return a signal with its facts."""
    return _struggle(*found)


def _walk(outcomes: Iterable[Outcome]) -> "_Walk":
    walk = _Walk()
    for outcome in outcomes:
        walk.take(outcome)
    return walk


def _struggle(signal: Signal, at: Outcome, facts: dict[str, Any], is_open: bool) -> Struggle:  # noqa: FBT001  # as the walk has it
    return Struggle(_id(signal, at), signal, at.topic, _exercise(at), to_text(at.occurred_us), facts, is_open)


def _id(signal: Signal, at: Outcome) -> str:
    return f"{signal}.{at.event_id}"


@dataclass(slots=True)
class _Walk:
    """What has to be remembered on the way through the outcomes."""

    signals: list[Found] = field(default_factory=list)
    unresolved: list[int] = field(default_factory=list)
    errors: dict[tuple[str | None, str], int] = field(default_factory=dict)
    failures: dict[str | None, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def take(self, outcome: Outcome) -> None:
        kind = outcome.kind
        if outcome.success:
            self._resolve(outcome)
        elif kind is OutcomeKind.RUN:
            self._failed_run(outcome)
        elif kind is OutcomeKind.QUIZ:
            self._open(Signal.LOW_QUIZ, outcome, quiz_id=outcome.item, score=fraction(outcome.score or 0))
        elif kind is OutcomeKind.HELP and outcome.detail == STUCK:
            self._open(Signal.STUCK, outcome, message_kind=STUCK)
        if kind is OutcomeKind.EXERCISE and outcome.time_spent_s:
            self._time_spent(outcome, outcome.time_spent_s)

    def _open(self, signal: Signal, outcome: Outcome, **facts: object) -> None:
        self.unresolved.append(len(self.signals))
        self.signals.append((signal, outcome, facts, True))

    def _resolve(self, success: Outcome) -> None:
        """Close what a success settles, and count anew what led to it."""
        left = []
        for place in self.unresolved:
            signal, at, facts, _ = self.signals[place]
            if _settles(success, at):
                self.signals[place] = signal, at, facts, False
                self._forget(signal, at)
            else:
                left.append(place)
        self.unresolved = left
        if success.kind is OutcomeKind.RUN:
            self.failures.pop(success.topic, None)
        if success.item is not None and success.kind is not OutcomeKind.QUIZ:
            self.seconds.pop(success.item, None)
            if self.errors:
                self.errors = {key: times for key, times in self.errors.items() if key[0] != success.item}

    def _forget(self, signal: Signal, at: Outcome) -> None:
        if signal is Signal.FAILED_RUNS:
            self.failures.pop(at.topic, None)
        elif signal is Signal.REPEATED_ERROR and at.detail is not None:
            self.errors.pop((at.item, at.detail), None)
        elif signal is Signal.LONG_EXERCISE and at.item is not None:
            self.seconds.pop(at.item, None)

    def _failed_run(self, run: Outcome) -> None:
        failures = self.failures.get(run.topic, 0) + 1
        self.failures[run.topic] = failures
        if failures == FAILED_RUNS_IN_A_ROW:
            self._open(Signal.FAILED_RUNS, run, failed_runs=failures)
        if run.detail is not None:
            times = self.errors.get((run.item, run.detail), 0) + 1
            self.errors[run.item, run.detail] = times
            if times == SAME_ERROR_TIMES:
                self._open(Signal.REPEATED_ERROR, run, error_type=run.detail, times=times)

    def _time_spent(self, outcome: Outcome, seconds: float) -> None:
        exercise = outcome.item
        before = self.seconds.get(exercise, 0) if exercise is not None else 0
        total = before + seconds
        if exercise is not None:
            self.seconds[exercise] = total
        if before <= LONG_S < total:
            self._open(Signal.LONG_EXERCISE, outcome, time_spent_s=total)


def _settles(success: Outcome, trouble: Outcome) -> bool:
    topic, item = trouble.topic, trouble.item
    if topic is None and item is None:
        return True
    if topic is not None and topic == success.topic:
        return True
    return (
        item is not None
        and item == success.item
        and (success.kind is OutcomeKind.QUIZ) == (trouble.kind is OutcomeKind.QUIZ)
    )


def _exercise(outcome: Outcome) -> str | None:
    return None if outcome.kind is OutcomeKind.QUIZ else outcome.item
