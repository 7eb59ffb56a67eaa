"""The fitted models: which one predicts, another one from now on, the one before again."""

from typing import Annotated, TypeAlias

import msgspec
from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from ..model_service import ModelsAnswer, ModelService
from ..problems import problems
from .access import Admin, asked, resources_of

router = APIRouter(prefix="/api/v1/models", tags=["models"], responses=problems(401, 403))

ModelId: TypeAlias = Annotated[
    str,
    Path(
        pattern=r"^[0-9a-f]{32}$",
        description="The id of a fitted model: a digest of its content.",
        examples=["0f343b0931126a20f133d67c2b018a3b"],
    ),
]


async def model_service(request: Request) -> ModelService:
    """Return the service of the application."""
    return resources_of(request).models


Models: TypeAlias = Annotated[ModelService, Depends(model_service)]


@router.get("", response_model=ModelsAnswer, name="list")
async def models(who: Admin, service: Models) -> Response:
    """Return the model that predicts, the one before it, and all that can be activated.

    Those in the store can be activated through any process; those that are files, through this one.
    """
    del who
    return _json(await service.list())


@router.post("/{model_id}/activate", response_model=ModelsAnswer, responses=problems(404, 409, 413))
async def activate(request: Request, who: Admin, model_id: ModelId, service: Models) -> Response:
    """Have a model predict from now on, in every process within seconds.

    It is loaded first: one that is damaged, or fitted by another version, is refused and nothing changes.
    """
    del who
    asked(request).facts["model"] = model_id
    return _json(await service.activate(model_id))


@router.post("/rollback", response_model=ModelsAnswer, responses=problems(409))
async def rollback(request: Request, who: Admin, service: Models) -> Response:
    """Have the model predict that did before the active one; before the first there was none."""
    del who
    answer = await service.roll_back()
    asked(request).facts["model"] = answer.active
    return _json(answer)


def _json(answer: ModelsAnswer) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json")
