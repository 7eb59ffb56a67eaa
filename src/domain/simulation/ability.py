"""How able a student is: overall, in each topic and in each skill; practice raises it, time away lowers it."""

from dataclasses import dataclass
from math import sqrt

from .curriculum import CURRICULUM, Item, Topic
from .dice import Dice
from .profiles import Profile

ROOM = 1.4
"""The most that practice adds to a topic."""

GENERAL_ROOM = 1.2
"""The most that practice adds overall."""

_GENERAL_SHARE = 0.2  # of what is learned in a topic helps in every other too
_LASTING = 25  # after so many tasks, forgetting is half as fast


@dataclass(slots=True)
class Grasp:
    """Where a student stands in one topic."""

    talent: float
    gain: float = 0.0
    practice: int = 0
    last_day: int = 0


class Ability:
    """One student's ability, on the scale of hardness in ``curriculum``."""

    def __init__(self, profile: Profile, dice: Dice) -> None:
        self._profile = profile
        self._general = profile.ability + dice.noise(0.6)
        self._grown = 0.0
        self._grasps = {topic.name: Grasp(dice.noise(0.5) - topic.hardness) for topic in CURRICULUM}
        skills = {
            skill for topic in CURRICULUM for quiz in topic.quizzes for item in quiz.items for skill in item.skills
        }
        self._skills = {skill: dice.noise(0.4) for skill in sorted(skills)}

    def on(self, topic: Topic, day: int) -> float:
        """Return the ability in a topic on a day."""
        grasp = self._grasps[topic.name]
        return self._general + self._grown + grasp.talent + self._kept(grasp, day)

    def for_item(self, item: Item) -> float:
        """Return how much better than at the topic as a whole the student is at the hardest skill of a question."""
        return min(self._skills[skill] for skill in item.skills)

    def practised(self, topic: Topic) -> int:
        """Return how many tasks the student did in a topic."""
        return self._grasps[topic.name].practice

    def practise(self, topic: Topic, day: int, effort: float = 1.0) -> None:
        """Learn from a task: the more there is left to learn, the more."""
        grasp = self._grasps[topic.name]
        kept = self._kept(grasp, day)
        learned = self._profile.learning * effort * (ROOM - kept)
        grasp.gain, grasp.last_day = kept + learned, day
        grasp.practice += 1
        self._grown += learned * _GENERAL_SHARE * (GENERAL_ROOM - self._grown)

    def _kept(self, grasp: Grasp, day: int) -> float:
        away = max(0, day - grasp.last_day - 1)
        return grasp.gain / (1 + self._profile.forgetting * away / (1 + grasp.practice / _LASTING))


def success(margin: float) -> float:
    """Return how probable success is, given by how much ability exceeds hardness."""
    # The square root rounds the same on every machine, unlike exp().
    return 0.5 + 0.5 * margin / sqrt(1 + margin * margin)
