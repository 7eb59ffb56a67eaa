"""Section 2: how fast it is, and where the time goes."""

import re
from pathlib import Path

import pytest

from src import analytics_service, state_manager
from src.adapters import redis_store
from src.config import Settings
from tests.making import wire
from tests.processes import ROOT, Service
from tests.services import KafkaBroker, RedisServer

from .asking import NOW, answer, exposed, here, kafka_line, redis_line, shell, until

LATENCY = (
    """python -c "import time; import redis; r=redis.Redis(host='redis'); start=time.time(); r.ping(); """
    """print(f'Redis latency: {(time.time()-start)*1000:.2f}ms')" """
)
LAG = "kafka-consumer-groups.sh --bootstrap-server localhost:9092 --describe --group mastery-engine-group"
STATUS = "curl -X GET http://<service>/api/v1/batch/status/<batch_id>"


def column(shown: str, name: str) -> list[str]:
    """Return a column of what Kafka's tool prints."""
    header, *rows = [line.split() for line in shown.splitlines() if line.strip()]
    return [row[header.index(name)] for row in rows]


@pytest.mark.guide("2", "curl http://<service>/metrics")
def test_the_metrics_are_shown(alone: Service) -> None:
    assert "# TYPE mastery_engine_events_total counter" in shell(f"curl -s {alone.url}/metrics").stdout


@pytest.mark.guide("2", "Slow response times (> 500ms P95)", "Slow batch operations")
@pytest.mark.guide("Quick Reference", "**Slow Responses** | P95 > 500ms | Check Redis cache, scale pods")
def test_slow_answers_and_slow_batches_show_in_histograms_with_a_bucket_at_half_a_second(beside: Service) -> None:
    answer(beside, "/ready")
    shown = exposed(beside)
    assert re.search(r'http_request_duration_seconds_bucket\{le="0\.5",', shown)
    assert "mastery_engine_batch_seconds" in shown


@pytest.mark.guide("2", LATENCY.strip())
def test_the_latency_of_redis_is_measured_with_the_line_of_the_guide(redis_server: RedisServer) -> None:
    assert re.fullmatch(r"Redis latency: \d+\.\d\dms\n", shell(here(redis_server, LATENCY)).stdout)


@pytest.mark.guide("2", LAG)
@pytest.mark.usefixtures("beside")
def test_the_lag_of_the_group_is_shown(kafka: KafkaBroker) -> None:
    assert column(kafka_line(kafka, LAG), "TOPIC") == ["mastery.events"] * 3
    until(lambda: set(column(kafka_line(kafka, LAG), "LAG")) <= {"0", "-"})


@pytest.mark.guide("2", "redis-cli info memory", "Scale Redis cluster if memory usage > 80%")
def test_the_memory_of_redis_and_its_limit_are_shown(redis_server: RedisServer) -> None:
    shown = redis_line(redis_server, "redis-cli info memory")
    assert "used_memory:" in shown
    assert "maxmemory:" in shown


@pytest.mark.guide(
    "2", "Enable Redis pipelining in state_manager.py", "Use Redis pipeline operations for bulk operations"
)
@pytest.mark.guide("5", "Use Redis pipelining for bulk operations (already implemented)")
def test_what_is_written_for_many_students_goes_to_redis_in_pipelines(redis_server: RedisServer) -> None:
    # `state_manager.py` names the keys; the pipelines over them are in the adapter, since nothing above knows Redis.
    del redis_server
    assert Path(state_manager.__file__).name == "state_manager.py"
    assert redis_store.PIPELINE >= 100


@pytest.mark.guide("2", STATUS, "# Monitor concurrent processing")
@pytest.mark.guide("2", '"Processing batch job" and "Completed batch job"')
def test_a_batch_job_tells_its_status_to_who_has_a_token_and_is_told_in_the_log(beside: Service) -> None:
    _, made = answer(beside, "/api/v1/batch", {"kind": "mastery", "student_ids": ["123"]})
    line = STATUS.replace("http://<service>", beside.url).replace("<batch_id>", made["batch_id"])
    assert '"status":401' in shell(line.replace("curl", "curl -s")).stdout  # a job tells of students
    until(lambda: answer(beside, f"/api/v1/batch/status/{made['batch_id']}")[1]["status"] == "completed")
    assert made["batch_id"] in beside.wait_for("Processing batch job")
    assert made["batch_id"] in beside.wait_for("Completed batch job")


@pytest.mark.guide("2", "Check batch processing time in analytics_service.py", "CPU spikes during batch processing")
def test_the_time_of_batch_jobs_is_measured_where_they_are_worked_off() -> None:
    text = Path(analytics_service.__file__).read_text(encoding="utf-8")
    assert "batch_seconds" in text
    assert analytics_service.SLICE_S < 0.01  # a job gives way to requests


@pytest.mark.guide("2", "Increase `max_concurrent_batches` in analytics_service.py")
def test_the_number_of_jobs_at_once_is_a_setting_under_the_name_of_the_guide() -> None:
    assert Settings(max_concurrent_batches=8).max_concurrent_batches == 8
    assert "max_concurrent_batches" in (ROOT / "src" / "analytics_service.py").read_text(encoding="utf-8")


@pytest.mark.guide("2", "Monitor processing speed: should be < 500ms per event")
def test_the_time_for_each_event_is_a_metric(alone: Service, beside: Service) -> None:
    event = wire("e-timed", timestamp=NOW.isoformat())
    assert answer(alone, "/api/v1/events", event)[0] == 200
    assert re.search(r"^mastery_engine_ingest_seconds_count [1-9]", exposed(alone), re.MULTILINE)
    over_kafka = exposed(beside)
    for stage in ("applied", "applied offset", "published", "finished", "published offset", "committed"):
        assert f'mastery_engine_pipeline_seconds_bucket{{le="0.5",stage="{stage}"}}' in over_kafka
    assert re.search(r"^mastery_engine_end_to_end_seconds_count [1-9]", over_kafka, re.MULTILINE)
    assert re.search(r"^mastery_engine_pipeline_batch_records_sum [1-9]", over_kafka, re.MULTILINE)
    assert 'mastery_engine_call_seconds_count{call="publish",outcome="done",port="broker"}' in over_kafka
