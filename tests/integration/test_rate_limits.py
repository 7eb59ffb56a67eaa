"""Limits over several processes of the service, and what becomes of them while Redis is away."""

import time
from contextlib import ExitStack
from pathlib import Path

import httpx
from redis import Redis

from tests.api.serving import Server, bearer_now, running_server
from tests.services import RedisServer
from tests.services.fixtures import Running
from tests.services.process import wait_until

WITHIN_S = 20
ADMIN_ROUTE = "/api/v1/dead-letters"


def get(server: Server, path: str, **headers: str) -> httpx.Response:
    return httpx.get(f"{server.url}{path}", headers=headers, timeout=30)


def full_minute() -> None:
    """Return when enough of a minute is left for what follows."""
    assert wait_until(lambda: time.time() % 60 < 40, 30)


def test_two_processes_count_together(redis_url: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        settings = {"REDIS_URL": redis_url, "RATE_LIMIT_READS": "10", "RATE_LIMIT_ADMIN": "3"}
        one, other = (stack.enter_context(running_server(tmp_path / name, **settings)) for name in "ab")
        full_minute()
        admin = bearer_now("admin", user_id="canary-admin")
        asked = [get(server, ADMIN_ROUTE, **admin).status_code for server in (one, other, one, other)]
        assert asked == [200, 200, 200, 429]
        assert {get(one, "/api/v1/me", **admin).status_code for _ in range(10)} == {200}
        # The other learns of it with what it counts itself, a second later.
        assert wait_until(lambda: get(other, "/api/v1/me", **admin).status_code == 429, WITHIN_S)
        with Redis.from_url(redis_url, decode_responses=True) as client:
            keys = [key for key in client.scan_iter("*") if key.startswith("rate:")]
            assert keys
            assert all(0 < client.ttl(key) <= 120 for key in keys)
            assert "canary-admin" not in str(keys)


def test_while_redis_is_away_reads_go_on_and_what_admins_do_is_refused(running: Running, tmp_path: Path) -> None:
    redis = running(RedisServer())
    with running_server(tmp_path, REDIS_URL=redis.url, RATE_LIMIT_READS="5", RATE_LIMIT_ADMIN="600") as server:
        admin = bearer_now("admin")
        assert get(server, ADMIN_ROUTE, **admin).status_code == 200
        redis.kill()
        full_minute()
        reader = bearer_now("student", user_id="reader")
        assert [get(server, "/api/v1/me", **reader).status_code for _ in range(6)] == [200] * 5 + [429]
        refused = get(server, ADMIN_ROUTE, **admin)
        assert (refused.status_code, refused.json()["type"]) == (503, "urn:mastery-engine:problem:store-unavailable")
        assert refused.headers["Retry-After"]
        assert get(server, "/api/v1/me").status_code == 401
        assert "LIMITS are counted by each process alone" in server.wait_for(lambda line: "LIMITS" in line)
        redis.start()
        assert wait_until(lambda: get(server, ADMIN_ROUTE, **admin).status_code == 200, WITHIN_S)
        assert '"status":500' not in server.log()
