"""Events of made-up students: believable, reproducible, all types; for demonstrations, tests and figures."""

from collections.abc import Iterator
from datetime import date, timedelta

from .simulation.attendance import days_of_work
from .simulation.diary import Diary, Wire
from .simulation.dice import Dice
from .simulation.profiles import profile_of
from .simulation.student import Student


def simulate(*, students: int, days: int, seed: int, last_day: date) -> Iterator[Wire]:
    """Yield the events of students 1, 2, … in their plain form, each student's in order of time.

    The days are those that end with the last day, UTC. The same arguments give the same events, and the events of a
    student do not depend on how many others there are.
    """
    first_day = last_day - timedelta(days=days - 1)
    for number in range(1, students + 1):
        dice = Dice(f"{seed}/{number}")
        profile = profile_of(number)
        student = Student(profile, Diary(f"student-{number:03}", dice), dice)
        for day in days_of_work(profile, days, first_day.weekday(), dice):
            yield from student.study(day, first_day + timedelta(days=day))
