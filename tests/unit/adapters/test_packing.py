"""State as bytes comes back as it was."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.adapters.packing import (
    compress_outcomes,
    is_counted,
    join_outcomes,
    pack_aggregates,
    pack_counted,
    pack_outcomes,
    split_outcomes,
    unpack_aggregates,
    unpack_counted,
    unpack_outcomes,
)
from src.domain.aggregates import Aggregates
from src.domain.evidence import Component, Evidence
from src.domain.outcomes import Outcome, OutcomeKind

texts = st.text(max_size=20)
maybe = st.none() | texts
days = st.integers(-719_162, 2_932_896)  # of the years 1 to 9999
digests = st.integers(-(2**63), 2**63 - 1)
sums = st.integers(0, 10**15)
evidence = st.builds(Evidence, days, st.sampled_from(Component), maybe, sums, sums)
outcomes = st.builds(
    Outcome,
    occurred_us=st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999),
    event_id=texts,
    position=st.integers(0, 199),
    kind=st.sampled_from(OutcomeKind),
    topic=maybe,
    item=maybe,
    score=st.none() | st.integers(0, 1_000_000),
    detail=maybe,
    time_spent_s=st.none() | st.floats(0, 1e9),
    skills=st.lists(texts, max_size=3).map(tuple),
)


@given(st.lists(evidence))
def test_aggregates_come_back(pieces: list[Evidence]) -> None:
    aggregates = Aggregates()
    aggregates.add(pieces)
    back = unpack_aggregates(pack_aggregates(aggregates))
    assert back == aggregates
    back.add(pieces[:1])
    aggregates.add(pieces[:1])
    assert back == aggregates


@given(st.lists(st.lists(outcomes, max_size=5), max_size=5))
def test_outcomes_that_were_appended_come_back_in_their_order(batches: list[list[Outcome]]) -> None:
    body = b"".join(map(join_outcomes, batches))
    expected = [outcome for batch in batches for outcome in batch]
    assert split_outcomes(body, len(expected)) == expected


@given(st.lists(outcomes, max_size=5), st.lists(outcomes, max_size=5))
def test_outcomes_that_were_appended_to_compressed_ones_come_back(first: list[Outcome], more: list[Outcome]) -> None:
    assert split_outcomes(compress_outcomes(first) + join_outcomes(more), len(first + more)) == first + more


@given(st.lists(outcomes, max_size=5))
def test_a_window_comes_back(window: list[Outcome]) -> None:
    assert unpack_outcomes(pack_outcomes(window)) == window


@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_wrong_number_of_outcomes_is_refused(number: int) -> None:
    body = join_outcomes([Outcome(1, "e", 0, OutcomeKind.RUN)] * 2)
    with pytest.raises(msgspec.DecodeError):
        split_outcomes(body, number)


@pytest.mark.parametrize("wrong", [["an outcome"], [[1, "e", 0, "no kind"]], [["late", "e", 0, "run"]]])
def test_what_is_no_outcome_is_refused(wrong: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        unpack_outcomes(msgspec.msgpack.encode(wrong))


@given(st.lists(st.lists(st.tuples(st.integers(-(2**31), 2**31 - 1), digests))))
def test_counted_ids_that_were_appended_come_back(batches: list[list[tuple[int, int]]]) -> None:
    body = b"".join(map(pack_counted, batches))
    assert list(unpack_counted(body)) == [pair for batch in batches for pair in batch]


few = st.sampled_from([0, 1, -1, 2**32, 2**56, 2**63 - 1])


@given(st.lists(st.tuples(st.integers(-1, 1), few)), few)
def test_an_id_is_counted_where_it_was_packed_and_not_across_two(pairs: list[tuple[int, int]], sought: int) -> None:
    assert is_counted(pack_counted(pairs), sought) == (sought in {digest for _, digest in pairs})
