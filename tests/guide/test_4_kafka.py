"""Section 4: events that are not processed, dead letters, duplicates, the consumer."""

import json
from pathlib import Path

import pytest
from confluent_kafka import Producer

from src import event_validator, kafka_consumer
from src.event_validator import Invalid, validate
from src.kafka_consumer import KafkaConsumer
from src.state_manager import StateKeyPatterns
from tests.making import NOW_US, wire
from tests.processes import Service
from tests.services import KafkaBroker, RedisServer

from .asking import NOW, answer, kafka_line, redis_line, until
from .test_2_performance import column

GROUP = "kafka-consumer-groups.sh --bootstrap-server localhost:9092 --group mastery-engine-group --describe"
DEAD = (
    "kafka-console-consumer.sh --bootstrap-server localhost:9092 --topic mastery.dlq --from-beginning --max-messages 10"
)


@pytest.mark.guide("4", GROUP, "Events not being processed")
@pytest.mark.guide("Quick Reference", "**Kafka Issues** | Events not processed | Check consumer groups")
@pytest.mark.usefixtures("beside")
def test_the_group_and_its_members_are_shown(kafka: KafkaBroker) -> None:
    shown = kafka_line(kafka, GROUP)
    assert column(shown, "GROUP") == ["mastery-engine-group"] * 3
    assert "-" not in column(shown, "CONSUMER-ID")


@pytest.mark.guide("4", DEAD, "Events going to DLQ (dead-letter queue)")
@pytest.mark.usefixtures("beside")
def test_dead_letters_are_shown_as_they_came(kafka: KafkaBroker) -> None:
    # The guide waits for ten; there is one here.
    assert kafka_line(kafka, DEAD.replace("10", "1")) == "not JSON\n"


@pytest.mark.guide("4", 'kubectl logs -n learnflow -l app=mastery-engine --tail=200 | grep "KAFKA"')
@pytest.mark.guide("4", 'grep "DLQ"')
def test_the_log_tells_of_kafka_and_of_dead_letters_with_the_correlation_id_of_the_event(beside: Service) -> None:
    [line] = {line for line in beside.log if "DLQ" in line}
    assert "asked-for-2" in line
    # Those of the consumer's own process too are JSON, one object a line.
    assert any("KAFKA resumes" in json.loads(line)["message"] for line in beside.log)


@pytest.mark.guide("4", "**Cause**: Invalid event schema or processing errors")
@pytest.mark.guide("4", "**Solution**: Check event validation in event_validator.py")
def test_the_validator_names_every_reason_by_its_field() -> None:
    assert Path(event_validator.__file__).name == "event_validator.py"
    bad = wire(data={"total_questions": 0, "correct_answers": "4"}, student_id="a b")
    found = validate(bad, NOW_US)
    assert isinstance(found, Invalid)
    fields = {reason.field for reason in found.reasons}
    assert {"student_id", "data.total_questions", "data.correct_answers"} <= fields


@pytest.mark.guide("4", "Duplicate processing of events", "**Cause**: Idempotency check failing")
@pytest.mark.guide("4", "**Solution**: Verify Redis is storing event_ids correctly")
@pytest.mark.guide("4", "**Debug**: Check state_manager.py for `event:` key patterns")
def test_an_event_that_comes_again_is_counted_once_and_its_id_is_in_redis(
    beside: Service, kafka: KafkaBroker, redis_server: RedisServer
) -> None:

    before = answer(beside, "/api/v1/students/123/mastery")[1]
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    for event in ("e-1", "e-1", "e-after"):
        content = wire(event, "help.requested" if event == "e-after" else "quiz.completed", student_id="123")
        producer.produce("mastery.events", json.dumps(content | {"timestamp": NOW.isoformat()}), "123")
    producer.flush(30)
    until(lambda: answer(beside, "/api/v1/students/123/events/e-after")[1].get("status") == "applied")
    assert answer(beside, "/api/v1/students/123/mastery")[1]["components"]["quiz"] == before["components"]["quiz"]
    assert StateKeyPatterns.EVENT == "student:{student_id}:event:{event_id}"
    assert redis_line(redis_server, "redis-cli EXISTS student:123:event:e-1") == "1\n"


@pytest.mark.guide("4", "**Cause**: Kafka connectivity or topic permissions", "# Check topic ACLs")
@pytest.mark.guide("4", "kafka-topics.sh --bootstrap-server localhost:9092 --list")
@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize(
    "line",
    [
        "kafka-acls.sh --bootstrap-server localhost:9092 --list --topic mastery.events",
        "kafka-topics.sh --bootstrap-server localhost:9092 --list",
    ],
)
def test_rules_and_topics_are_listed(kafka: KafkaBroker, line: str) -> None:
    kafka_line(kafka, line)


@pytest.mark.guide("4", "consumer.poll(timeout_ms=1000) consumer.commit() # After successful processing")
@pytest.mark.guide("4", "**Solution**: Check consumer configuration in kafka_consumer.py:")
def test_the_consumer_polls_and_commits_under_the_names_of_the_guide() -> None:
    assert Path(kafka_consumer.__file__).name == "kafka_consumer.py"
    assert "timeout_ms" in KafkaConsumer.poll.__annotations__
    assert callable(KafkaConsumer.commit)


@pytest.mark.guide("4", "Memory usage growing continuously")
@pytest.mark.guide("4", "**Cause**: Not consuming events or event buffer overflow")
def test_what_the_consumer_holds_of_a_backlog_is_bounded() -> None:
    bounds = kafka_consumer._FIXED  # noqa: SLF001  # the settings of the client are what bounds its buffer
    assert int(bounds["queued.max.messages.kbytes"]) <= 65_536
    assert kafka_consumer.BATCH_BYTES <= 40_000_000
