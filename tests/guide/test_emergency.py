"""The guide's backup and restore of what is in Redis, by its own lines."""

import json
import time
from pathlib import Path

import pytest

from tests.processes import Service
from tests.services import RedisServer

from .asking import answer, redis_line, shell, until

SECTION = "Emergency Procedures"


@pytest.mark.guide(SECTION, "redis-cli BGSAVE")
def test_a_backup_is_written_beside_the_work(redis_server: RedisServer) -> None:
    def saved_at() -> int:
        return int(redis_line(redis_server, "redis-cli LASTSAVE"))

    began_s = int(time.time())
    assert "Background saving started" in redis_line(redis_server, "redis-cli BGSAVE")
    until(lambda: saved_at() >= began_s)
    assert (redis_server.directory / "dump.rdb").is_file()


@pytest.mark.guide(SECTION, 'redis-cli --scan --pattern "student:*" > student_keys.txt')
@pytest.mark.usefixtures("beside")
def test_the_keys_of_students_are_exported(redis_server: RedisServer, tmp_path: Path) -> None:
    keys = tmp_path / "student_keys.txt"
    redis_line(redis_server, f'redis-cli --scan --pattern "student:*" > {keys}')
    assert "student:123:evidence" in keys.read_text().split()


@pytest.mark.guide(SECTION, "redis-cli --pipe < backup_commands.txt")
def test_what_was_exported_is_restored(beside: Service, redis_server: RedisServer, tmp_path: Path) -> None:
    keys = redis_line(redis_server, 'redis-cli --scan --pattern "student:123:*"').split()
    before = answer(beside, "/api/v1/students/123/mastery")[1]
    commands, names = tmp_path / "backup_commands.txt", tmp_path / "student_keys.txt"
    names.write_text("\n".join(keys))
    made = shell(f"python -m src backup {names} > {commands}", REDIS_URL=redis_server.url, DATA_DIR=str(tmp_path))
    assert made.returncode == 0, made.stderr
    redis_line(redis_server, f"redis-cli DEL {' '.join(keys)}")
    assert answer(beside, "/api/v1/students/123/mastery")[1]["status"] == "no_evidence"
    assert f"errors: 0, replies: {len(keys)}" in redis_line(redis_server, f"redis-cli --pipe < {commands}")
    assert answer(beside, "/api/v1/students/123/mastery")[1] == before
    seconds = int(redis_line(redis_server, "redis-cli TTL student:123:evidence"))
    assert 89 * 86_400 < seconds <= 90 * 86_400
    verified = shell("python -m src verify --json", REDIS_URL=redis_server.url, DATA_DIR=str(tmp_path))
    assert json.loads(verified.stdout) == {"differs": [], "unreadable": [], "equal": 1, "older": 0}
