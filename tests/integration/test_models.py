"""Fitted models over Redis: what one process activates, another predicts by."""

import json
from pathlib import Path

import pytest
import redis

from src.adapters.model_files import ModelFiles
from src.model_artefact import read_artefact
from tests.api.serving import client_of, running_app
from tests.api.student import ADMIN, EVENTS, get, read, send
from tests.learner import artefact

DATA = artefact()
MODEL_ID = read_artefact(DATA).model_id
QUERY = "predictions/responses?item=easy,hard&skills=add"


async def test_what_one_process_activates_another_predicts_by_without_a_file_or_a_restart(
    redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    here, there = (tmp_path_factory.mktemp(name) for name in ("here", "there"))
    ModelFiles(here).write(MODEL_ID, DATA)
    async with (
        running_app(here, redis_url=redis_url) as one,
        running_app(there, redis_url=redis_url) as other,
        client_of(one) as client,
        client_of(other) as reader,
    ):
        await send(client, *EVENTS)
        assert (await read(reader, QUERY))["model"]["kind"] == "smoothed_rate"
        await client.post(f"/api/v1/models/{MODEL_ID}/activate", headers=ADMIN)
        await other.state.resources.models.follow()
        answers = [await get(asker, QUERY) for asker in (client, reader)]
        assert answers[0].content == answers[1].content
        assert answers[0].json()["model"]["id"] == MODEL_ID
    async with running_app(there, redis_url=redis_url) as again, client_of(again) as client:
        assert (await read(client, QUERY))["model"]["id"] == MODEL_ID
        await client.post("/api/v1/models/rollback", headers=ADMIN)
        assert (await read(client, QUERY))["model"]["id"] is None


async def test_the_last_forecast_is_read_with_any_client(redis_url: str, tmp_path: Path) -> None:
    async with running_app(tmp_path, redis_url=redis_url) as app, client_of(app) as client:
        await send(client, *EVENTS)
        told = await read(client, "predictions")
    with redis.Redis.from_url(redis_url) as reader:
        last = json.loads(str(reader.get("prediction:student-1:cache"), "utf-8"))
        assert 0 < int(str(reader.ttl("prediction:student-1:cache"))) <= 3600
    assert last["prediction"] == told
