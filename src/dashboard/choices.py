"""What is chosen in forms: as in the interface, but that an empty choice is none."""

from typing import Annotated, TypeAlias

from fastapi import Query
from pydantic import BeforeValidator

from ..api.parameters import IsoDate
from ..event_schema import ShortId


def _chosen(text: object) -> object:
    return text or None


ChosenTopic: TypeAlias = Annotated[ShortId | None, BeforeValidator(_chosen), Query()]
ChosenDay: TypeAlias = Annotated[IsoDate | None, BeforeValidator(_chosen), Query()]
