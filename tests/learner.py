"""A small model made by hand, and answers, for tests of the learner."""

import random

from src.domain.learner_history import FEATURES, FEATURES_VERSION
from src.domain.outcomes import Outcome, OutcomeKind
from src.model_artefact import FORM, Content, TreeContent, write_artefact

MINUTE_US = 60_000_000
MICRO = 1_000_000


def content(**changes: object) -> Content:
    """Return what a model is made of: two items of one skill, and trees that look at all kinds of features."""
    tables = {
        "skills": {"add": (100, 60), "carry": (50, 20)},
        "sets": {"add\x1fcarry": (20, 8)},
        "items": {"easy": (40, 36), "hard": (40, 10)},
        "leads": {"easy": (7 * MICRO, 6 * MICRO), "hard": (8 * MICRO, -9 * MICRO)},
        "runs": {"add\x1f1": (30, 21)},
        "habits": {"": (60, 30), "1": (50, 35), "0": (40, 18)},
        "returns": {"1\x1fhard": (10, 4)},
        "steps": {"easy\x1f1\x1fhard": (12, 5)},
        "turns": {"add\x1f0\x1fadd": (25, 11)},
        "habit_leads": {"1\x1f1\x1f1": (9 * MICRO, MICRO)},
        "run_leads": {"add\x1f1": (6 * MICRO, 2 * MICRO)},
        "step_leads": {"easy\x1f1\x1fhard": (2 * MICRO, -MICRO)},
    }
    trees = tuple(
        stump(name, at)
        for name, at in (("ability", 0.4), ("step", 0.0), ("gap", 5.0), ("fast", 0.1), ("ability_step_lead", 0.2))
    )
    given: dict[str, object] = {
        "form": FORM,
        "features_version": FEATURES_VERSION,
        "features": FEATURES,
        "everything": (150, 80),
        "tables": tables,
        "start": 0.2,
        "trees": trees,
        "about": {"students": 12},
    }
    return Content(**(given | changes))  # type: ignore[arg-type]  # what a test changes may be wrong


def stump(name: str, threshold: float) -> TreeContent:
    """Return a tree that asks for one feature."""
    return TreeContent((FEATURES.index(name),), (threshold,), (-1,), (-2,), (-0.4, 0.3))


def artefact(**changes: object) -> bytes:
    """Return the bytes of the model."""
    return write_artefact(content(**changes), "2026-01-15T10:30:00Z")[1]


def answers(number: int, seed: int = 1) -> list[Outcome]:
    """Return answers of one student, oldest first, some at the same time, some of unknown questions."""
    dice = random.Random(seed)
    at_us, found = 1_700_000_000 * MICRO, []
    for place in range(number):
        at_us += dice.choice((0, 20, 60, 90_000)) * MICRO
        skills = dice.choice((("add",), ("carry",), ("carry", "add"), ("never-seen",), ()))
        item = dice.choice(("easy", "hard", "new", None))
        right = dice.choice((0, MICRO))
        event_id = f"e-{place:06d}"
        found.append(Outcome(at_us, event_id, 1, OutcomeKind.ANSWER, None, item, right, None, None, skills))
    return found
