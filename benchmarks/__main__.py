"""``python -m benchmarks [NAME ...]``: every figure beside its floor, or those of some benchmarks."""

import argparse
import sys
from collections.abc import Callable

import msgspec

from . import (
    batch,
    cohorts,
    dapr,
    dashboard,
    domain,
    drain,
    erasure,
    forecast,
    guidance,
    image,
    import_file,
    latency,
    load,
    model,
    reads,
    redis_memory,
    screens,
    security,
    startup,
)
from .figures import Figure, show
from .measure import NotHere

BENCHMARKS: dict[str, Callable[..., list[Figure]]] = {
    "import": import_file.run,
    "domain": domain.run,
    "guidance": guidance.run,
    "forecast": forecast.run,
    "reads": reads.run,
    "security": security.run,
    "batch": batch.run,
    "startup": startup.run,
    "image": image.run,
    "redis": redis_memory.run,
    "drain": drain.run,
    "cohorts": cohorts.run,
    "latency": latency.run,
    "load": load.run,
    "erasure": erasure.run,
    "dapr": dapr.run,
    "screens": screens.run,
    "dashboard": dashboard.run,
    "model": model.run,
}
# The import first, the model last: the memory of a child is not seen below what this process held when it started it.


def main() -> None:
    """Run the benchmarks that are named, or all, one after the other."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure, each figure beside its floor.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one or more of {', '.join(BENCHMARKS)}; all if none")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--events", type=int, default=200_000, help="size of the backlog that is drained")
    parser.add_argument(
        "--peers", action="store_true", help="drain beside other stream processors, which are installed in the cache"
    )
    given = parser.parse_args()
    unknown = sorted(set(given.names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; choose from {', '.join(BENCHMARKS)}")
    options = {"drain": {"events": given.events, "with_peers": given.peers}, "load": {"events": given.events}}
    figures = [figure for name in given.names or BENCHMARKS for figure in _run(name, **options.get(name, {}))]
    if given.json:
        print(msgspec.json.format(msgspec.json.encode([figure.plain() for figure in figures]), indent=2).decode())
    else:
        show(figures)


def _run(name: str, **options: int) -> list[Figure]:
    print(f"{name} …", file=sys.stderr, flush=True)
    try:
        return BENCHMARKS[name](**options)
    except NotHere as reason:
        print(f"{name} left out: {reason}", file=sys.stderr)
        return []


if __name__ == "__main__":
    main()
