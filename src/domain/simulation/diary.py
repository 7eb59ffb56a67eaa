"""Where a student's acts become events in the plain wire form."""

from datetime import date
from typing import Any, TypeAlias

from ..events import ALIASES, EventType
from .curriculum import Topic
from .dice import Dice

Wire: TypeAlias = dict[str, Any]

SOURCES = {
    EventType.EXERCISE_COMPLETED: "exercise-agent",
    EventType.QUIZ_COMPLETED: "quiz-agent",
    EventType.QUALITY_ASSESSED: "review-agent",
    EventType.ACTIVITY_RECORDED: "classroom",
    EventType.CODE_EXECUTED: "code-runner",
    EventType.HELP_REQUESTED: "tutor-agent",
}
"""Who sends events of a type."""

_ALIAS_OF = {name: alias for alias, name in ALIASES.items()}
_ALIASED = 0.04  # of the events come under the name that LearnFlow's bus gives them


class Diary:
    """The events of one student in order of time, a day at a time; ``clock`` is the second of the day."""

    def __init__(self, student_id: str, dice: Dice) -> None:
        self._student_id = student_id
        self._dice = dice
        self._date = ""
        self._events: list[Wire] = []
        self.clock = 0

    def open(self, day: date, second: int) -> None:
        """Begin a day at a second of it."""
        self._date, self.clock = day.isoformat(), second
        self._events = []

    def close(self) -> list[Wire]:
        """Return the events of the day."""
        return self._events

    def spend(self, low: float, high: float) -> int:
        """Let from low to high seconds pass; return how many."""
        seconds = int(self._dice.between(low, high)) + 1
        self.clock += seconds
        return seconds

    def write(self, event_type: EventType, topic: Topic | None, data: Wire) -> None:
        """Note what happened just now; the next event happens later."""
        name = event_type.value
        if event_type in _ALIAS_OF and self._dice.chance(_ALIASED):
            name = _ALIAS_OF[event_type]
        minutes, second = divmod(self.clock, 60)
        self._events.append(
            {
                "event_id": f"{self._date}-{len(self._events) + 1:02}-{event_type.partition('.')[0]}",
                "event_type": name,
                "student_id": self._student_id,
                "timestamp": f"{self._date}T{minutes // 60:02}:{minutes % 60:02}:{second:02}Z",
                **({} if topic is None else {"topic": topic.name}),
                "source": SOURCES[event_type],
                "data": data,
            }
        )
        self.clock += 1
