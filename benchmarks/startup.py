"""From the start of the process to /ready answering 200, beside the smallest application on the same libraries."""

from collections.abc import Sequence
from tempfile import TemporaryDirectory

from .figures import Amount, Bound, Figure
from .measure import compare
from .processes import SERVE, serving, settings

ROUNDS = 7
_SMALLEST = """
import sys, fastapi, uvicorn
app = fastapi.FastAPI()
@app.get("/ready")
async def ready(): return {}
uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")
"""


def run() -> list[Figure]:
    """Start both in turns; the first start makes the database, the others find it."""
    with TemporaryDirectory() as data_dir:
        compared = compare(lambda: _start(SERVE, data_dir), lambda: _start(["-c", _SMALLEST], data_dir), rounds=ROUNDS)
    return [
        Figure(
            "start of serve until /ready answers",
            Amount(compared.measured, "s"),
            "an empty FastAPI application",
            Amount(compared.floor, "s"),
            compared.ratio,
            Bound(1.5, at_least=False, of_ratio=False),
        )
    ]


def _start(arguments: Sequence[str], data_dir: str) -> float:
    with serving(arguments, settings(data_dir)) as server:
        return server.start_s
