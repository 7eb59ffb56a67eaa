"""What is chosen in forms: as in the interface, but that an empty choice is none."""

from typing import Annotated, TypeAlias

from fastapi import Query
from pydantic import BeforeValidator

from ..api.parameters import IsoDate


def _chosen(text: object) -> object:
    return text or None


ChosenTopic: TypeAlias = Annotated[
    str | None, BeforeValidator(_chosen), Query(pattern=r"^[A-Za-z0-9._-]+$", max_length=64)
]
ChosenDay: TypeAlias = Annotated[IsoDate | None, BeforeValidator(_chosen), Query()]
