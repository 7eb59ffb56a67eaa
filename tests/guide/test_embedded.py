"""What the operations guide says of the service by itself: its commands and names, as a reader would use them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from src.state_manager import StateKeyPatterns, Ttl
from tests.processes import ROOT, Service, environment, service


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("data"), ENVIRONMENT="production", LOG_LEVEL="DEBUG") as one:
        yield one


def shell(command: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of the guide in the root of the project, with this Python first on the path."""
    variables = environment(tmp_path)
    variables["PATH"] = f"{Path(sys.executable).parent}:{variables['PATH']}"
    return subprocess.run(
        ["/bin/sh", "-c", command], cwd=ROOT, env=variables, capture_output=True, text=True, timeout=120, check=False
    )


def test_section_8_the_application_is_imported_without_any_environment(tmp_path: Path) -> None:
    done = shell("""env -i PATH="$PATH" python -c "import src.main; print('Import OK')" """, tmp_path)
    assert (done.returncode, done.stdout) == (0, "Import OK\n")


def test_section_8_the_requirements_can_be_installed(tmp_path: Path) -> None:
    done = shell("pip install -r requirements.txt --dry-run", tmp_path)
    assert done.returncode == 0, done.stderr


JWT_CHECK = """python -c "
import jwt
from src.security import SecurityManager
sm = SecurityManager(jwt_secret='your-secret')
try:
    decoded = sm.validate_jwt('{token}')
    print('Valid:', decoded)
except Exception as e:
    print('Invalid:', e)
"
"""


def test_section_6_the_token_check_tells_a_bad_token(tmp_path: Path) -> None:
    done = shell(JWT_CHECK.format(token="your-token"), tmp_path)
    assert done.stdout.startswith("Invalid: The token is not accepted")


def test_section_6_the_token_check_tells_a_good_token(tmp_path: Path) -> None:
    making = """python -W ignore -c "
import jwt, time
print(jwt.encode({'user_id': '123', 'roles': ['student'], 'exp': int(time.time()) + 60}, 'your-secret', 'HS256'))
" """
    token = shell(making, tmp_path).stdout.strip()
    done = shell(JWT_CHECK.format(token=token), tmp_path)
    assert done.stdout.startswith("Valid: ")
    assert "123" in done.stdout


def test_section_3_an_invalid_token_is_answered_with_401(running: Service, tmp_path: Path) -> None:
    command = f"""curl -s -w '%{{http_code}}' -X POST {running.url}/api/v1/process \\
      -H "Content-Type: application/json" \\
      -H "Authorization: Bearer invalid_token" \\
      -d '{{"intent": "mastery_calculation", "payload": {{"student_id": "test"}}}}'"""
    assert shell(command, tmp_path).stdout.endswith("401")


def test_sections_1_and_9_health_and_readiness_answer(running: Service, tmp_path: Path) -> None:
    ready = json.loads(shell(f"curl -s {running.url}/ready", tmp_path).stdout)
    assert ready["status"] == "ok"
    assert ready["checks"]["sanitisation"]["status"] == "ok"
    assert json.loads(shell(f"curl -s {running.url}/health", tmp_path).stdout)["checks"]["store"]["status"] == "ok"


def test_sections_2_and_7_metrics_are_found(running: Service, tmp_path: Path) -> None:
    shell(f"curl -s {running.url}/ready", tmp_path)
    found = shell(f'curl {running.url}/metrics | grep "mastery_engine"', tmp_path).stdout
    assert "mastery_engine_performance_requests" in found


@pytest.mark.parametrize("metric", ["http_requests_total{", "http_request_duration_seconds_bucket{"])
def test_the_dashboard_queries_find_their_metrics(running: Service, tmp_path: Path, metric: str) -> None:
    shell(f"curl -s {running.url}/ready", tmp_path)
    assert metric in shell(f"curl -s {running.url}/metrics", tmp_path).stdout


def test_section_10_the_interface_is_documented_at_docs(running: Service, tmp_path: Path) -> None:
    assert "swagger" in shell(f"curl -s {running.url}/docs", tmp_path).stdout.lower()


def test_section_7_logs_are_json_with_correlation_ids_and_denials_are_audited(tmp_path: Path) -> None:
    with service(tmp_path, ENVIRONMENT="production", LOG_LEVEL="INFO") as one:
        shell(f'curl -s -H "X-Request-ID: asked-for-1" {one.url}/api/v1/me', tmp_path)
        one.stop()
    records = [json.loads(line) for line in one.log]
    audited = [record for record in records if "AUDIT" in record["message"]]
    assert [(record["action"], record["correlation_id"]) for record in audited] == [
        ("service.started", "-"),
        ("agents.me", "asked-for-1"),
    ]


def test_section_7_the_security_headers_come_first() -> None:
    from src.main import create_app  # noqa: PLC0415  # only this test needs the application in this process

    names = [middleware.cls.__name__ for middleware in create_app().user_middleware]  # type: ignore[attr-defined]  # functions here
    assert names[0] == "security_headers_middleware"


def test_section_5_the_keys_are_those_of_the_guide() -> None:
    assert {
        StateKeyPatterns.COMPONENT,
        StateKeyPatterns.EVENT,
        StateKeyPatterns.PREDICTION,
        StateKeyPatterns.BATCH,
    } == {
        "student:{student_id}:mastery:{date}:{component}",
        "student:{student_id}:event:{event_id}",
        "prediction:{student_id}:cache",
        "batch:{batch_id}:status",
    }
    assert StateKeyPatterns.MASTERY.format(student_id="123", date="2025-01-15") == "student:123:mastery:2025-01-15"


def test_section_5_the_lifetimes_are_those_of_the_guide() -> None:
    ttl = Ttl()
    assert (ttl.student_data, ttl.cache, ttl.event_checkpoint) == (
        timedelta(days=90),
        timedelta(hours=1),
        timedelta(days=7),
    )


@pytest.mark.parametrize("file", ["main.py", "security.py", "state_manager.py", "event_validator.py"])
def test_the_files_that_the_guide_sends_readers_to_exist(file: str) -> None:
    assert (ROOT / "src" / file).is_file()
