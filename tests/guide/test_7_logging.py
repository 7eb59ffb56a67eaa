"""Section 7: logs, correlation and metrics."""

import json
import re
import signal
from pathlib import Path

import pytest

from src import main
from src.main import create_app
from src.observability import Metrics
from tests.processes import Service, service

from .asking import answer, exposed, shell, until


@pytest.mark.guide("7", "Check log format (should be JSON in production)", "Unstructured log output", "Missing logs")
@pytest.mark.guide("7", "In src/main.py, verify:", "LOG_LEVEL=INFO (or DEBUG for development)")
@pytest.mark.guide("7", "ENVIRONMENT=production triggers JSON format")
def test_in_production_every_line_is_json_and_at_debug_every_request_is_one(alone: Service) -> None:
    assert Path(main.__file__).parts[-2:] == ("src", "main.py")
    answer(alone, "/live")
    until(lambda: any("HTTP request" in line for line in alone.log))
    assert all(json.loads(line)["level"] in {"DEBUG", "INFO", "WARNING"} for line in alone.log)


@pytest.mark.guide("7", "LOG_LEVEL=INFO (or DEBUG for development)")
def test_in_development_lines_are_for_people(tmp_path: Path) -> None:
    with service(tmp_path, LOG_LEVEL="INFO") as one:
        answer(one, "/live")
        one.stop()
    assert any("SERVICE started" in line for line in one.log)
    assert not any(line.startswith("{") or "HTTP request" in line for line in one.log)


@pytest.mark.guide("7", "LOG_LEVEL=INFO (or DEBUG for development)")
def test_a_running_service_writes_debug_lines_from_one_signal_to_the_next(tmp_path: Path) -> None:
    with service(tmp_path, LOG_LEVEL="INFO") as one:
        one.process.send_signal(signal.SIGUSR1)
        assert "log_level=DEBUG" in one.wait_for("SERVICE log level changed")
        answer(one, "/live")
        one.wait_for("HTTP request")
        one.process.send_signal(signal.SIGUSR1)
        assert "log_level=INFO" in one.wait_for("SERVICE log level changed")
        before = len(one.log)
        answer(one, "/live")
        one.stop()
    assert not any("HTTP request" in line for line in one.log[before:])


@pytest.mark.guide("7", 'grep "correlation_id"', "No correlation IDs in logs")
@pytest.mark.guide("7", "Check all requests include X-Request-ID header")
@pytest.mark.parametrize("sent", ["asked-for-7", None], ids=["given", "made"])
def test_a_request_has_a_correlation_id_in_its_answer_and_in_the_log(alone: Service, sent: str | None) -> None:
    given = f"-H 'X-Request-ID: {sent}'" if sent else ""
    told = re.search(r"(?i)^x-request-id: (\S+)", shell(f"curl -s -i {given} {alone.url}/live").stdout, re.MULTILINE)
    assert told is not None
    assert told[1] == (sent or told[1])
    assert json.loads(alone.wait_for(f'"correlation_id":"{told[1]}"'))["message"] == "HTTP request"


@pytest.mark.guide("7", 'curl http://<service>/metrics | grep "mastery_engine"')
@pytest.mark.guide("7", "Ensure /metrics endpoint is being called (Prometheus scraping)")
def test_the_metrics_of_the_service_are_found(alone: Service) -> None:
    answer(alone, "/ready")
    assert "mastery_engine_build_info" in shell(f'curl {alone.url}/metrics | grep "mastery_engine"').stdout


@pytest.mark.guide("7", "Verify middleware order in main.py (security_headers_middleware must be first)")
def test_the_security_headers_come_first() -> None:
    names = [getattr(one.cls, "__name__", "") for one in create_app().user_middleware]
    assert names[0] == "security_headers_middleware"


@pytest.mark.guide("7", "Performance metrics not showing")
@pytest.mark.guide("7", "Verify performance_metrics dict is being updated in middleware")
def test_every_request_updates_performance_metrics(alone: Service) -> None:
    assert isinstance(Metrics().performance_metrics, dict)

    def requests() -> float:
        found = re.search(r"^mastery_engine_performance_requests (\S+)", exposed(alone), re.MULTILINE)
        assert found is not None
        return float(found[1])

    before = requests()
    answer(alone, "/live")
    assert requests() >= before + 1


@pytest.mark.guide("7", "LOG_LEVEL=INFO (or DEBUG for development)")
def test_the_signal_reaches_the_process_of_the_consumer_too(beside: Service) -> None:
    for level in ("DEBUG", "INFO"):
        beside.process.send_signal(signal.SIGUSR1)
        for _ in range(2):
            assert json.loads(beside.wait_for("SERVICE log level changed"))["log_level"] == level
