"""How the shards of a cluster are named, and what the driver's errors come to."""

import pytest
from redis.crc import key_slot
from redis.exceptions import (
    AskError,
    AuthenticationError,
    ClusterDownError,
    MovedError,
    NoScriptError,
    RedisClusterException,
    SlotNotCoveredError,
    TryAgainError,
)

from src.adapters.redis_client import redis_errors
from src.adapters.redis_cluster import Shard
from src.errors import InstanceChanged, StoreUnavailable
from src.state_manager import Keys, StateKeyPatterns

SHARES = [range(5462), range(5462, 10923), range(10923, 16384), [16383], [*range(0, 16384, 7)]]


@pytest.mark.parametrize("slots", SHARES, ids=str)
def test_what_a_shard_names_lies_on_it(slots: range | list[int]) -> None:
    key = StateKeyPatterns.OFFSETS.format(shard=Shard(tuple(slots)).prefix, cluster_id="c", topic_id="t", partition=0)
    assert key_slot(key.encode()) in slots


def test_a_shard_with_other_slots_has_another_name() -> None:
    names = {Shard(tuple(slots)).prefix for slots in (range(9), range(10), range(1, 10), [*range(8), 9])}
    assert len(names) == 4


def test_a_single_server_has_no_name() -> None:
    key = StateKeyPatterns.OFFSETS.format(shard=Shard().prefix, cluster_id="c", topic_id="t", partition=0)
    assert key == "offsets:c:t:0"


def test_an_id_in_braces_keeps_the_keys_of_a_student_together() -> None:
    keys = Keys(tagged=True)
    patterns = [StateKeyPatterns.EVIDENCE, StateKeyPatterns.TOLD, StateKeyPatterns.PREDICTION]
    assert len({key_slot(keys.of(pattern, "123").encode()) for pattern in patterns}) == 1
    assert keys.of(StateKeyPatterns.EVENT, "123", event_id="e-1") == "student:{123}:event:e-1"
    assert Keys().of(StateKeyPatterns.EVENT, "123", event_id="e-1") == "student:123:event:e-1"


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (ClusterDownError("The cluster is down"), "down"),
        (SlotNotCoveredError("Slot 7 not covered"), "down"),
        (MovedError("7 127.0.0.1:7000"), "moving slots"),
        (AskError("7 127.0.0.1:7000"), "moving slots"),
        (TryAgainError("Multiple keys request during rehashing of slot"), "moving slots"),
        (RedisClusterException("Redis Cluster cannot be connected."), "does not answer"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_may_pass_is_told_as_away(error: Exception, detail: str) -> None:
    with pytest.raises(StoreUnavailable, match=detail), redis_errors():
        raise error


@pytest.mark.parametrize(
    ("cause", "detail"),
    [
        (AuthenticationError("invalid username-password pair"), "password"),
        (RedisClusterException("Cluster mode is not enabled on this node"), "REDIS_CLUSTER"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_why_no_master_could_be_asked_is_told(cause: Exception, detail: str) -> None:
    error = RedisClusterException("Redis Cluster cannot be connected.")
    with pytest.raises(StoreUnavailable, match=detail), redis_errors():
        raise error from cause


def test_a_master_without_the_script_is_another_instance() -> None:
    with pytest.raises(InstanceChanged), redis_errors():
        raise NoScriptError


def test_keys_of_several_slots_are_a_defect_of_ours() -> None:
    error = RedisClusterException("EVALSHA - all keys must map to the same key slot")
    with pytest.raises(RedisClusterException), redis_errors():
        raise error
