"""An application with dead letters to work through, read from fakes."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from fastapi import FastAPI
from pydantic import SecretStr

from src.config import Environment, Settings
from src.dead_letter_service import DeadLetterService
from src.main import create_app
from src.ports import Clock
from src.resources import Resources, open_resources
from tests.api.serving import AUDIT_KEY
from tests.api.tokens import SECRET
from tests.dead_letters import MemoryDeadLetterIndex, MemoryDeadLetters, letter
from tests.making import wire

HOSTILE = "<script>alert(1)</script>"
RECORDS = [
    letter(0),
    letter(1, value=json.dumps(wire("was-early")).encode()),
    letter(2, value=b"\xff", code="conflict"),
    letter(3, value=json.dumps({"event_id": HOSTILE}).encode()),
]


def office(data_dir: Path, clock: Clock, environment: Environment) -> FastAPI:
    """Return the application, not started yet."""
    settings = Settings(
        jwt_secret=SecretStr(SECRET), audit_key=SecretStr(AUDIT_KEY), data_dir=data_dir, environment=environment
    )

    @asynccontextmanager
    async def opened() -> AsyncIterator[Resources]:
        async with open_resources(settings, clock=clock) as resources:
            log, index = MemoryDeadLetters(RECORDS), MemoryDeadLetterIndex()
            letters = DeadLetterService(resources.mastery, log=log, index=index, clock=clock)
            yield replace(resources, dead_letters=letters)

    return create_app(opened)
