"""A server that speaks RESP2 and answers what a test tells it to, for what the Redis at hand cannot do."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeAlias

Command: TypeAlias = tuple[str, ...]
Reply: TypeAlias = "int | str | bytes | Sequence[Reply] | Exception | None"


@dataclass
class RespServer:
    """Where it listens, and every command that came, each with the connection that it came on."""

    answer: Callable[[Command], Reply]
    port: int = 0
    commands: list[tuple[int, Command]] = field(default_factory=list)
    _connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection to its end."""
        self._connections += 1
        number = self._connections
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                command = await _read(reader)
                self.commands.append((number, command))
                writer.write(_encoded(self.answer(command)))
                await writer.drain()
        writer.close()


@asynccontextmanager
async def resp_server(answer: Callable[[Command], Reply]) -> AsyncIterator[RespServer]:
    """Run a server until the end."""
    server = RespServer(answer)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server


async def _read(reader: asyncio.StreamReader) -> Command:
    words = []
    for _ in range(int((await reader.readuntil(b"\r\n"))[1:])):
        size = int((await reader.readuntil(b"\r\n"))[1:])
        words.append((await reader.readexactly(size + 2))[:-2].decode("utf-8", "replace"))
    return tuple(words)


def _encoded(reply: Reply) -> bytes:
    match reply:
        case None:
            return b"$-1\r\n"
        case int():
            return b":%d\r\n" % reply
        case bytes():
            return b"$%d\r\n%s\r\n" % (len(reply), reply)
        case str():
            return b"$%d\r\n%s\r\n" % (len(reply.encode()), reply.encode())
        case Exception():
            return b"-%s\r\n" % str(reply).encode()
        case _:
            return b"*%d\r\n%s" % (len(reply), b"".join(map(_encoded, reply)))
