"""The learner model on real answers: how good, how long and how large fitting is, how long a prediction takes."""

import csv
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from time import process_time
from timeit import repeat

from src.domain.learner import Asked, LearnerModel, predict
from src.domain.outcomes import WINDOW_SIZE, Outcome
from src.fitting.answers import Students, collect, read_answers
from src.fitting.baselines import best_lr
from src.fitting.fit import Material, fit, material
from src.fitting.measures import Measures, measure
from src.fitting.scoring import score
from src.importing.sources import open_source
from src.model_artefact import read_artefact, write_artefact

from .figures import Amount, Bound, Figure
from .import_file import READ
from .measure import NotHere
from .processes import ROOT, run_to_end, settings

DATA = ROOT.parent / "shared" / "data" / "kt"
TO_REACH = {"assist09": (0.790, 0.010), "algebra05s": (0.830, 0.015)}
"""AUC at least, calibration error at most."""

FITTED_WHOLE = "assist09"
QUESTIONS = {1: 5.0, 20: 8.0}
"""Questions in one request, and the milliseconds that it may take."""

_MB = 1_000_000
_CALLS, _ROUNDS = 20, 5
_COLUMNS = 100


def run() -> list[Figure]:
    """Fit and measure on both sets over their folds; raises ``NotHere`` without the files."""
    if not DATA.exists():
        message = f"there is no ../{DATA.relative_to(ROOT.parent)}"
        raise NotHere(message)
    fitting = _fitting()  # first, before this process itself needs much memory
    return [*(figure for name in TO_REACH for figure in _quality(name)), *fitting, *_latency()]


def _quality(name: str) -> list[Figure]:
    answers, folds = _material(_file(name)), _folds(name)
    pairs = [_fold(answers, {student for student, at in folds.items() if at == fold}) for fold in set(folds.values())]
    auc, error = TO_REACH[name]
    ours, theirs = ([pair[side] for pair in pairs] for side in (0, 1))
    return [
        _figure(f"AUC on {name}, {len(pairs)} folds", [_auc(one) for one in ours], [_auc(one) for one in theirs], auc),
        _figure(
            f"calibration error on {name}",
            [one.calibration_error for one in ours],
            [one.calibration_error for one in theirs],
            error,
            at_least=False,
        ),
    ]


def _fold(answers: Material, left_out: set[str]) -> tuple[Measures, Measures]:
    """Return how good the model and Best-LR are on students that they were not fitted on."""
    fitted = Material([one for one in answers.students if one[0] not in left_out], answers.timed)
    tested = [own for student, own in answers.students if student in left_out]
    model = _model(fitted)
    right = [int(outcome.success) for own in tested for outcome in own]
    ours = measure([chance for own in tested for chance in score(model, own)], right)
    return ours, measure(best_lr([own for _, own in fitted.students], tested), right)


def _fitting() -> list[Figure]:
    """Return what fitting on a whole set takes, beside reading its file."""
    file = str(_file(FITTED_WHOLE))
    with TemporaryDirectory() as data_dir:
        fitted = run_to_end(["-m", "src", "model", "fit", "--no-report", "--json", file], settings(data_dir))
    read = run_to_end(["-c", READ, file], {})
    what, against = f"model fit on {FITTED_WHOLE}, whole", "decompressing the file and decoding it with csv"
    return [
        _beside(what, Amount(fitted.seconds, "s"), against, Amount(read.seconds, "s"), 180),
        _beside(
            f"{what}, resident memory",
            Amount(fitted.resident / _MB, "MB"),
            against,
            Amount(read.resident / _MB, "MB"),
            1500,
        ),
    ]


def _latency() -> list[Figure]:
    """Return what predictions for a student with a full window take, beside one walk through the trees."""
    answers = _material(_file(FITTED_WHOLE))
    model = _model(Material(answers.students[: len(answers.students) // 4], answers.timed))
    window = next(own[:WINDOW_SIZE] for _, own in answers.students if len(own) >= WINDOW_SIZE)
    row = [0.0] * _COLUMNS
    floor = _milliseconds(lambda: model.trees.odds(row))
    return [
        _beside(
            f"{number} predictions after {WINDOW_SIZE} answers",
            Amount(_milliseconds(partial(_ask, model, window, number)), "ms"),
            "walking the trees once",
            Amount(floor, "ms"),
            most,
        )
        for number, most in QUESTIONS.items()
    ]


def _ask(model: LearnerModel, window: list[Outcome], number: int) -> None:
    questions = [Asked(outcome.item, outcome.skills) for outcome in window[:number]]
    predict(model, window, questions, now_us=window[-1].occurred_us)


def _milliseconds(work: Callable[[], object]) -> float:
    """Return the processor time of one call, the best of some rounds."""
    return min(repeat(work, timer=process_time, number=_CALLS, repeat=_ROUNDS)) / _CALLS * 1000


def _figure(what: str, ours: list[float], floor: list[float], limit: float, *, at_least: bool = True) -> Figure:
    measured, against = mean(ours), mean(floor)
    bound = Bound(limit, at_least=at_least, of_ratio=False)
    return Figure(
        what, Amount(measured, ""), "Best-LR on the same folds", Amount(against, ""), measured / against, bound
    )


def _beside(what: str, measured: Amount, against: str, floor: Amount, most: float) -> Figure:
    bound = Bound(most, at_least=False, of_ratio=False)
    return Figure(what, measured, against, floor, measured.value / floor.value, bound)


def _model(answers: Material) -> LearnerModel:
    return read_artefact(write_artefact(fit(answers, _nobody), "")[1])


def _material(file: Path) -> Material:
    students = Students()
    with open_source(str(file)) as source:
        collect(read_answers(source.content, source.name), students)
    return material(students)


def _folds(name: str) -> dict[str, int]:
    with (DATA / f"{name}_folds.csv").open(newline="") as file:
        return {row["student"]: int(row["fold"]) for row in csv.DictReader(file)}


def _file(name: str) -> Path:
    return DATA / f"{name}_dev.csv.gz"


def _auc(measures: Measures) -> float:
    if measures.auc is None:
        message = "a fold has answers of one kind only"
        raise RuntimeError(message)
    return measures.auc


def _nobody(what: str, part: float) -> None:
    """Tell nobody how far it is."""
