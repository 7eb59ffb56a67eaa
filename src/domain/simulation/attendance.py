"""On which days a student works: weekdays and weekends, holidays, exams, joining late and leaving early."""

from collections.abc import Iterator

from .dice import Dice
from .profiles import Profile

_SATURDAY = 5
_WEEK = 7
_ABSENCE = 1 / 55  # probability that days off begin
_ABSENCE_DAYS = (3, 9)
_EXAM_RUSH = 5  # days before an exam that are full of work
_RUSH = 0.9


def days_of_work(profile: Profile, days: int, first_weekday: int, dice: Dice) -> Iterator[int]:
    """Yield the days, counted from 0, on which a student works; the day of joining is always one."""
    joins = min(days - 1, round(days * dice.between(*profile.joins)))
    leaves = max(joins + 1, round(days * dice.between(*profile.leaves)))
    weekday = profile.weekday * dice.between(0.85, 1.1)
    weekend = profile.weekend * dice.between(0.0, 2.0)  # a habit of some, unknown to others
    exam, back = dice.whole(0, profile.exam_days), joins
    for day in range(joins, leaves):
        if day >= back and day > joins and dice.chance(_ABSENCE):
            back = day + dice.whole(*_ABSENCE_DAYS)
        usual = weekend if (first_weekday + day) % _WEEK >= _SATURDAY else weekday
        rush = profile.exam_days and (day + exam) % profile.exam_days >= profile.exam_days - _EXAM_RUSH
        if day == joins or (day >= back and dice.chance(_RUSH if rush else usual)):
            yield day
