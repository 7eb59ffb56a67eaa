"""How it goes, in figures: what the metrics of this process tell, as people read it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.metrics import MetricWrapperBase

from ...observability import Metrics


@dataclass(frozen=True, slots=True)
class Figures:
    """What this process has counted since it was started; ``lag`` is by partition, and empty where nobody measures it.

    ``batch_ms`` and ``answer_ms`` are means, None where there was nothing yet.
    """

    events: Mapping[str, int]
    batches: int
    batch_ms: float | None
    lag: Mapping[str, int]
    refused: tuple[str, ...]
    lost: int
    requests: int
    errors: int
    answer_ms: float | None
    slowest_ms: float
    streams: int
    jobs: Mapping[str, int]

    @property
    def taken(self) -> int:
        """Return how many events came in."""
        return sum(self.events.values())

    @property
    def waiting(self) -> int:
        """Return how many records wait."""
        return sum(self.lag.values())


def figures_of(metrics: Metrics) -> Figures:
    """Return the figures as they are now."""
    told = metrics.performance_metrics
    batches = _total(metrics.ingest_seconds, "_count")
    return Figures(
        events=_by(metrics.events, "status"),
        batches=int(batches),
        batch_ms=_mean_ms(_total(metrics.ingest_seconds, "_sum"), batches),
        lag=dict(sorted(_by(metrics.lag, "partition").items())),
        refused=tuple(name for name, value in sorted(_by(metrics.refused, "partition").items()) if value),
        lost=int(_total(metrics.gap, "_total")),
        requests=int(told["requests"]),
        errors=int(told["errors"]),
        answer_ms=_mean_ms(told["seconds_total"], told["requests"]),
        slowest_ms=told["seconds_max"] * 1000,
        streams=int(_total(metrics.streams, "")),
        jobs=_by(metrics.batches, "status"),
    )


def _mean_ms(seconds: float, times: float) -> float | None:
    return seconds * 1000 / times if times else None


def _by(metric: MetricWrapperBase, label: str) -> dict[str, int]:
    """Return the values by one label, added up over the others."""
    found: dict[str, int] = {}
    for _, labels, value in _samples(metric):
        found[labels[label]] = found.get(labels[label], 0) + int(value)
    return found


def _total(metric: MetricWrapperBase, end: str) -> float:
    return sum(value for name, _, value in _samples(metric) if name.endswith(end))


def _samples(metric: MetricWrapperBase) -> Iterator[tuple[str, Mapping[str, str], float]]:
    for family in metric.collect():
        for sample in family.samples:
            if not sample.name.endswith("_created"):
                yield sample.name, sample.labels, sample.value
