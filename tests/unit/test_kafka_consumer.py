"""What the consumer decides to do about a failure."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from src.errors import BrokerUnavailable, InstanceChanged, InvalidJSON, MasteryError, StoreUnavailable, Superseded
from src.kafka_consumer import MAX_ATTEMPTS, Disposition, decide

RESUME, RETRY, STOP = Disposition.RESUME, Disposition.RETRY, Disposition.STOP
MANY = 1_000_000


def kafka_error(code: int, *, fatal: bool = False) -> KafkaException:
    return KafkaException(KafkaError(code, "a reason", fatal=fatal))


PASSING = [
    StoreUnavailable("Redis is loading its data."),
    BrokerUnavailable("Kafka did not acknowledge every record."),
    kafka_error(KafkaError._ALL_BROKERS_DOWN),  # noqa: SLF001  # the name that the library gives it
    kafka_error(KafkaError._TIMED_OUT),  # noqa: SLF001  # likewise
    kafka_error(KafkaError.TOPIC_AUTHORIZATION_FAILED),
]
DEFECTS = [KeyError("student"), ValueError(), AssertionError(), MasteryError(), InvalidJSON("a reason")]


@pytest.mark.parametrize("error", [Superseded(), InstanceChanged()], ids=repr)
@pytest.mark.parametrize("attempts", [1, MAX_ATTEMPTS, MANY])
def test_work_that_somebody_else_did_or_a_store_lost_is_resumed(error: Exception, attempts: int) -> None:
    assert decide(error, attempts) is RESUME


@pytest.mark.parametrize("error", PASSING, ids=repr)
@pytest.mark.parametrize("attempts", [1, MAX_ATTEMPTS, MANY])
def test_what_may_pass_is_tried_for_ever(error: Exception, attempts: int) -> None:
    assert decide(error, attempts) is RETRY


@pytest.mark.parametrize(
    "error",
    [
        kafka_error(KafkaError._FATAL),  # noqa: SLF001  # the name that the library gives it
        kafka_error(KafkaError._FENCED, fatal=True),  # noqa: SLF001  # likewise
        kafka_error(KafkaError.INVALID_PRODUCER_EPOCH, fatal=True),
    ],
    ids=repr,
)
@pytest.mark.parametrize("attempts", [1, MANY])
def test_a_fatal_error_of_the_client_ends_the_process(error: Exception, attempts: int) -> None:
    assert decide(error, attempts) is STOP


@pytest.mark.parametrize("error", DEFECTS, ids=repr)
@pytest.mark.parametrize(
    ("attempts", "disposition"),
    [(1, RETRY), (MAX_ATTEMPTS - 1, RETRY), (MAX_ATTEMPTS, STOP), (MAX_ATTEMPTS + 1, STOP)],
)
def test_a_defect_is_tried_a_few_times_and_no_record_is_lost_to_it(
    error: Exception, attempts: int, disposition: Disposition
) -> None:
    assert decide(error, attempts) is disposition
