"""Keys of Redis that were backed up: made again with their ends, and never those of who was erased since."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from shutil import copy
from typing import Any

import pytest
from redis.asyncio import Redis

from src.adapters.redis_backup import restoring
from src.config import Settings
from src.domain.erasures import Pseudonym
from src.resources import Resources, open_resources
from src.state_manager import Recomputed, StateKeyPatterns
from tests.making import wire
from tests.processes import SECRET
from tests.services import RedisServer
from tests.services.fixtures import Running

STUDENTS = ("ada", "ben")


def resources_of(url: str, data_dir: Path) -> AbstractAsyncContextManager[Resources]:
    secrets: dict[str, Any] = {"jwt_secret": SECRET, "audit_key": SECRET, "pseudonym_key": SECRET}
    return open_resources(Settings(redis_url=url, data_dir=data_dir, **secrets))


async def send(resources: Resources) -> None:
    for student in STUDENTS:
        await resources.mastery.ingest([wire(student_id=student, timestamp=datetime.now(UTC).isoformat())])


@pytest.fixture
async def resources(redis_url: str, tmp_path: Path) -> AsyncIterator[Resources]:
    async with resources_of(redis_url, tmp_path) as opened:
        await send(opened)
        yield opened


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as opened:
        yield opened


def marker_of(key: str) -> str:
    return StateKeyPatterns.ERASURE.format(pseudonym=Pseudonym(SECRET.encode())(key.split(":")[1]))


async def run(client: Redis, command: list[bytes]) -> bytes:
    return bytes(await client.execute_command(*command))  # type: ignore[no-untyped-call]  # it has no types there


async def parts_of(client: Redis) -> list[list[bytes]]:
    """Return the commands for all keys of students, each as its arguments."""
    keys = [key.decode() async for key in client.scan_iter("student:*")]
    commands = [made async for made in restoring(client, sorted(keys), marker_of)]
    assert len(commands) == len(keys)
    return [read(made) for made in commands]


def read(command: bytes) -> list[bytes]:
    """Return the arguments of a command in the protocol of Redis."""
    head, _, rest = command.partition(b"\r\n")
    found = []
    for _ in range(int(head[1:])):
        size, _, rest = rest.partition(b"\r\n")
        found.append(rest[: int(size[1:])])
        rest = rest[int(size[1:]) + 2 :]
    return found


async def test_everything_of_a_student_is_made_again_with_its_end(resources: Resources, client: Redis) -> None:
    before = await resources.state.dump("ada", resources.state.today())
    commands = await parts_of(client)
    for command in commands:
        await client.delete(command[3])
    assert await resources.state.dump("ada", resources.state.today()) is None
    for command in commands:
        assert await run(client, command) == b"OK"
        assert 0 < await client.ttl(command[3]) <= 90 * 86_400
    assert await resources.state.dump("ada", resources.state.today()) == before


async def test_who_was_erased_since_is_not_made_again(resources: Resources, client: Redis) -> None:
    commands = await parts_of(client)
    await resources.privacy.erase("ada")
    answers = {one[3].decode(): await run(client, one) for one in commands}
    assert {answer for key, answer in answers.items() if key.startswith("student:ada:")} == {b"ERASED"}
    assert {answer for key, answer in answers.items() if key.startswith("student:ben:")} == {b"OK"}
    assert await resources.state.dump("ada", resources.state.today()) is None


async def test_another_redis_made_of_a_backup_has_the_same_state_and_derives_the_same(
    running: Running, tmp_path: Path
) -> None:
    first = running(RedisServer(tmp_path / "first", appendonly=False))
    async with resources_of(first.url, tmp_path) as opened:
        await send(opened)
        before = [await opened.state.dump(one, opened.state.today()) for one in STUDENTS]
    first.run_cli("SAVE")
    (tmp_path / "second").mkdir()
    copy(tmp_path / "first" / "dump.rdb", tmp_path / "second" / "dump.rdb")
    second = running(RedisServer(tmp_path / "second", appendonly=False))
    async with resources_of(second.url, tmp_path) as opened:
        assert [await opened.state.dump(one, opened.state.today()) for one in STUDENTS] == before
        assert [await opened.mastery.recompute(one) for one in STUDENTS] == [Recomputed.EQUAL] * 2
