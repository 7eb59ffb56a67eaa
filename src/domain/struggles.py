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


Found: TypeAlias = tuple[Signal, Outcome, dict[str, Any]]
"""A signal as the walk through the outcomes has it: with the outcome that triggered it, and its facts."""

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
    return {_id(signal, at): (signal, at, facts) for signal, at, facts in still_open}


def as_struggle(found: Found) -> Struggle:
    """Return an open signal with its facts."""
    return _struggle(found, True)  # noqa: FBT003  # open


def _walk(outcomes: Iterable[Outcome]) -> "_Walk":
    walk = _Walk()
    walk.go(outcomes)
    return walk


def _struggle(found: Found, is_open: bool) -> Struggle:  # noqa: FBT001  # a field like the others
    signal, at, facts = found
    return Struggle(_id(signal, at), signal, at.topic, _exercise(at), to_text(at.occurred_us), facts, is_open)


def _id(signal: Signal, at: Outcome) -> str:
    return f"{signal}.{at.event_id}"


@dataclass(slots=True)
class _Walk:
    """What has to be remembered on the way through the outcomes; ``unresolved`` are places among the signals.

    ``concerned`` are the topics and items of what is unresolved, and None where something has neither: another success
    settles nothing, as most do.
    """

    signals: list[Found] = field(default_factory=list)
    unresolved: list[int] = field(default_factory=list)
    concerned: set[str | None] = field(default_factory=set)
    errors: dict[tuple[str | None, str], int] = field(default_factory=dict)
    failures: dict[str | None, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def go(self, outcomes: Iterable[Outcome]) -> None:
        """Take one outcome after the other; there are hundreds, of which most need none of the other functions."""
        seconds, concerned = self.seconds, self.concerned
        for outcome in outcomes:
            kind, item, score = outcome.kind, outcome.item, outcome.score
            if score is not None and score >= SUCCESS_SCORE:
                if concerned and (outcome.topic in concerned or item in concerned or None in concerned):
                    self._resolve(outcome)
                if kind is _RUN:
                    self.failures.pop(outcome.topic, None)
                if item is not None and kind is not _QUIZ:
                    seconds.pop(item, None)
                    if self.errors:
                        self.errors = {key: times for key, times in self.errors.items() if key[0] != item}
            else:
                self._fail(outcome)
            if kind is _EXERCISE and outcome.time_spent_s:
                before = 0 if item is None else seconds.get(item, 0)
                total = before + outcome.time_spent_s
                if item is not None:
                    seconds[item] = total
                if before <= LONG_S < total:
                    self._open(_LONG_EXERCISE, outcome, {"time_spent_s": total})

    def _fail(self, outcome: Outcome) -> None:
        kind = outcome.kind
        if kind is _RUN:
            self._failed_run(outcome)
        elif kind is _QUIZ:
            self._open(_LOW_QUIZ, outcome, {"quiz_id": outcome.item, "score": fraction(outcome.score or 0)})
        elif kind is _HELP and outcome.detail == STUCK:
            self._open(_STUCK, outcome, {"message_kind": STUCK})

    def _open(self, signal: Signal, outcome: Outcome, facts: dict[str, Any]) -> None:
        self.unresolved.append(len(self.signals))
        self.signals.append((signal, outcome, facts))
        self._concern(outcome)

    def _concern(self, trouble: Outcome) -> None:
        topic, item = trouble.topic, trouble.item
        if topic is not None or item is None:
            self.concerned.add(topic)
        if item is not None:
            self.concerned.add(item)

    def _resolve(self, success: Outcome) -> None:
        """Close what a success settles, and count anew what led to it."""
        left = []
        self.concerned.clear()
        for place in self.unresolved:
            signal, at, _ = self.signals[place]
            if _settles(success, at):
                self._forget(signal, at)
            else:
                left.append(place)
                self._concern(at)
        self.unresolved = left

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
            self._open(_FAILED_RUNS, run, {"failed_runs": failures})
        if run.detail is not None:
            times = self.errors.get((run.item, run.detail), 0) + 1
            self.errors[run.item, run.detail] = times
            if times == SAME_ERROR_TIMES:
                self._open(_REPEATED_ERROR, run, {"error_type": run.detail, "times": times})


def _settles(success: Outcome, trouble: Outcome) -> bool:
    topic, item = trouble.topic, trouble.item
    if topic is None and item is None:
        return True
    if topic is not None and topic == success.topic:
        return True
    return item is not None and item == success.item and (success.kind is _QUIZ) == (trouble.kind is _QUIZ)


def _exercise(outcome: Outcome) -> str | None:
    return None if outcome.kind is _QUIZ else outcome.item
