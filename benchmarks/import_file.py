"""Importing a quarter of a million real answers, the whole process, beside only reading the file."""

from datetime import UTC, datetime
from tempfile import TemporaryDirectory

import msgspec

from .figures import Amount, Bound, Figure
from .measure import NotHere, summarise
from .processes import ROOT, Finished, run_to_end, settings

ANSWERS = ROOT.parent / "shared" / "data" / "kt" / "assist09_dev.csv.gz"
ROUNDS = 3
READ = """
import csv, gzip, sys
with gzip.open(sys.argv[1], "rt", encoding="utf-8", newline="") as file:
    print(sum(1 for _ in csv.reader(file)) - 1)
"""
_MB = 1_000_000


def run() -> list[Figure]:
    """Import into an empty directory each time; raises ``NotHere`` without the file."""
    if not ANSWERS.exists():
        message = f"there is no ../{ANSWERS.relative_to(ROOT.parent)}"
        raise NotHere(message)
    pairs = [(_import(), run_to_end(["-c", READ, str(ANSWERS)], {})) for _ in range(ROUNDS)]
    answers = int(pairs[0][1].output)
    for imported, _ in pairs:
        _check(imported, answers)
    speed = summarise([(answers / imported.seconds, answers / floor.seconds) for imported, floor in pairs])
    memory = summarise([(imported.resident / _MB, floor.resident / _MB) for imported, floor in pairs])
    what, against = f"import of {answers:,} answers", "reading and decoding the file with csv"
    return [
        Figure(
            what,
            Amount(speed.measured, "answers/s"),
            against,
            Amount(speed.floor, "answers/s"),
            speed.ratio,
            Bound(15_000, at_least=True, of_ratio=False),
        ),
        Figure(
            f"{what}, resident memory",
            Amount(memory.measured, "MB"),
            against,
            Amount(memory.floor, "MB"),
            memory.ratio,
            Bound(250, at_least=False, of_ratio=False),
        ),
    ]


def _import() -> Finished:
    today = datetime.now(UTC).date().isoformat()
    command = ["-m", "src", "import", "--format", "responses", "--ending", today, "--json", str(ANSWERS)]
    with TemporaryDirectory() as data_dir:
        return run_to_end(command, settings(data_dir))


def _check(imported: Finished, answers: int) -> None:
    """Raise ``RuntimeError`` unless every answer was taken: speed without the work means nothing."""
    report = msgspec.json.decode(imported.output)
    accepted = report["files"][0]["accepted"]
    if accepted != answers:
        message = f"{accepted} of {answers} answers were taken"
        raise RuntimeError(message)
