"""Nothing that the guide says is left without a test that quotes it, and no test quotes what it does not say."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import NamedTuple

import pytest

import tests.guide
from tests.architecture.markdown import read, section, table

from .cluster import CLUSTER
from .passages import GUIDE, Passage, passages, squeezed


class Claim(NamedTuple):
    """Words of a section that a test, or the list of what needs a cluster, answers for."""

    section: str
    words: str


@pytest.fixture(scope="module")
def said() -> list[Passage]:
    if not GUIDE.is_file():
        pytest.skip("the operations guide is no part of the repository, and does not lie beside it")
    return passages(GUIDE.read_text(encoding="utf-8"))


def marked(marks: list[pytest.Mark]) -> Iterator[Claim]:
    """Yield the claims of marks, those of the parameters of a test too."""
    for mark in marks:
        if mark.name == "guide":
            section, *quoted = mark.args
            yield from (Claim(section, squeezed(words)) for words in quoted)
        if mark.name == "parametrize":
            for one in mark.args[1]:
                yield from marked(list(getattr(one, "marks", ())))


def claims() -> list[Claim]:
    """Return what the tests of this directory claim, and the list of what only a cluster can show."""
    found = [Claim(line.section, squeezed(line.words)) for line in CLUSTER]
    for module in pkgutil.iter_modules(tests.guide.__path__):
        if module.name.startswith("test_"):
            loaded = importlib.import_module(f"tests.guide.{module.name}")
            for name, test in vars(loaded).items():
                if name.startswith("test_"):
                    found += marked(getattr(test, "pytestmark", []))
    return found


def answered(passage: Passage, all_claims: list[Claim]) -> list[Claim]:
    return [claim for claim in all_claims if claim.section == passage.section and claim.words in passage.text]


def test_everything_that_the_guide_says_is_claimed(said: list[Passage]) -> None:
    known = claims()
    assert [passage for passage in said if not answered(passage, known)] == []


def test_every_claim_quotes_the_guide(said: list[Passage]) -> None:
    assert [claim for claim in claims() if not any(answered(passage, [claim]) for passage in said)] == []


def test_no_claim_is_so_short_that_it_would_answer_for_anything() -> None:
    assert [claim for claim in claims() if len(claim.words) < 6] == []  # `event:` is the shortest that says something


def test_the_lines_that_cannot_work_are_listed_with_the_reason() -> None:
    listed = [
        tuple(row) for row in table(section(read("docs/operations/guide.md"), "## Lines that cannot work"), "section")
    ]
    never = [(line.section, f"`{line.words}`", line.never) for line in CLUSTER if line.never is not None]
    assert listed[: len(never)] == never
