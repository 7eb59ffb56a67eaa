"""The dashboard: ``python -m monitoring.dashboard`` writes ``dashboard.json``, which Grafana 11 imports."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from grafana_foundation_sdk.builders import common, dashboard, prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard, DataSourceRef

FILE: Final = Path(__file__).with_name("dashboard.json")
_SOURCE: Final = "${source}"
_WIDTH, _HEIGHT = 8, 7


class Query(NamedTuple):
    """An expression, and how a series of it is called."""

    expression: str
    legend: str


class Figure(NamedTuple):
    """One diagram."""

    title: str
    unit: str
    queries: Sequence[Query]


class Row(NamedTuple):
    """Diagrams that belong together."""

    title: str
    figures: Sequence[Figure]


def _quantiles(metric: str, by: str = "") -> list[Query]:
    """Return the median and the 95th percentile of a histogram."""
    grouped = f"le, {by}" if by else "le"
    legend = f"{{{{{by}}}}} " if by else ""
    return [
        Query(f"histogram_quantile({q}, sum by ({grouped}) (rate({metric}_bucket[5m])))", f"{legend}p{q * 100:.0f}")
        for q in (0.5, 0.95)
    ]


ROWS: Final = (
    Row(
        "Requests",
        (
            Figure("Requests", "reqps", [Query("sum by (status) (rate(http_requests_total[5m]))", "{{status}}")]),
            Figure(
                "Failures",
                "percentunit",
                [
                    Query(
                        'sum(rate(http_requests_total{status=~"5.."}[5m])) / sum(rate(http_requests_total[5m]))',
                        "answered with 5xx",
                    ),
                    Query(
                        'sum(rate(http_requests_total{status=~"401|403"}[5m])) / sum(rate(http_requests_total[5m]))',
                        "refused",
                    ),
                ],
            ),
            Figure("Time of an answer", "s", _quantiles("http_request_duration_seconds")),
        ),
    ),
    Row(
        "Events",
        (
            Figure("Events", "evps", [Query("sum by (status) (rate(mastery_engine_events_total[5m]))", "{{status}}")]),
            Figure(
                "Waiting in Kafka",
                "short",
                [
                    Query(
                        'max by (partition) (kafka_consumer_group_lag{group="mastery-engine-group"})',
                        "partition {{partition}}",
                    )
                ],
            ),
            Figure("From Kafka to the result", "s", _quantiles("mastery_engine_end_to_end_seconds")),
            Figure(
                "Dead letters",
                "evps",
                [Query("sum by (reason) (rate(mastery_engine_dead_letters_total[5m]))", "{{reason}}")],
            ),
            Figure(
                "Time of the stages",
                "s",
                [Query("sum by (stage) (rate(mastery_engine_pipeline_seconds_sum[5m]))", "{{stage}}")],
            ),
            Figure("Records of a batch", "short", _quantiles("mastery_engine_pipeline_batch_records")),
        ),
    ),
    Row(
        "Store",
        (
            Figure("Calls", "s", _quantiles("mastery_engine_call_seconds", "port")),
            Figure(
                "Calls that failed",
                "cps",
                [Query('sum by (port) (rate(mastery_engine_call_seconds_count{outcome="failed"}[5m]))', "{{port}}")],
            ),
            Figure("Commands of Redis", "cps", [Query("max(rate(redis_commands_processed_total[5m]))", "commands")]),
            Figure(
                "Memory of Redis",
                "bytes",
                [Query("max(redis_memory_used_bytes)", "used"), Query("max(redis_memory_max_bytes > 0)", "limit")],
            ),
            Figure("Dependencies", "short", [Query("min by (check) (mastery_engine_dependency_up)", "{{check}}")]),
            Figure(
                "Batch jobs",
                "short",
                [Query("sum by (status) (increase(mastery_engine_batches_total[5m]))", "{{status}}")],
            ),
        ),
    ),
    Row(
        "Predictions",
        (
            Figure(
                "Put in order (AUC)", "short", [Query("min by (model) (mastery_engine_prediction_auc)", "{{model}}")]
            ),
            Figure(
                "Calibration error",
                "percentunit",
                [Query("max by (model) (mastery_engine_prediction_calibration_error)", "{{model}}")],
            ),
        ),
    ),
    Row(
        "Pods",
        (
            Figure(
                "Memory",
                "percentunit",
                [
                    Query(
                        'container_memory_usage_bytes{pod=~"mastery-engine-.*"} / container_spec_memory_limit_bytes',
                        "{{pod}}",
                    )
                ],
            ),
            Figure(
                "Processor",
                "short",
                [
                    Query(
                        'sum by (pod) (rate(container_cpu_usage_seconds_total{pod=~"mastery-engine-.*"}[5m]))',
                        "{{pod}}",
                    )
                ],
            ),
        ),
    ),
)


def build() -> Dashboard:
    """Return the dashboard; which Prometheus it asks is chosen on top of it."""
    made = (
        dashboard.Dashboard("mastery-engine")
        .uid("mastery-engine")
        .tags(["mastery-engine"])
        .description("What the service does, what waits, and what it depends on. Alerts link to the runbook.")
        .timezone("utc")
        .time("now-6h", "now")
        .refresh("30s")
        .with_variable(dashboard.DatasourceVariable("source").label("Prometheus").type("prometheus"))
    )
    for row in ROWS:
        made = made.with_row(dashboard.Row(row.title))
        for figure in row.figures:
            made = made.with_panel(_panel(figure))
    return made.build()


def _panel(figure: Figure) -> timeseries.Panel:
    panel = (
        timeseries.Panel()
        .title(figure.title)
        .unit(figure.unit)
        .min(0)
        .span(_WIDTH)
        .height(_HEIGHT)
        .datasource(DataSourceRef(type_val="prometheus", uid=_SOURCE))
        .legend(common.VizLegendOptions().show_legend(show_legend=True))
    )
    for number, query in enumerate(figure.queries):
        target = (
            prometheus.Dataquery().expr(query.expression).legend_format(query.legend).ref_id(chr(ord("A") + number))
        )
        panel = panel.with_target(target.exemplar(exemplar=True) if "_bucket" in query.expression else target)
    return panel


def text() -> str:
    """Return the file."""
    return JSONEncoder(sort_keys=True, indent=2).encode(build()) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
