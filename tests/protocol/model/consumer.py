"""A consumer of the model: a generator that yields where it may stall, die or be overtaken.

What lies between two yields is one durable action.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from src.errors import InstanceChanged

from ..group import Owner
from ..instance import Instance, lowest
from ..schedule import Loss
from .rules import Rule
from .surroundings import Notice, Sent, State, Surroundings, Update
from .surroundings import number as kept

Causes: TypeAlias = Mapping[int, frozenset[int]]
"""Students with the events that their next update answers."""


@dataclass(slots=True)
class Held:
    """A partition as a consumer holds it: the offsets as it read or left them, the applied one on each shard."""

    owner: Owner
    position: int
    applied: list[int | None]
    published: int


class ModelConsumer:
    """One consumer; all that it knows is gone when it dies."""

    def __init__(self, number: int, around: Surroundings) -> None:
        self.number = number
        self.stalled = 0
        self._around = around
        self._be_born()

    def _be_born(self) -> None:
        self._run: list[int] = []
        self._held: dict[int, Held] = {}
        self._unfinished: dict[int, int | None] = {}
        self._seen = dict(self._around.ledger)
        self._idle = False
        self._life = self._live()

    async def step(self, loss: Loss | None = None) -> None:
        del loss  # a model has no connection that might break; it dies instead
        next(self._life)

    async def die(self) -> None:
        self._life.close()
        self._be_born()

    def at_rest(self) -> bool:
        group = self._around.group
        reached = {number: (held.owner, held.position) for number, held in self._held.items()}
        wanted = {number: (group.owners[number], len(group.log[number])) for number in group.owned_by(self.number)}
        return self._idle and self._run == self._around.run and reached == wanted

    # -- the loop

    def _live(self) -> Generator[None, None, None]:
        fresh = True
        while True:
            self._idle = True
            yield
            self._idle = False
            try:
                if fresh or self._notices_another_instance():
                    fresh = False
                    yield from self._begin()
                self._seen = dict(self._around.ledger)
                self._leave()
                yield from self._resume()
                yield from self._work()
            except InstanceChanged:
                self._say("is refused by another instance")
                fresh = True

    def _notices_another_instance(self) -> bool:
        return self._run != self._around.run and self._around.chance.notices(0.5)

    def _begin(self) -> Iterator[None]:
        """Meet the store as it is, and publish again what was not finished."""
        self._run = self._around.run
        self._held.clear()
        self._say("meets run %s", self._run)
        yield from self._erase_again()
        if self._around.has(Rule.CARRY_UNFINISHED):
            yield from self._settle({student: frozenset() for student in self._unfinished}, [])
        self._unfinished.clear()

    def _erase_again(self) -> Iterator[None]:
        """Apply the ledger to the store as it is."""
        for student, erasure in list(self._around.ledger.items()):
            self._check(self._around.shard_of(student))
            self._around.carry_out(student, erasure)
            yield

    def _leave(self) -> None:
        """Notice, sooner or later, that partitions have gone to others."""
        owners, chance = self._around.group.owners, self._around.chance
        for number in list(self._held):
            if owners[number] != self._held[number].owner and chance.notices(0.7):
                del self._held[number]

    def _resume(self) -> Iterator[None]:
        """Find out where to go on with the partitions that are new here."""
        group = self._around.group
        for number in group.partitions:
            if group.owners[number].consumer == self.number and number not in self._held:
                owner, committed = group.owners[number], group.committed[number]
                applied, published = list[int | None](), list[int | None]()
                for shard in self._around.told_by:
                    yield
                    self._check(shard)
                    applied.append(kept(shard, "applied", number))
                    published.append(kept(shard, "published", number))
                position = self._lowest(committed, *applied, *published)
                self._held[number] = Held(owner, position, applied, lowest(published) or 0)
                self._say("resumes p%s at %s of %s", number, position, (committed, applied, published))
                yield

    def _lowest(self, *offsets: int | None) -> int:
        if self._around.has(Rule.MISSING_IS_BEGINNING):
            return min(offset or 0 for offset in offsets)
        return min((offset for offset in offsets if offset is not None), default=0)

    # -- a batch

    def _work(self) -> Iterator[None]:
        """Do a batch of a partition in which there is something to read."""
        group, chance = self._around.group, self._around.chance
        ready = [number for number, held in self._held.items() if held.position < len(group.log[number])]
        if not ready:
            return
        number = chance.choice(ready)
        held = self._held[number]
        records = list(enumerate(group.log[number]))[held.position :][: chance.randint(1, 4)]
        self._say("takes p%s[%s:%s]", number, held.position, held.position + len(records))
        yield
        yield from self._process(number, held, records)

    def _process(self, number: int, held: Held, records: list[tuple[int, Sent]]) -> Iterator[None]:
        end = held.position + len(records)
        dead = [offset for offset, sent in records if not sent.valid]
        causes: dict[int, frozenset[int]] = {}
        for student in dict.fromkeys(sent.student for _, sent in records if sent.valid):
            mine = [(offset, sent) for offset, sent in records if sent.valid and sent.student == student]
            dead += self._apply(student, mine, held, causes)
            yield
        if not (yield from self._move_applied(number, held, end)):
            self._say("finds the applied offset of p%s moved", number)
            del self._held[number]
            return
        once = self._around.has(Rule.BURY_ONCE)
        yield from self._settle(causes, [(number, at) for at in dead if at >= held.published or not once])
        yield from self._move_published(number, held, end)
        accepted = self._around.group.commit(number, held.owner, end)
        self._say("commits p%s at %s: %s", number, end, accepted)
        held.position = end

    def _apply(
        self, student: int, sent: Iterable[tuple[int, Sent]], held: Held, causes: dict[int, frozenset[int]]
    ) -> list[int]:
        """Apply a student's events in one step; return the offsets of those in conflict."""
        shard = self._around.shard_of(student)
        self._check(shard)
        state = self._around.state(student)
        contents = dict(state.contents) if state else {}
        fresh, repeated, refused, conflicts = set[int](), set[int](), set[int](), list[int]()
        for offset, (_, event, content, _, received) in sent:
            if self._refuses(student, received):
                refused.add(event)
            elif event not in contents:
                contents[event] = content
                fresh.add(event)
            elif contents[event] != content:
                conflicts.append(offset)
            elif self._repeats(offset, held):
                repeated.add(event)
        if fresh:
            version = state.version + 1 if state else self._around.chance.getrandbits(30)
            shard.write({("state", student): State(version, frozenset(contents.items()))})
        self._say("applies %s to student %s, repeats %s, buries %s", fresh, student, repeated, conflicts)
        self._say("refuses %s", refused)
        if fresh or repeated:
            causes[student] = frozenset(fresh | repeated)
        return conflicts

    def _refuses(self, student: int, received: int) -> bool:
        """Tell whether an event is of a student who was erased and had not consented."""
        reads = self._around.has(Rule.READ_THE_MARKER)
        erasure = self._around.marker(student) if reads else self._seen.get(student)
        return erasure is not None and erasure.refuses(received)

    def _repeats(self, offset: int, held: Held) -> bool:
        """Tell whether a duplicate has to be published again."""
        if self._around.has(Rule.REPEAT_DUPLICATES):
            return offset >= held.published
        return held.published <= offset < (lowest(held.applied) or 0)

    def _move_applied(self, number: int, held: Held, end: int) -> Generator[None, None, bool]:
        for place, shard in enumerate(self._around.told_by):
            self._check(shard)
            now, seen = kept(shard, "applied", number), held.applied[place]
            if self._around.has(Rule.EXPECT_WHAT_WAS_SEEN):
                moves, target = now == seen, max(seen or 0, end)
            else:
                moves, target = (now or 0) == held.position, end
            if not moves:
                return False
            held.applied[place] = target
            shard.write({("applied", number): target})
            self._say("has applied p%s to %s", number, target)
            yield
        return True

    def _move_published(self, number: int, held: Held, end: int) -> Iterator[None]:
        keeps = self._around.has(Rule.NEVER_BACKWARDS)
        reached = []
        for shard in self._around.told_by:
            self._check(shard)
            reached.append(max(kept(shard, "published", number) or 0, end) if keeps else end)
            shard.write({("published", number): reached[-1]})
            self._say("has published p%s to %s", number, reached[-1])
            yield
        held.published = min(reached)

    # -- publishing

    def _settle(self, causes: Causes, dead: Iterable[tuple[int, int]]) -> Iterator[None]:
        """Publish and finish, and again those students that have changed meanwhile."""
        for place in dead:
            self._around.dead.append(place)
            self._say("buries p%s[%s]", *place)
            yield
        left = causes
        while left:
            derived: dict[int, tuple[State, int | None, int]] = {}
            for student in left:
                self._derive(student, derived)
                yield
            for student, (state, mark, erasures) in derived.items():
                yield from self._publish(student, state, mark, Update(student, state.contents, left[student], erasures))
            yield
            again: dict[int, frozenset[int]] = {}
            for student, (state, *_) in derived.items():
                if self._finish(student, state) and self._around.has(Rule.DERIVE_AGAIN):
                    again[student] = left[student]
                yield
            left = again

    def _derive(self, student: int, derived: dict[int, tuple[State, int | None, int]]) -> None:
        self._check(self._around.shard_of(student))
        state = self._around.state(student)
        if state is None:
            return
        mark = self._around.mark(student)
        if self._around.has(Rule.COMPARE_WITH_JUST_TOLD):
            mark = self._unfinished.get(student, mark)
        marker = self._around.marker(student)
        derived[student] = state, mark, 0 if marker is None else marker.number
        self._say("derives student %s from %s", student, sorted(state.contents))

    def _publish(self, student: int, state: State, mark: int | None, update: Update) -> Iterator[None]:
        self._unfinished[student] = mark
        self._around.results.append(update)
        self._say("PUBLISHES %s", update)
        yield
        if state.level != mark:
            self._unfinished[student] = state.level
            self._around.results.append(Notice(student, state.level))
            self._say("NOTICES student %s: %s, was %s", student, state.level, mark)
            yield

    def _finish(self, student: int, state: State) -> bool:
        """Keep what was derived; tell whether it has to be done again because the student has changed."""
        shard = self._around.shard_of(student)
        self._check(shard)
        now = self._around.state(student)
        if self._around.has(Rule.FINISH_IF_UNCHANGED) and now is not None and now.version != state.version:
            self._say("finds student %s changed", student)
            return True
        self._unfinished.pop(student, None)
        if now is not None or not self._around.has(Rule.FINISH_IF_UNCHANGED):
            shard.write({("snapshot", student): state.contents, ("mark", student): state.level})
            self._say("keeps snapshot and mark %s of student %s", state.level, student)
        return False

    def _check(self, shard: Instance) -> None:
        """Be refused where a shard is another instance."""
        shard.meet(self._run[self._around.shards.index(shard)] if self._around.has(Rule.FENCE) else None)

    def _say(self, text: str, *details: object) -> None:
        self._around.trace.say("consumer %s " + text, self.number, *details)
