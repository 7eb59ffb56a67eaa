"""LightGBM as the learner: the only module that needs what the extra ``fit`` installs to fit a model.

One thread and fixed seeds: the same rows give the same trees.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from ..errors import CommandFailed
from ..model_artefact import TreeContent

SEED = 20_260_115


class Size(NamedTuple):
    """How much may be learned from at most so many rows: how many trees, of how many leaves, of how many rows each."""

    rows: int
    trees: int
    leaves: int
    per_leaf: int


SIZES: Final = (Size(10_000, 100, 4, 50), Size(50_000, 200, 8, 100), Size(sys.maxsize, 400, 24, 200))

PARAMETERS: Final = {
    "objective": "binary",
    "learning_rate": 0.04,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
    "max_bin": 127,
    "seed": SEED,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbose": -1,
}


def versions() -> dict[str, str]:
    """Return what fits, by name and version; raises ``CommandFailed`` where it is not installed."""
    numpy, lightgbm = _libraries()
    return {"lightgbm": lightgbm.__version__, "numpy": numpy.__version__}


def matrix(rows: int, columns: int) -> Any:  # noqa: ANN401  # an array of numpy
    """Return room for so many rows of features."""
    numpy, _ = _libraries()
    return numpy.empty((rows, columns))


def boost(
    rows: Any,  # noqa: ANN401  # an array of numpy
    right: Sequence[int],
    names: Sequence[str],
    advance: Callable[[float], None],
) -> tuple[TreeContent, ...]:
    """Return trees that tell whether rows are right; ``advance`` is told after each which part of them there is."""
    numpy, lightgbm = _libraries()
    size = next(size for size in SIZES if len(right) <= size.rows)
    dataset = lightgbm.Dataset(rows, numpy.asarray(right), feature_name=list(names))
    parameters = PARAMETERS | {"num_leaves": size.leaves, "min_data_in_leaf": min(size.per_leaf, len(right) // 20)}
    callbacks = [lambda state: advance((state.iteration + 1) / size.trees)]
    booster = lightgbm.train(parameters, dataset, size.trees, callbacks=callbacks)
    return tuple(_flat(one["tree_structure"]) for one in booster.dump_model()["tree_info"])


def _libraries() -> tuple[Any, Any]:
    try:
        import lightgbm  # noqa: PLC0415  # only fitting needs it
        import numpy as np  # noqa: PLC0415  # likewise
    except ImportError:
        message = "Fitting needs libraries that are not installed: pip install 'mastery-engine[fit]'"
        raise CommandFailed(message) from None
    return np, lightgbm


def _flat(root: dict[str, Any]) -> TreeContent:
    """Return a tree node by node, each before its children."""
    features: list[int] = []
    thresholds: list[float] = []
    children: list[list[int]] = [[], []]
    leaves: list[float] = []

    def place(node: dict[str, Any]) -> int:
        if "leaf_value" in node:
            leaves.append(float(node["leaf_value"]))
            return -len(leaves)
        at = len(features)
        features.append(int(node["split_feature"]))
        thresholds.append(float(node["threshold"]))
        for side in children:
            side.append(0)
        for side, name in zip(children, ("left_child", "right_child"), strict=True):
            side[at] = place(node[name])
        return at

    place(root)
    low, high = children
    return TreeContent(tuple(features), tuple(thresholds), tuple(low), tuple(high), tuple(leaves))
