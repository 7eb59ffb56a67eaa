"""A made-up student at work: exercises with their runs and cries for help, quizzes, assessments, activity."""

from datetime import date, timedelta

from ..events import EventType
from .ability import Ability, success
from .curriculum import HARDNESS, Exercise, Item, Topic
from .diary import Diary, Wire
from .dice import Dice
from .plan import Plan
from .profiles import Profile

ASKS_AFTER = 3
"""Failed runs after which a student thinks of asking."""

GUESS = 0.2
"""Probability of hitting on the right answer to a question without knowing it."""

RATINGS = {"code_quality_score": 1.0, "correctness_score": 0.7, "efficiency_score": 0.4, "peer_review_score": 0.2}
"""How often a rating is among those of an assessment."""

_SESSION_S = 7_200  # nobody begins another task after two hours
_FIRST_HOUR, _LAST_HOUR, _EARLIER_OR_LATER = (
    7.0,
    19.0,
    1.5,
)  # of starts: two hours and one more task (an hour at most) end before midnight
_BAD_DAY, _BAD_MOOD, _MOOD = 0.1, -0.7, 0.25
_WEEK = 7
_FIRST_QUIZ, _FIRST_SET = 3, 4  # tasks in a topic before its first quiz and its first set of exercises

# Probabilities
_QUIZ, _ASSESSMENT, _WONDERS = 0.3, 0.3, 0.03  # with a task
_SEEN, _RECAP, _READ = 0.3, 0.5, 0.15  # with a day: seen at work; a list of the week's days; a day of reading in it
_WORKS, _WORKS_BY_LUCK = 0.85, 0.06  # a run, with the exercise understood and without
_SAME_ERROR, _STUCK, _HELPED = 0.65, 0.5, 0.4  # an error comes again; who asks says so; an answer helps
_SCORED, _JUDGED = 0.4, 0.4  # an exercise by a number, by passed or not; the others are counted
_UNRATED, _UNITEMISED = 0.1, 0.08  # an exercise without difficulty, a quiz without responses


class Student:
    """One student's days, written into a diary."""

    def __init__(self, profile: Profile, diary: Diary, dice: Dice) -> None:
        self._profile, self._diary, self._dice = profile, diary, dice
        self._ability = Ability(profile, dice)
        self._plan = Plan(profile, dice)
        self._usual_hour = dice.between(_FIRST_HOUR, _LAST_HOUR)
        self._day = 0
        self._mood = 0.0
        self._days: list[int] = []
        self._recapped: int | None = None

    def study(self, day: int, on: date) -> list[Wire]:
        """Return the events of a day with work: its number, counted from 0, and its date."""
        start = self._begin(day, on)
        for _ in range(self._dice.whole(*self._profile.tasks)):
            self._task(self._plan.topic())
            self._plan.move_on(self._ability)
            if self._diary.clock > start + _SESSION_S:
                break
        return self._diary.close()

    def _begin(self, day: int, on: date) -> int:
        """Sit down to work; return the second of the day."""
        start = int(3600 * (self._usual_hour + self._dice.noise(_EARLIER_OR_LATER)))
        self._day = day
        self._mood = _BAD_MOOD if self._dice.chance(_BAD_DAY) else self._dice.noise(_MOOD)
        self._days = [*self._days[1 - _WEEK :], day]
        self._diary.open(on, start)
        self._be_seen(on)
        return start

    def _be_seen(self, on: date) -> None:
        """Have activity recorded: of today or, once a week, of the days since the last time."""
        if self._recapped is None:
            self._recapped = self._day
        if self._day >= self._recapped + _WEEK and self._dice.chance(_RECAP):
            since = range(max(self._recapped + 1, self._day - _WEEK + 1), self._day + 1)
            active = [day for day in since if day in self._days or self._dice.chance(_READ)]
            dates = [(on - timedelta(days=self._day - day)).isoformat() for day in active]
            self._diary.write(EventType.ACTIVITY_RECORDED, None, {"activity_dates": dates})
            self._recapped = self._day
        elif self._dice.chance(_SEEN):
            self._diary.write(EventType.ACTIVITY_RECORDED, None, {})

    def _task(self, topic: Topic) -> None:
        """Work on an exercise, and perhaps have the code assessed and take a quiz."""
        solved = self._work_on(topic, self._plan.exercise(topic, self._level(topic)))
        if solved and self._dice.chance(_ASSESSMENT):
            self._have_assessed(topic)
        if self._dice.chance(_WONDERS):
            self._diary.spend(10, 60)
            self._diary.write(EventType.HELP_REQUESTED, topic, {"message_kind": "question"})
        if self._ability.practised(topic) >= _FIRST_QUIZ and self._dice.chance(_QUIZ):
            self._take_quiz(topic)

    def _level(self, topic: Topic) -> float:
        return self._ability.on(topic, self._day) + self._mood

    def _work_on(self, topic: Topic, exercise: Exercise) -> bool:
        """Run code until it works or patience ends; return whether it works."""
        grasp = success(self._level(topic) - HARDNESS[exercise.difficulty])
        began = self._diary.clock
        self._diary.spend(20, 120)
        solved = self._try(topic, exercise, understood=self._dice.chance(grasp))
        self._diary.spend(5, 30)
        data = {"exercise_id": exercise.id, "time_spent_s": self._diary.clock - began}
        if not self._dice.chance(_UNRATED):
            data["difficulty"] = exercise.difficulty.value
        self._diary.write(EventType.EXERCISE_COMPLETED, topic, data | self._result(topic, grasp, solved=solved))
        self._ability.practise(topic, self._day)
        self._plan.solved(topic, exercise, solved=solved)
        return solved

    def _try(self, topic: Topic, exercise: Exercise, *, understood: bool) -> bool:
        error = None
        for tried in range(1, self._profile.tries + 1):
            self._diary.spend(*((30, 150) if understood else (60, 270)))
            works = self._dice.chance(_WORKS - self._profile.slip if understood else _WORKS_BY_LUCK)
            data = {"exercise_id": exercise.id, "success": works}
            if not works:
                if error is None or not self._dice.chance(_SAME_ERROR):
                    error = self._dice.pick(topic.errors)
                data["error_type"] = error
            self._diary.write(EventType.CODE_EXECUTED, topic, data)
            if works:
                return True
            if tried >= ASKS_AFTER and self._dice.chance(self._profile.asks):
                understood |= self._ask(topic, exercise, understood=understood)
        return False

    def _ask(self, topic: Topic, exercise: Exercise, *, understood: bool) -> bool:
        """Ask for help with an exercise; return whether it helped."""
        self._diary.spend(10, 60)
        kind = "stuck" if not understood and self._dice.chance(_STUCK) else "question"
        self._diary.write(EventType.HELP_REQUESTED, topic, {"message_kind": kind, "exercise_id": exercise.id})
        self._diary.spend(30, 90)
        return self._dice.chance(_HELPED)

    def _result(self, topic: Topic, grasp: float, *, solved: bool) -> Wire:
        """Return one of the three ways to say how an exercise went."""
        way = self._dice.roll()
        share = 0.7 + 0.3 * grasp + self._dice.noise(0.1) if solved else grasp * self._dice.between(0.2, 0.8)
        if way < _SCORED:
            return {"score": _rounded(share)}
        if way < _SCORED + _JUDGED or self._ability.practised(topic) < _FIRST_SET:
            return {"passed": solved}
        total = self._dice.whole(3, 6)
        return {"total_exercises": total, "completed_exercises": min(total, round(share * total))}

    def _take_quiz(self, topic: Topic) -> None:
        quiz = self._plan.quiz(topic)
        level = self._level(topic)
        seconds = self._diary.spend(15 * len(quiz.items), 60 * len(quiz.items))
        answers = [self._answer(item, level) for item in quiz.items]
        total, correct = len(answers), sum(answers)
        data = {"quiz_id": quiz.id, "total_questions": total, "correct_answers": correct, "time_spent_s": seconds}
        if not self._dice.chance(_UNITEMISED):
            data["responses"] = [
                {"item": item.id, "skills": list(item.skills), "correct": right}
                for item, right in zip(quiz.items, answers, strict=True)
            ]
        self._diary.write(EventType.QUIZ_COMPLETED, topic, data)
        self._ability.practise(topic, self._day, effort=0.5)
        self._plan.scored(topic, quiz, correct / total)

    def _answer(self, item: Item, level: float) -> bool:
        knows = success(level + self._ability.for_item(item) - item.hardness)
        return self._dice.chance(GUESS + (1 - GUESS - self._profile.slip) * knows)

    def _have_assessed(self, topic: Topic) -> None:
        self._diary.spend(30, 240)
        worth = success(self._level(topic) + 0.2)
        given = [name for name, share in RATINGS.items() if self._dice.chance(share)]
        ratings = {name: _rounded(worth + self._dice.noise(0.15)) for name in given}
        self._diary.write(EventType.QUALITY_ASSESSED, topic, ratings)


def _rounded(share: float) -> float:
    return round(min(1.0, max(0.0, share)), 3)
