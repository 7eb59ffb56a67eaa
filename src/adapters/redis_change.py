"""What a batch changes in the state of one student, worked out in memory: pure, and written by ``apply.lua``."""

from dataclasses import dataclass, field

from ..domain.aggregates import Aggregates
from ..domain.days import day_of
from ..domain.erasures import Erasure
from ..domain.events import Event, EventStatus
from ..domain.outcomes import WINDOW_SIZE, Outcome, OutcomeKind, Recent
from ..ports import Retention
from .packing import compress_outcomes, is_counted, join_outcomes, pack_aggregates, pack_counted, unpack_counted

OUTCOMES_SLACK = 40
"""A window is cut to its size when it has grown by this many outcomes, so that adding one need not read it."""

OUTCOMES_LOOSE = 50
"""Before that it is compressed at every multiple of this."""
INDEX_SLACK_DAYS = 2
"""The list of a day's checkpoints begins with the day and has to outlive the last of them; clocks differ a little."""

_DAY_S = 86_400
_ANSWER = OutcomeKind.ANSWER
_HELD_BYTES, _SERIES_BYTES, _SUMS_BYTES = 400, 500, 100


@dataclass(slots=True)
class Held:
    """A student's state as it was last read or written; an empty version is a student without state.

    Of the answers only their number is held; ``counted`` and the other outcomes, ``recent``, are packed as stored.
    ``erased`` is the marker that the state was made under, empty for a student never erased: a newer one deletes the
    state, so for as long as there is one it holds.
    """

    version: str = ""
    events: int = 0
    aggregates: Aggregates = field(default_factory=Aggregates)
    counted: bytes = b""
    answers: int = 0
    others: int = 0
    recent: bytes = b""
    erased: str = ""

    @property
    def size(self) -> int:
        """Return about how many bytes of memory it takes."""
        series = self.aggregates.series.values()
        sums = sum([len(part.days) for part in series])
        return len(self.counted) + len(self.recent) + _SERIES_BYTES * len(series) + _SUMS_BYTES * sums + _HELD_BYTES

    @property
    def first_day(self) -> int | None:
        """Return the first day that there is something of."""
        return min((part.days[0] for part in self.aggregates.series.values()), default=None)


@dataclass(slots=True)
class Part:
    """A student's part of a batch: the events with their positions in it, and what becomes of each."""

    positions: list[int] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    fresh: dict[int, Event] = field(default_factory=dict)
    statuses: list[EventStatus] = field(default_factory=list)
    answers: list[Outcome] = field(default_factory=list)
    others: list[Outcome] = field(default_factory=list)

    def judge(self, counted: bytes, erased: str = "") -> None:
        """Tell apart, given the ids counted and the marker of an erasure, what is new, what is not and what is refused.

        Conflicts with what was counted are told later. The outcomes of what is new are divided between the windows.
        """
        self.fresh, self.statuses = {}, []
        erasure = Erasure.decoded(erased) if erased else None
        for event in self.events:
            digest = event.digest
            if erasure is not None and erasure.refuses(event.received_us):
                self.statuses.append(EventStatus.REFUSED)
            elif digest in self.fresh:
                same = self.fresh[digest].content == event.content
                self.statuses.append(EventStatus.DUPLICATE if same else EventStatus.CONFLICT)
            elif is_counted(counted, digest):
                self.statuses.append(EventStatus.DUPLICATE)
            else:
                self.fresh[digest] = event
                self.statuses.append(EventStatus.APPLIED)
        outcomes = [outcome for event in self.fresh.values() for outcome in event.outcomes]
        self.answers = [outcome for outcome in outcomes if outcome.kind is _ANSWER]
        self.others = [outcome for outcome in outcomes if outcome.kind is not _ANSWER]


@dataclass(frozen=True, slots=True)
class Bytes:
    """How the bytes of a key change: appended to it, or put in its place."""

    how: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Change:
    """The next state of a student, and what has to be written for it."""

    after: Held
    answers: Bytes
    others: Bytes
    counted: Bytes
    lifetime_s: int

    def arguments(self, expected: str, checkpoint_s: int, contents: list[int]) -> list[str | int | bytes]:
        """Return the arguments of ``apply.lua``, in its order."""
        after = self.after
        head: list[str | int | bytes] = [expected, after.version, after.events, pack_aggregates(after.aggregates)]
        head += [after.first_day or 0, self.lifetime_s, checkpoint_s]
        for part in (self.answers, self.others, self.counted):
            head += [part.how, part.content]
        index_s = checkpoint_s + INDEX_SLACK_DAYS * _DAY_S
        return [*head, after.answers, after.others, after.erased, index_s, *contents]


def must_rewrite(held: Held, part: Part, kept_from: int) -> bool:
    """Tell whether the windows of outcomes have to be read and written anew: too long, too loose, or partly too old."""
    first = held.first_day
    if _has_grown(held.answers, len(part.answers)) or _has_grown(held.others, len(part.others)):
        return True
    return first is not None and first < kept_from


def _has_grown(before: int, added: int) -> bool:
    after = before + added
    return after > WINDOW_SIZE + OUTCOMES_SLACK or after // OUTCOMES_LOOSE > before // OUTCOMES_LOOSE


def change(
    held: Held, part: Part, *, now_us: int, retention: Retention, version: int, windows: Recent | None
) -> Change:
    """Return what the new events of a part make of a state; ``held`` is used up.

    ``windows`` holds the outcomes stored, where they have to be rewritten. A state of which retention keeps nothing has
    no lifetime left.
    """
    kept_from = retention.kept_from(day_of(now_us))
    aggregates = held.aggregates
    for event in part.fresh.values():
        aggregates.add(event.evidence)
    aggregates.trim(kept_from)
    last = max((series.days[-1] for series in aggregates.series.values()), default=kept_from - 1)
    answers, others = _outcomes(held, part, windows, kept_from)
    new_ids = pack_counted((event.day, digest) for digest, event in part.fresh.items())
    counted = held.counted + new_ids
    if windows is not None:
        counted = pack_counted((day, digest) for day, digest in unpack_counted(counted) if day >= kept_from)
    recent = held.recent + others[0].content if windows is None else others[0].content
    after = Held(
        version=str(version),
        events=held.events + len(part.fresh),
        aggregates=aggregates,
        counted=counted,
        answers=answers[1],
        others=others[1],
        recent=recent,
        erased=held.erased,
    )
    ids = Bytes("APPEND", new_ids) if windows is None else Bytes("SET", counted)
    lifetime_s = (last + retention.state_days) * _DAY_S - now_us // 1_000_000
    return Change(after if lifetime_s > 0 else Held(), answers[0], others[0], ids, lifetime_s)


def _outcomes(
    held: Held, part: Part, windows: Recent | None, kept_from: int
) -> tuple[tuple[Bytes, int], tuple[Bytes, int]]:
    if windows is None:
        return (
            (Bytes("APPEND", join_outcomes(part.answers)), held.answers + len(part.answers)),
            (Bytes("APPEND", join_outcomes(part.others)), held.others + len(part.others)),
        )
    windows.add(part.answers)
    windows.add(part.others)
    kept = windows.since(kept_from)
    return (
        (Bytes("SET", compress_outcomes(kept.answers)), len(kept.answers)),
        (Bytes("SET", compress_outcomes(kept.others)), len(kept.others)),
    )
