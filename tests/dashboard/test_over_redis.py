"""The dashboard over Redis, and what people are told when Redis goes away."""

from pathlib import Path

from tests.api.school import COHORT, STUDENT, open_school
from tests.api.serving import client_of, running_app
from tests.services import RedisServer
from tests.services.fixtures import Running

from .visitors import VISITORS

PATHS = (f"/dashboard/students/{STUDENT}", f"/dashboard/classes/{COHORT}", f"/dashboard/classes/{COHORT}/heat-map")


async def test_pages_are_the_same_over_redis_and_say_so_when_it_is_away(tmp_path: Path, running: Running) -> None:
    server = running(RedisServer(tmp_path / "redis"))
    async with running_app(tmp_path / "data", redis_url=server.url) as app, client_of(app) as client:
        await open_school(client)
        for path in PATHS:
            page = await client.get(path, headers=VISITORS["teacher"])
            assert page.status_code == 200
            assert "Loops" in page.text
        server.kill()
        away = await client.get(PATHS[1], headers=VISITORS["teacher"])
    assert (away.status_code, away.headers["Retry-After"]) == (503, "5")
    assert "We cannot answer right now" in away.text
    assert "Try again" in away.text
