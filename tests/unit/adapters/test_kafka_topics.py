import pytest

from src.adapters.kafka_topics import KafkaTopics
from src.errors import BrokerUnavailable


def test_who_only_asks_a_broker_that_is_away_prints_nothing_beside_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    topics = KafkaTopics({"bootstrap.servers": "127.0.0.1:1"}, may_create=False)
    with pytest.raises(BrokerUnavailable):
        topics.ping()
    assert capfd.readouterr() == ("", "")
