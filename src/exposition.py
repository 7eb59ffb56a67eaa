"""Metrics as they go over the wire: in the text format of Prometheus, or as OpenMetrics, which has exemplars too."""

from collections.abc import Iterable

from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

PLAIN_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPEN_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_ADDED = ("counter", "histogram")


def asks_for_openmetrics(accept: str) -> bool:
    """Tell whether a client takes OpenMetrics, as Prometheus does."""
    return "application/openmetrics-text" in accept


def merged(own: bytes, other: bytes) -> bytes:
    """Return the metrics of two processes, both OpenMetrics, as those of one: what both count is added up."""
    return bytes(openmetrics.generate_latest(_Collected(_merged([*_families(own), *_families(other)]))))  # type: ignore[no-untyped-call]  # it has no types there


def plain(text: bytes) -> bytes:
    """Return OpenMetrics in the text format of Prometheus."""
    return generate_latest(_Collected(_families(text)))


class _Collected(Collector):
    """Metrics that were collected elsewhere."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


def _families(text: bytes) -> list[Metric]:
    return list(text_string_to_metric_families(text.decode()))  # type: ignore[no-untyped-call]  # it has no types there


def _merged(families: Iterable[Metric]) -> list[Metric]:
    known: dict[str, Metric] = {}
    for family in families:
        _merge(known.setdefault(family.name, Metric(family.name, family.documentation, family.type)), family)
    return list(known.values())


def _merge(known: Metric, family: Metric) -> None:
    places = {(s.name, tuple(s.labels.items())): place for place, s in enumerate(known.samples)}
    for sample in family.samples:
        place = places.get((sample.name, tuple(sample.labels.items())))
        if place is None:
            known.samples.append(sample)
        elif family.type in _ADDED and not sample.name.endswith("_created"):
            before = known.samples[place]
            known.samples[place] = before._replace(
                value=before.value + sample.value, exemplar=sample.exemplar or before.exemplar
            )
