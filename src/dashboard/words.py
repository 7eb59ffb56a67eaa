"""What the words of the field are called on pages, and what they mean; the texts of the catalogue that code chooses."""

from collections.abc import Mapping
from typing import Any

from ..audit import AuditOutcome
from ..domain.batches import BatchKind, BatchStatus
from ..domain.cohort_statistics import Group
from ..domain.events import EventStatus
from ..domain.evidence import Component
from ..domain.explanation import Action
from ..domain.levels import Level, Status
from ..domain.model import Method
from ..domain.outcomes import OutcomeKind
from ..domain.recommendations import Doing
from ..domain.struggles import Signal
from ..health import CheckStatus
from ..ports import Handling


def N_(text: str) -> str:  # noqa: N802  # the name that tools for catalogues look for
    """Mark a text for the catalogue; it is translated where it is shown."""
    return text


LEVELS: Mapping[Level, str] = {
    Level.BEGINNER: N_("Beginner"),
    Level.DEVELOPING: N_("Developing"),
    Level.COMPETENT: N_("Competent"),
    Level.PROFICIENT: N_("Proficient"),
    Level.EXPERT: N_("Expert"),
}
LEVEL_NUMBERS = {level: number for number, level in enumerate(Level, 1)}

ENCOURAGEMENT: Mapping[Level, str] = {
    Level.BEGINNER: N_("You are at the start, and that is where learning is fastest. Each thing you try counts a lot."),
    Level.DEVELOPING: N_("You are getting the hang of it. Keep going: what you do this week shows quickly."),
    Level.COMPETENT: N_("You can do this. A little regular practice makes it stick."),
    Level.PROFICIENT: N_("You know this well. Now and then a look back keeps it fresh."),
    Level.EXPERT: N_("You know this really well. Time for something new, or to help somebody else."),
}

STATUSES: Mapping[Status, str] = {
    Status.NO_EVIDENCE: N_("Nothing yet"),
    Status.INSUFFICIENT_EVIDENCE: N_("Too early to tell"),
    Status.OK: N_("Known"),
}

COMPONENTS: Mapping[Component, str] = {
    Component.COMPLETION: N_("Exercises"),
    Component.QUIZ: N_("Quizzes"),
    Component.QUALITY: N_("Code quality"),
    Component.CONSISTENCY: N_("Regular practice"),
}

COMPONENT_MEANINGS: Mapping[Component, str] = {
    Component.COMPLETION: N_("How much of what was tried in exercises came out right. Harder exercises count more."),
    Component.QUIZ: N_("How many of the questions in quizzes were answered right. Longer quizzes count more."),
    Component.QUALITY: N_("How good the code was found by those who looked at it."),
    Component.CONSISTENCY: N_("On how many of the last 14 days something was done; ten are enough for everything."),
}

ACTIONS: Mapping[Action, str] = {
    Action.COMPLETE_EXERCISE: N_("Solve one more exercise"),
    Action.TAKE_QUIZ: N_("Take one more quiz"),
    Action.HAVE_CODE_ASSESSED: N_("Have your code looked at"),
    Action.BE_ACTIVE: N_("Do something today"),
}

DOINGS: Mapping[Doing, str] = {
    Doing.LEARN: N_("Start"),
    Doing.PRACTISE: N_("Practise"),
    Doing.REVIEW: N_("Look at again"),
    Doing.CONSOLIDATE: N_("Keep fresh"),
}

REASONS: Mapping[str, str] = {
    "not_started": N_("This is new for you."),
    "little_evidence": N_("There is not enough to tell yet how well it goes."),
    "low_mastery": N_("It is not quite there yet."),
    "mastered": N_("You know this already."),
    "review_due": N_("It has been a while: a short look now keeps you from forgetting it."),
    "remembered": N_("You still have it fresh in mind."),
    "prerequisites_met": N_("You have everything that you need for it."),
    "unlocks": N_("It opens the way to more topics."),
}

OUTCOMES: Mapping[OutcomeKind, str] = {
    OutcomeKind.ANSWER: N_("Answer"),
    OutcomeKind.EXERCISE: N_("Exercise"),
    OutcomeKind.QUIZ: N_("Quiz"),
    OutcomeKind.RUN: N_("Run"),
    OutcomeKind.HELP: N_("Asked for help"),
}

GROUPS: Mapping[Group, str] = {
    Group.NEEDS_HELP: N_("Needs help now"),
    Group.INACTIVE: N_("Has been away"),
    Group.ON_TRACK: N_("On track"),
    Group.EXCELLING: N_("Excelling"),
    Group.NO_DATA: N_("Nothing known yet"),
}

SIGNALS: Mapping[Signal, str] = {
    Signal.REPEATED_ERROR: N_("Same error again and again"),
    Signal.FAILED_RUNS: N_("Many failed runs in a row"),
    Signal.LONG_EXERCISE: N_("Long time at one exercise"),
    Signal.LOW_QUIZ: N_("Low quiz result"),
    Signal.STUCK: N_("Said to be stuck"),
}

SURENESS = (
    (0.2, N_("A first impression")),
    (0.5, N_("Somewhat sure")),
    (0.8, N_("Quite sure")),
    (1.01, N_("Very sure")),
)
"""Up to which confidence something is said to be how sure."""


def sureness(confidence: float) -> tuple[int, str]:
    """Return how sure something is: a number from 1 to 4, and the words for it; 0 where nothing is known."""
    if not confidence:
        return 0, N_("Nothing to go by yet")
    return next((step, text) for step, (below, text) in enumerate(SURENESS, 1) if confidence < below)


def said(words: Mapping[Any, str], key: object) -> str:
    """Return the text for a word, or the word itself where it is one of a later version."""
    return words.get(key, str(key))


EVENT_STATUSES: Mapping[EventStatus, str] = {
    EventStatus.APPLIED: N_("Counted"),
    EventStatus.QUEUED: N_("Queued"),
    EventStatus.DUPLICATE: N_("Known already"),
    EventStatus.CONFLICT: N_("Same id, other content"),
    EventStatus.EXPIRED: N_("Too old"),
    EventStatus.REFUSED: N_("Of an erased student"),
    EventStatus.INVALID: N_("Not valid"),
}

HANDLINGS: Mapping[Handling, str] = {
    Handling.REPLAYED: N_("Sent again"),
    Handling.DISCARDED: N_("Discarded"),
}

CHECKS: Mapping[CheckStatus, str] = {
    CheckStatus.OK: N_("Works"),
    CheckStatus.DEGRADED: N_("Works in part"),
    CheckStatus.UNAVAILABLE: N_("Away"),
}

AUDIT_OUTCOMES: Mapping[AuditOutcome, str] = {
    AuditOutcome.ALLOWED: N_("Allowed"),
    AuditOutcome.DENIED: N_("Denied"),
    AuditOutcome.FAILED: N_("Failed"),
}

PLACES: Mapping[str, str] = {
    "state": N_("What was learned"),
    "cohorts": N_("Classes"),
    "batches": N_("Jobs"),
    "cached_answers": N_("Answers in memory"),
    "dead_letters": N_("Dead letters"),
    "rejected_imports": N_("Rejected imports"),
    "audit_history": N_("The way to the audit trail"),
}

BATCH_KINDS: Mapping[BatchKind, str] = {
    BatchKind.MASTERY: N_("Where each of them stands"),
    BatchKind.PREDICTION: N_("How each of them will go on"),
    BatchKind.RECOMMENDATION: N_("What each of them does next"),
    BatchKind.RECOMPUTE: N_("Whose level other settings would change"),
}

BATCH_STATUSES: Mapping[BatchStatus, str] = {
    BatchStatus.QUEUED: N_("Waits"),
    BatchStatus.RUNNING: N_("Runs"),
    BatchStatus.COMPLETED: N_("Done"),
    BatchStatus.FAILED: N_("Broken off"),
    BatchStatus.CANCELLED: N_("Stopped"),
}

METHODS: Mapping[Method, str] = {
    Method.DECAYING_AVERAGE: N_("Average, the older the less"),
    Method.AVERAGE: N_("Average"),
    Method.LATEST: N_("The latest"),
    Method.HIGHEST: N_("The highest"),
}
