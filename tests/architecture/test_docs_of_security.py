"""The page about security and the tests that it names are in agreement."""

import ast
import re
from functools import cache

import pytest

from .markdown import ROOT, code, read, section, table

ITEMS = table(section(read("docs/security.md"), "## What holds, and what proves it"), "item")
DOES_NOT_APPLY = "does not apply"


@cache
def named_in(path: str) -> frozenset[str]:
    """Return the names of the tests in a file below ``tests``, none where there is no such file."""
    file = ROOT / "tests" / path
    if not file.is_file():
        return frozenset()
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, functions) and node.name.startswith("test_"))


def test_every_item_has_one_row_in_order() -> None:
    numbers = [int(row[0].partition(".")[0]) for row in ITEMS]
    assert numbers == list(range(1, 39))
    assert all(re.fullmatch(r"\d+\. \S.*", item) and holds for item, holds, _ in ITEMS)


@pytest.mark.parametrize("row", ITEMS, ids=lambda row: row[0])
def test_what_is_said_to_prove_an_item_are_tests_that_exist(row: list[str]) -> None:
    _, holds, proofs = row
    if proofs == DOES_NOT_APPLY:
        assert holds.startswith("Does not apply yet: ")
        return
    named = code(proofs)
    assert named
    assert proofs == ", ".join(f"`{name}`" for name in named)
    for name in named:
        path, _, test = name.partition("::")
        assert named_in(path), f"no tests in {path}"
        assert not test or test in named_in(path), name
