"""The Redis user that the documentation for operators describes, under whom the contract suites run."""

import re
from pathlib import Path

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from src.adapters.redis_client import redis_client

PAGE = Path(__file__).parents[1] / "docs/operations/redis-and-kafka.md"
NAME = "mastery-engine"
PASSWORD = "a password of the tests, used nowhere else"
_RULE = re.compile(rf"^redis-cli ACL SETUSER {NAME} (.+?[^\\])$", re.MULTILINE | re.DOTALL)


def rule() -> list[str]:
    """Return what the user may do, as the page tells operators to set it."""
    found = _RULE.search(PAGE.read_text(encoding="utf-8"))
    assert found, f"{PAGE.name} does not tell how to make the user"
    return [part.strip("'") for part in found[1].replace("\\\n", " ").split()]


def make_user(url: str) -> None:
    """Make the user in a Redis, as operators do."""
    with Redis.from_url(url) as admin:
        admin.execute_command("ACL", "SETUSER", NAME, *(part.replace("PASSWORD", PASSWORD) for part in rule()))


def engine_client(url: str) -> AsyncRedis:
    """Make the user, and return a client of the service that logs in as that user."""
    make_user(url)
    return redis_client(url, username=NAME, password=PASSWORD)
