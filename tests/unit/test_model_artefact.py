import gzip

import msgspec
import pytest

from src.domain.learner_history import FEATURES
from src.domain.learner_tables import NOTHING
from src.errors import ModelInvalid
from src.model_artefact import MAX_CONTENT, TreeContent, read_artefact, write_artefact
from tests.learner import artefact, content


def test_what_was_written_is_read() -> None:
    model = read_artefact(artefact())
    assert model.model_id == write_artefact(content(), "")[0]
    assert model.fitted_at == "2026-01-15T10:30:00Z"
    assert model.about == {"students": 12}
    assert model.tables.items.get("easy", NOTHING) == (40, 36)
    assert len(model.trees.roots) == len(content().trees)


def test_the_id_is_of_the_content_and_not_of_the_time_of_fitting() -> None:
    assert write_artefact(content(), "today")[0] == write_artefact(content(), "tomorrow")[0]
    assert write_artefact(content(start=0.3), "today")[0] != write_artefact(content(), "today")[0]


def test_the_same_content_gives_the_same_bytes() -> None:
    assert artefact() == artefact()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        gzip.compress(b""),
        gzip.compress(b"[]"),
        gzip.compress(b"\xff"),
        gzip.compress(b"[" * 100_000),
        gzip.compress(b'{"content": {}, "fitted_at": "", "fitted_from": [], "model_id": ""}'),
        artefact()[:-1],
        artefact()[:200],
        gzip.compress(bytes(MAX_CONTENT + 1), 1),
    ],
    ids=["nothing", "plain", "empty", "a list", "no text", "deep", "no content", "cut", "cut short", "bomb"],
)
def test_bytes_that_are_no_model_are_refused(data: bytes) -> None:
    with pytest.raises(ModelInvalid):
        read_artefact(data)


def test_a_model_that_was_changed_is_refused() -> None:
    changed = gzip.decompress(artefact()).replace(b"[40,36]", b"[40,37]")
    with pytest.raises(ModelInvalid, match="changed"):
        read_artefact(gzip.compress(changed))


def _tree(**changes: object) -> TreeContent:
    return msgspec.structs.replace(TreeContent((0, 1), (0.0, 0.5), (1, -1), (-2, -3), (0.1, 0.2, 0.3)), **changes)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"form": "another"}, "another version"),
        ({"features_version": 0}, "another version"),
        ({"features": (*FEATURES[:-1], "unheard of")}, "does not know"),
        ({"tables": {}}, "does not know"),
        ({"everything": (1, 2)}, "cannot be"),
        ({"tables": content().tables | {"items": {"x": (1, -1)}}}, "cannot be"),
        ({"tables": content().tables | {"leads": {"x": (-1, 0)}}}, "cannot be"),
        ({"trees": (_tree(features=(0, 999)),)}, "tree"),
        ({"trees": (_tree(features=(0, -1)),)}, "tree"),
        ({"trees": (_tree(low=(0, -1)),)}, "tree"),
        ({"trees": (_tree(low=(1, -9)),)}, "tree"),
        ({"trees": (_tree(leaves=(0.1,)),)}, "tree"),
    ],
)
def test_a_model_that_cannot_be_walked_is_refused(changes: dict[str, object], why: str) -> None:
    with pytest.raises(ModelInvalid, match=why):
        read_artefact(artefact(**changes))
