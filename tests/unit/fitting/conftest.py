from collections.abc import Callable

import pytest

from src.domain.learner import LearnerModel
from src.fitting.answers import Students, collect, read_answers
from src.fitting.fit import fit, material
from src.model_artefact import Content, read_artefact, write_artefact
from tests.simulated_answers import content_of, simulate

Reader = Callable[[str], Students]


def quietly(what: str, part: float) -> None:
    """Tell nobody how far it is."""


def students_of(text: str) -> Students:
    """Return the answers of a file, all of whose rows hold one."""
    students = Students()
    assert collect(read_answers(content_of(text.encode()), "file"), students).number == 0
    return students


def fitted(text: str) -> Content:
    """Return a model of the answers of a file."""
    return fit(material(students_of(text)), quietly)


def loaded(content: Content) -> LearnerModel:
    """Return a model as it serves."""
    return read_artefact(write_artefact(content, "")[1])


@pytest.fixture(scope="session")
def content() -> Content:
    return fitted(simulate(range(60)).text)


@pytest.fixture(scope="session")
def model(content: Content) -> LearnerModel:
    return loaded(content)
