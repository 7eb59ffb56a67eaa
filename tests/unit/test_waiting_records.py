"""Records that wait for their turn: in order, fair to every partition, and bounded."""

from collections import Counter

from src.dead_letters import Record
from src.waiting_records import PACKED, ROOM_BYTES, WaitingRecords

NEVER_FAILED: Counter[int] = Counter()


def record(partition: int, offset: int, value: bytes = b"12345678") -> Record:
    return Record(partition, offset, b"ab", value, (), 0)


def waiting(*places: tuple[int, int]) -> WaitingRecords:
    records = WaitingRecords()
    records.add(record(*place) for place in places)
    return records


def offsets(records: list[Record]) -> list[int]:
    return [one.offset for one in records]


def test_records_of_a_partition_are_taken_in_their_order() -> None:
    records = waiting((0, 5), (1, 7), (0, 6), (0, 8))
    assert offsets(records.take(0, records=2, size=ROOM_BYTES)) == [5, 6]
    assert offsets(records.take(0, records=2, size=ROOM_BYTES)) == [8]
    assert offsets(records.take(1, records=2, size=ROOM_BYTES)) == [7]
    assert not records


def test_of_a_backlog_every_record_comes_back_as_it_was() -> None:
    odd = [
        Record(0, 0, None, None, (), 7),
        Record(0, 1, b"\xff", b"\xc1" * 9, (("ce_id", b"\x00"), ("content-type", None)), 2**40),
    ]
    given = [*odd, *(record(0, offset) for offset in range(2, 2 * PACKED + 500))]
    records = WaitingRecords()
    records.add(given[: PACKED + 200])
    taken = records.take(0, records=700, size=ROOM_BYTES)
    records.add(given[PACKED + 200 :])
    while records:
        taken += records.take(0, records=700, size=ROOM_BYTES)
    assert taken == given


def test_a_backlog_takes_less_room_than_its_records_do_when_they_are_worked_on() -> None:
    backlog = [record(0, offset, b"x" * 1000) for offset in range(PACKED)]
    records = WaitingRecords()
    while not records.full:
        records.add(backlog)
    taken = records.take(0, records=10**9, size=10**12)
    assert sum(one.size for one in taken) > 1.2 * ROOM_BYTES


def test_a_batch_holds_no_more_bytes_than_it_may_but_one_record_at_least() -> None:
    records = waiting((0, 1), (0, 2), (0, 3))
    assert offsets(records.take(0, records=9, size=2 * record(0, 1).size)) == [1, 2]
    assert offsets(records.take(0, records=9, size=1)) == [3]


def test_every_partition_has_its_turn_before_one_has_another() -> None:
    records = waiting(*[(partition, offset) for partition in (2, 0, 1) for offset in range(9)])
    turns = []
    for _ in range(6):
        turns.append(records.turn(NEVER_FAILED))
        records.take(turns[-1], records=1, size=ROOM_BYTES)
    assert turns == [0, 1, 2, 0, 1, 2]


def test_a_partition_that_fails_has_its_turn_last_but_has_it() -> None:
    records = waiting(*[(partition, offset) for partition in range(3) for offset in range(9)])
    assert [records.turn(Counter({0: 2})) for _ in range(4)] == [1, 2, 0, 1]


def test_a_partition_with_nothing_left_has_no_turn() -> None:
    records = waiting((0, 1), (1, 1))
    assert records.turn(NEVER_FAILED) == 0
    records.take(0, records=1, size=ROOM_BYTES)
    records.drop(1)
    records.add([record(2, 4)])
    assert records.turn(NEVER_FAILED) == 2


def test_there_is_no_room_for_more_when_enough_bytes_wait() -> None:
    records = WaitingRecords()
    records.add([record(0, 1, b"x" * ROOM_BYTES), record(1, 1)])
    assert records.full
    records.drop(0)
    assert not records.full
    assert records


def test_what_was_taken_makes_room() -> None:
    records = WaitingRecords()
    records.add([record(0, 1, b"x" * ROOM_BYTES)])
    records.take(0, records=1, size=1)
    assert not records.full


def test_all_can_be_forgotten() -> None:
    records = waiting((0, 1), (1, 1))
    records.clear()
    assert not records


def test_records_without_a_value_and_headers_take_room_too() -> None:
    tombstone = Record(0, 1, None, None, (), 0)
    assert 0 < tombstone.size < Record(0, 1, None, None, (("a", b"b"), ("c", None)), 0).size
