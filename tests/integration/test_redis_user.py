"""The user of Redis that operators are told to make: it reaches our keys by our commands, and nothing else."""

import re
from fnmatch import fnmatchcase

import pytest
from redis import Redis

from src.state_manager import StateKeyPatterns
from tests.redis_user import NAME, make_user, rule

FORBIDDEN = [
    ("KEYS", "*"),
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("CONFIG", "SET", "maxmemory", "1"),
    ("SCRIPT", "FLUSH"),
    ("ACL", "LIST"),
    ("MONITOR",),
    ("SHUTDOWN",),
    ("REPLICAOF", "NO", "ONE"),
    ("DEBUG", "SLEEP", "0"),
    ("MODULE", "LIST"),
    ("SWAPDB", "0", "1"),
    ("PUBLISH", "channel", "x"),
    ("GET", "of-another-application"),
    ("DEL", "celery"),
    ("EVAL", "return redis.call('GET', KEYS[1])", "1", "sessions"),
]


@pytest.mark.parametrize("command", FORBIDDEN, ids=" ".join)
def test_the_user_of_the_documentation_may_not(redis_url: str, command: tuple[str, ...]) -> None:
    make_user(redis_url)
    with Redis.from_url(redis_url, decode_responses=True) as admin:
        assert "no permissions" in admin.execute_command("ACL", "DRYRUN", NAME, *command)


def test_every_kind_of_key_is_within_reach_and_none_besides() -> None:
    patterns = {text for name, text in vars(StateKeyPatterns).items() if name.isupper()}
    # What stands before the first placeholder; of the trail and of the outbox the tag in braces belongs to the name.
    prefixes = {re.sub(r"^\{+(audit|outbox)\}+:.*", r"{\1}:*", text) for text in patterns}
    keys = {re.sub(r":\{(?!audit|outbox).*", ":*", text) for text in prefixes}
    granted = {part.removeprefix("~") for part in rule() if part.startswith("~")}
    assert {key for key in keys if not any(fnmatchcase(key, one) for one in granted)} == set()
    assert {one for one in granted if not any(fnmatchcase(key, one) for key in keys)} == set()
