"""A process that was told to stop says so, answers for a while, and cuts nobody off."""

import signal
from pathlib import Path

import httpx

from tests.processes import service


def test_a_process_that_leaves_is_not_ready_answers_on_and_closes_its_connections(tmp_path: Path) -> None:
    with service(tmp_path, SHUTDOWN_DELAY_S="60") as running, httpx.Client(base_url=running.url) as client:
        assert client.get("/ready").headers.get("connection") is None
        running.process.send_signal(signal.SIGTERM)
        running.wait_for("SERVICE leaves")
        ready = client.get("/ready")  # over the connection that was there before
        assert (ready.status_code, ready.json()["checks"]["process"]["status"]) == (503, "unavailable")
        assert client.get("/live").headers["connection"] == "close"  # over a new one
        running.process.send_signal(signal.SIGINT)  # twice is at once
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(30) in {0, -signal.SIGINT, 130}


def test_without_a_delay_it_ends_when_its_requests_have(tmp_path: Path) -> None:
    with service(tmp_path) as running:
        assert running.stop() == 0
        assert any("SERVICE leaves" in line and "delay_s=0" in line for line in running.log)
