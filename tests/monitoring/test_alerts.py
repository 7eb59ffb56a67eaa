"""The rules of Prometheus: each fires and resolves, names what the service measures, and leads into the runbook."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from src.observability import Metrics
from tests.architecture.markdown import ROOT, anchor, headings, read
from tests.guide.asking import answer, until
from tests.processes import Service, service
from tests.services import Prometheus, RedisServer
from tests.services.fixtures import available, opened
from tests.services.prometheus import prometheus_program

RULES = ROOT / "monitoring" / "alerts.yaml"
TESTS = ROOT / "monitoring" / "alerts_test.yaml"
OF_OTHERS = {"up", "container"}
"""Metrics of Prometheus itself, and the first word of those of a node."""


def alerts() -> dict[str, str]:
    """Return the text of each rule by its name."""
    parts = re.split(r"^ +- alert: (\w+)$", RULES.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_each_rule_fires_when_it_should_and_resolves() -> None:
    with available():
        promtool = prometheus_program("promtool")
    done = subprocess.run([promtool, "test", "rules", TESTS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", alerts())
def test_each_rule_is_tested_firing_and_then_quiet(name: str) -> None:
    tried = TESTS.read_text(encoding="utf-8")
    assert re.search(rf"alertname: {name}\n +exp_alerts:", tried)
    assert re.search(rf"alertname: {name}}}", tried)


@pytest.mark.parametrize(("name", "rule"), alerts().items(), ids=alerts())
def test_each_rule_leads_to_a_heading_of_the_runbook(name: str, rule: str) -> None:
    del name
    found = re.search(r"runbook: (docs/operations/runbook\.md)#(\S+)", rule)
    assert found is not None
    assert found[2] in [anchor(text) for text in headings(read(found[1]))]


def exposed() -> set[str]:
    """Return the names of the series of the service."""
    names = set()
    for family in Metrics().registry.collect():
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(family.type, ("",))
        names |= {family.name + suffix for suffix in suffixes}
    return names


@pytest.mark.parametrize(("name", "rule"), alerts().items(), ids=alerts())
def test_each_rule_asks_for_what_there_is(name: str, rule: str) -> None:
    del name
    expression = rule[: rule.index("labels:")]
    asked = set(re.findall(r"\b((?:http|kafka|redis|mastery_engine|container)_\w+)\b(?!=)", expression))
    asked = {metric for metric in asked if metric.split("_")[0] not in OF_OTHERS}
    assert asked <= exposed()


@pytest.fixture(scope="module")
def watched(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    redis_server.run_cli("FLUSHALL")
    with service(tmp_path_factory.mktemp("watched"), REDIS_URL=redis_server.url) as one:
        yield one


def test_a_real_prometheus_tells_of_a_redis_that_halts_and_that_it_is_back(
    watched: Service, redis_server: RedisServer, tmp_path: Path
) -> None:
    impatient = tmp_path / "alerts.yaml"
    impatient.write_text(re.sub(r"^ +for: .*\n", "", RULES.read_text(encoding="utf-8"), flags=re.MULTILINE))

    def firing() -> bool:
        answer(watched, "/health")
        return prometheus.alerts().get("MasteryEngineDependencyAway") == "firing"

    with opened(Prometheus([watched.url.removeprefix("http://")], rules=[impatient])) as prometheus:
        until(lambda: not firing() and bool(prometheus.query("mastery_engine_dependency_up == 1")))
        redis_server.freeze()
        until(firing)
        redis_server.thaw()
        until(lambda: not firing())
