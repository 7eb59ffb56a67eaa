"""What must hold in the model when nothing is left to do."""

from collections.abc import Iterator

from ..schedule import Fault, Plan
from .surroundings import Contents, Notice, Surroundings, Update


def violations(around: Surroundings, plan: Plan) -> set[str]:
    """Return the names of the properties that do not hold."""
    found = set(_of_the_log(around))
    for student in range(plan.students):
        found |= set(_of_a_student(around, student, plan.faults))
    return found


def _of_the_log(around: Surroundings) -> Iterator[str]:
    for partition, records in enumerate(around.group.log):
        if around.applied(partition) != (len(records) or None):
            yield "the applied offset reaches the end"
        if around.published(partition) != (len(records) or None):
            yield "the published offset reaches the end"
        if any(not sent.valid and (partition, at) not in around.dead for at, sent in enumerate(records)):
            yield "what is invalid is buried"


def _of_a_student(around: Surroundings, student: int, faults: frozenset[Fault]) -> Iterator[str]:
    copies = [
        (sent, (partition, offset))
        for partition, records in enumerate(around.group.log)
        for offset, sent in enumerate(records)
        if sent.valid and sent.student == student
    ]
    erasure = around.ledger.get(student)
    copies = [(sent, at) for sent, at in copies if erasure is None or not erasure.refuses(sent.received)]
    state = around.state(student)
    contents = {} if state is None else dict(state.contents)
    if {sent.event for sent, _ in copies} - contents.keys():
        yield "nothing is lost"
    if contents.keys() - {sent.event for sent, _ in copies}:
        yield "what was erased stays erased"
    values = around.shard_of(student).values
    if not copies and any(values.get((kind, student)) is not None for kind in ("snapshot", "mark")):
        yield "what was erased stays erased"
    if not contents.items() <= {(sent.event, sent.content) for sent, _ in copies}:
        yield "content is one of those sent"
    if any(contents.get(sent.event) != sent.content and place not in around.dead for sent, place in copies):
        yield "what conflicts is buried"
    if state is not None:
        yield from _of_updates(around, student, state.contents, faults)
        yield from _of_notices(around, student, state.level, faults)


def _of_updates(around: Surroundings, student: int, final: Contents, faults: frozenset[Fault]) -> Iterator[str]:
    updates = [one for one in around.results if isinstance(one, Update) and one.student == student]
    if dict(final).keys() - {event for update in updates for event in update.causes}:
        yield "every event is a cause"
    # The revision is the number of erasures, then of events; of several with the same the reader has the last.
    read = sorted(updates, key=lambda update: (update.erasures, len(update.contents)))
    if [update.contents for update in read[-1:]] != [final]:
        yield "the update with the highest revision is of the final state"
    # A consumer that had lost its partition and dies may leave an old one behind.
    if Fault.DEATH not in faults and [update.contents for update in updates[-1:]] != [final]:
        yield "the last update is of the final state"
    if around.shard_of(student).values.get(("snapshot", student)) != final:
        yield "the snapshot is of the final state"


def _of_notices(around: Surroundings, student: int, level: int, faults: frozenset[Fault]) -> Iterator[str]:
    if around.mark(student) != level:
        yield "the mark is of the final state"
    noticed = [one.level for one in around.results if isinstance(one, Notice) and one.student == student]
    if level not in noticed:
        yield "the level that holds was noticed"
    # So may one that dies, and a store that has forgotten what was noticed.
    if not faults & {Fault.DEATH, Fault.ROLLBACK, Fault.REPLACEMENT} and noticed[-1:] != [level]:
        yield "the last notice is of the final state"
