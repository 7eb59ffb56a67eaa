"""Which model predicts: activated, rolled back, followed by every process, refused where it cannot be used."""

import asyncio

import pytest

from src.domain.learner import LearnerModel
from src.errors import Conflict, ModelUnavailable, NotFound, TooLarge
from src.model_artefact import read_artefact
from src.model_service import KEPT, MAX_STORED, ModelService
from tests.documents import MemoryDocuments
from tests.learner import artefact, stump

DATA = {read_artefact(data).model_id: data for data in (artefact(start=place / 10) for place in range(KEPT + 2))}
FIRST, SECOND, THIRD, *_ = DATA


class Files:
    """Models as files of one machine."""

    def __init__(self, *model_ids: str, **damaged: bytes) -> None:
        self.data = {model_id: DATA[model_id] for model_id in model_ids} | damaged

    def ids(self) -> list[str]:
        return list(self.data)

    def read(self, model_id: str) -> bytes | None:
        return self.data.get(model_id)


@pytest.fixture
def documents() -> MemoryDocuments:
    return MemoryDocuments()


@pytest.fixture
def service(documents: MemoryDocuments) -> ModelService:
    """Return a service on a machine that has files of all models."""
    return ModelService(documents, local=Files(*DATA))


@pytest.fixture
def elsewhere(documents: MemoryDocuments) -> ModelService:
    """Return the service of another process, without files, over the same store."""
    return ModelService(documents, local=Files())


def name(model: LearnerModel | None) -> str | None:
    return None if model is None else model.model_id


async def test_without_an_activation_no_model_predicts(service: ModelService) -> None:
    assert await service.current() is None
    assert await service.check() == "smoothed rate"
    answer = await service.list()
    assert (answer.active, answer.previous) == (None, None)
    assert {(one.id, one.stored, one.active) for one in answer.models} == {(one, False, False) for one in DATA}


async def test_a_model_that_is_a_file_here_predicts_everywhere_once_it_is_activated(
    service: ModelService, elsewhere: ModelService
) -> None:
    assert await elsewhere.current() is None
    answer = await service.activate(FIRST)
    assert (answer.active, name(service.active)) == (FIRST, FIRST)
    assert elsewhere.active is None
    await elsewhere.follow()
    assert (name(elsewhere.active), await elsewhere.check()) == (FIRST, f"model {FIRST}")
    [stored] = (await elsewhere.list()).models
    assert (stored.id, stored.stored, stored.active, stored.size) == (FIRST, True, True, len(DATA[FIRST]))
    assert stored.fitted_at == "2026-01-15T10:30:00Z"


async def test_a_model_in_the_store_can_be_activated_where_there_is_no_file_of_it(
    service: ModelService, elsewhere: ModelService
) -> None:
    await service.activate(FIRST)
    await service.activate(SECOND)
    assert (await elsewhere.activate(FIRST)).active == FIRST


async def test_rolling_back_leads_to_the_one_before_and_in_the_end_to_none(service: ModelService) -> None:
    for model_id in (FIRST, SECOND, FIRST):
        await service.activate(model_id)
    found = []
    for _ in range(3):
        answer = await service.roll_back()
        found.append((answer.active, answer.previous, name(service.active)))
    assert found == [(SECOND, FIRST, SECOND), (FIRST, None, FIRST), (None, None, None)]
    with pytest.raises(Conflict):
        await service.roll_back()


async def test_activating_the_active_one_changes_nothing(service: ModelService) -> None:
    await service.activate(FIRST)
    assert await service.activate(FIRST) == await service.list()
    assert (await service.roll_back()).active is None


async def test_a_model_that_nobody_has_is_not_found(service: ModelService) -> None:
    with pytest.raises(NotFound):
        await service.activate("0" * 32)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (DATA[FIRST][:-9], "it is cut off"),
        (b"nothing of the kind", "it is not readable as gzip"),
        (artefact(form="another"), "it was fitted by another version"),
        (artefact(trees=(stump("gap", 1.0),)), "it is not the one that its name says"),
    ],
)
async def test_a_model_that_cannot_be_used_is_refused_and_nothing_changes(
    documents: MemoryDocuments, data: bytes, reason: str
) -> None:
    service = ModelService(documents, local=Files(SECOND, **{FIRST: data}))
    await service.activate(SECOND)
    with pytest.raises(Conflict) as refused:
        await service.activate(FIRST)
    assert reason in refused.value.detail
    assert await documents.get(f"model:{FIRST}") is None
    assert (name(service.active), (await service.list()).active) == (SECOND, SECOND)


async def test_a_model_that_was_damaged_in_the_store_is_replaced_by_its_file(
    documents: MemoryDocuments, service: ModelService
) -> None:
    await documents.put(f"model:{FIRST}", DATA[FIRST][:-1], None)
    await service.activate(FIRST)
    kept = await documents.get(f"model:{FIRST}")
    assert kept is not None
    assert kept.body == DATA[FIRST]


async def test_a_model_that_is_too_large_is_refused(documents: MemoryDocuments) -> None:
    service = ModelService(documents, local=Files(**{FIRST: bytes(MAX_STORED + 1)}))
    with pytest.raises(TooLarge):
        await service.activate(FIRST)


async def test_a_process_that_cannot_load_the_active_one_goes_on_with_the_one_before_and_says_so(
    documents: MemoryDocuments, service: ModelService, elsewhere: ModelService
) -> None:
    await service.activate(FIRST)
    await elsewhere.follow()
    await service.activate(SECOND)
    await documents.delete(f"model:{SECOND}")
    await elsewhere.follow()
    assert name(elsewhere.active) == FIRST
    with pytest.raises(ModelUnavailable, match="is not in the store"):
        await elsewhere.check()
    await service.activate(THIRD)
    await elsewhere.follow()
    assert (name(elsewhere.active), await elsewhere.check()) == (THIRD, f"model {THIRD}")


async def test_models_that_nobody_can_go_back_to_are_removed(documents: MemoryDocuments, service: ModelService) -> None:
    for model_id in DATA:
        await service.activate(model_id)
    there = [model_id for model_id in DATA if await documents.get(f"model:{model_id}") is not None]
    assert there == list(DATA)[-KEPT:]


async def test_of_two_who_activate_at_once_none_is_lost(service: ModelService, documents: MemoryDocuments) -> None:
    other = ModelService(documents, local=Files(*DATA))
    await asyncio.gather(service.activate(FIRST), other.activate(SECOND))
    answer = await service.list()
    assert {answer.active, answer.previous} == {FIRST, SECOND}
