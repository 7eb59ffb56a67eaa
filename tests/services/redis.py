"""A real Redis."""

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal
from urllib.parse import quote

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from .errors import WrongState
from .ports import HOST
from .programs import redis_program
from .server import Server

Fsync = Literal["always", "everysec", "no"]
_ANSWER_WITHIN_S = 1.0


class RedisServer(Server):
    """One Redis server: never evicts, keeps an append only file, and is empty until something is written."""

    kind: ClassVar[str] = "redis"
    ready_within_s: ClassVar[float] = 60
    ended_within_s: ClassVar[float] = 20

    def __init__(
        self,
        directory: Path | None = None,
        *,
        port: int = 0,
        appendonly: bool = True,
        fsync: Fsync = "everysec",
        maxmemory: str | None = None,
        password: str | None = None,
        settings: Iterable[str] = (),
    ) -> None:
        """Take ``maxmemory`` as Redis does (``100mb``), and further lines of its ``redis.conf`` as ``settings``."""
        super().__init__(directory, port=port)
        self._password = password
        self._settings = [
            f"bind {HOST}",
            "daemonize no",
            'save ""',
            "maxmemory-policy noeviction",
            f"appendonly {'yes' if appendonly else 'no'}",
            f"appendfsync {fsync}",
            *([f"maxmemory {maxmemory}"] if maxmemory else []),
            *([f"requirepass {_quoted(password)}"] if password else []),
            *settings,
        ]

    @property
    def url(self) -> str:
        """Return its address as ``REDIS_URL`` takes it."""
        secret = f":{quote(self._password, safe='')}@" if self._password else ""
        return f"redis://{secret}{HOST}:{self.port}/0"

    @property
    def environment(self) -> Mapping[str, str]:
        """Return the variable that tells the product where it is."""
        return {"REDIS_URL": self.url}

    @property
    def append_only_file(self) -> Path:
        """Return the file at whose end it writes every change; before Redis 7 there is but one."""
        manifest = self.directory / "appendonlydir" / "appendonly.aof.manifest"
        if not manifest.exists():
            return self.directory / "appendonly.aof"
        parts = [line.split() for line in manifest.read_text(encoding="utf-8").splitlines()]
        return manifest.with_name([part[1] for part in parts if part[-1] == "i"][-1])

    def run_cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``redis-cli`` against this server to its end, whatever that is."""
        command: list[str | Path] = [redis_program("redis-cli"), "-h", HOST, "-p", str(self.port), *arguments]
        variables = {**os.environ, **({"REDISCLI_AUTH": self._password} if self._password else {})}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=variables)

    def lose_tail(self, keep: int) -> None:
        """Cut the append only file to its first bytes, as a power failure does to what was not yet on the disk."""
        if self.running:
            message = "redis would write on where it was; kill it first"
            raise WrongState(message)
        written = self.append_only_file.stat().st_size
        if keep > written:
            message = f"{self.append_only_file} has only {written} bytes: it was begun anew since"
            raise WrongState(message)
        with self.append_only_file.open("r+b") as file:
            file.truncate(keep)

    def _prepare(self) -> None:
        lines = [f"port {self.port}", f"dir {_quoted(str(self.directory))}", *self._settings]
        self._configuration.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def _command(self) -> Sequence[str | Path]:
        return redis_program("redis-server"), self._configuration

    def _answers(self) -> bool:
        limits = {"socket_timeout": _ANSWER_WITHIN_S, "socket_connect_timeout": _ANSWER_WITHIN_S}
        try:
            with Redis.from_url(self.url, retry=Retry(NoBackoff(), 0), **limits) as client:
                return bool(client.ping())
        except RedisError:
            return False

    @property
    def _configuration(self) -> Path:
        return self.directory / "redis.conf"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
