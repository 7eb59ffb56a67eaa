"""The dashboard is what its source says, and asks for nothing that a Prometheus would refuse."""

import json
from collections.abc import Iterator

import pytest
from grafana_foundation_sdk.models.dashboard import Dashboard

from monitoring.dashboard import FILE, ROWS, text
from tests.services import Prometheus
from tests.services.fixtures import opened

QUERIES = [query.expression for row in ROWS for figure in row.figures for query in figure.queries]


@pytest.fixture(scope="module")
def prometheus() -> Iterator[Prometheus]:
    with opened(Prometheus([])) as one:
        yield one


def test_the_file_is_what_its_source_makes() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), "run python -m monitoring.dashboard"


def test_grafana_reads_what_was_written() -> None:
    read = Dashboard.from_json(json.loads(FILE.read_text(encoding="utf-8")))
    assert (read.uid, read.title) == ("mastery-engine", "mastery-engine")
    assert len(read.panels or []) == len(ROWS) + sum(len(row.figures) for row in ROWS)


def test_every_query_can_be_evaluated(prometheus: Prometheus) -> None:
    for query in QUERIES:
        prometheus.query(query)  # raises for what cannot be
