"""What a student takes up next: the curriculum in order, with looks back and second tries."""

from ..evidence import Difficulty
from .ability import Ability
from .curriculum import CURRICULUM, Exercise, Quiz, Topic
from .dice import Dice
from .profiles import Profile

PASSED_QUIZ = 0.6
"""Who has this much of the last quiz right goes on to the next topic."""

_REVISIT = 0.2
_SECOND_TRY = 0.5
_LOWER, _UPPER = -0.1, 0.8  # abilities from which an intermediate and an advanced exercise suits
_BANDS = tuple(Difficulty)


class Plan:
    """How far a student has come, and what went wrong and waits for another try."""

    def __init__(self, profile: Profile, dice: Dice) -> None:
        self._quota = profile.quota
        self._dice = dice
        self._at = 0
        self._done: dict[Difficulty | str, int] = {}
        self._unsolved: dict[str, Exercise] = {}
        self._failed: dict[str, Quiz] = {}
        self._last_score = 0.0

    def topic(self) -> Topic:
        """Return the current topic, or now and then an earlier one."""
        if self._at and (self._at == len(CURRICULUM) or self._dice.chance(_REVISIT)):
            return CURRICULUM[self._dice.whole(0, self._at - 1)]
        return CURRICULUM[self._at]

    def exercise(self, topic: Topic, ability: float) -> Exercise:
        """Return an exercise that waits for another try, or the next one that suits the ability."""
        if topic.name in self._unsolved and self._dice.chance(_SECOND_TRY):
            return self._unsolved[topic.name]
        felt = ability + self._dice.noise(0.8)
        difficulty = _BANDS[(felt > _LOWER) + (felt > _UPPER)]
        exercises = topic.exercises[difficulty]
        return exercises[self._count(f"{topic.name} {difficulty}") % len(exercises)]

    def quiz(self, topic: Topic) -> Quiz:
        """Return a quiz that went badly, or the next one."""
        if topic.name in self._failed and self._dice.chance(_SECOND_TRY):
            return self._failed[topic.name]
        return topic.quizzes[self._count(f"{topic.name} quiz") % len(topic.quizzes)]

    def solved(self, topic: Topic, exercise: Exercise, *, solved: bool) -> None:
        """Remember how an exercise went."""
        if not solved:
            self._unsolved[topic.name] = exercise
        elif self._unsolved.get(topic.name) == exercise:
            del self._unsolved[topic.name]

    def scored(self, topic: Topic, quiz: Quiz, score: float) -> None:
        """Remember how a quiz went."""
        self._last_score = score
        if score < PASSED_QUIZ:
            self._failed[topic.name] = quiz
        elif self._failed.get(topic.name) == quiz:
            del self._failed[topic.name]

    def move_on(self, ability: Ability) -> None:
        """Go on to the next topic after enough tasks, and twice as many where the last quiz went badly."""
        if self._at < len(CURRICULUM):
            enough = self._quota if self._last_score >= PASSED_QUIZ else 2 * self._quota
            self._at += ability.practised(CURRICULUM[self._at]) >= enough

    def _count(self, name: str) -> int:
        """Return how often this was asked before."""
        before = self._done.get(name, 0)
        self._done[name] = before + 1
        return before
