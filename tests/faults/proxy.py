"""A TCP proxy that does to a connection what networks do: delay, silence, resets, answers that never arrive."""

import asyncio
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum

HOST = "127.0.0.1"
_CHUNK = 65_536


class Mode(StrEnum):
    """What becomes of what is sent."""

    PASS = "pass"
    LATE = "late"
    NARROW = "narrow"
    BLACKHOLE = "blackhole"
    RESET = "reset"
    DROP_REPLY = "drop reply"


class Proxy:
    """Stands before a server; ``mode`` and ``target`` may be changed at any time, from any thread.

    ``delay_s`` and ``jitter_s`` are those of the mode ``LATE``, for each piece in either direction. In the mode
    ``NARROW`` a connection carries ``bytes_per_s`` each way. In the mode ``DROP_REPLY`` the server gets every request,
    and the client a reset instead of the answer to one: the first that holds ``marker``, after ``spared`` others.
    """

    def __init__(self, target: int, *, delay_s: float = 0.2, jitter_s: float = 0.1, bytes_per_s: int = 10_000) -> None:
        self.target = target
        self.mode = Mode.PASS
        self.port = 0
        self.dropped = 0
        self.spared = 0
        self.marker = b""
        self._delay_s, self._jitter_s, self._bytes_per_s = delay_s, jitter_s, bytes_per_s
        self._dice = random.Random(0)

    async def serve(self, ready: threading.Event) -> None:
        """Serve until told to stop."""
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connected, HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._stop.wait()
        server.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await asyncio.sleep(0)  # for the connections that were cut to be closed

    def stop(self) -> None:
        """End the service; from any thread."""
        self._loop.call_soon_threadsafe(self._stop.set)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode is Mode.RESET:
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection(HOST, self.target)
        except OSError:
            writer.transport.abort()
            return
        doomed = asyncio.Event()
        pumps = [
            asyncio.create_task(self._requests(reader, back, doomed)),
            asyncio.create_task(self._replies(there, writer, doomed)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for end in (writer, back):
                end.transport.abort()

    async def _requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, doomed: asyncio.Event
    ) -> None:
        while piece := await self._read(reader):
            if self.mode is Mode.RESET:
                return
            if self.mode is Mode.DROP_REPLY and self.marker in piece:
                self.spared -= 1
                if self.spared < 0:
                    self.mode = Mode.PASS
                    doomed.set()
            await self._forward(piece, writer)

    async def _replies(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, doomed: asyncio.Event) -> None:
        while piece := await self._read(reader):
            if doomed.is_set():
                self.dropped += 1
                return
            if self.mode is Mode.RESET:
                return
            await self._forward(piece, writer)

    async def _forward(self, piece: bytes, writer: asyncio.StreamWriter) -> None:
        if self.mode is Mode.BLACKHOLE:
            return
        if self.mode is Mode.LATE:
            await asyncio.sleep(self._delay_s + self._jitter_s * (2 * self._dice.random() - 1))
        for part in self._parts(piece):
            if self.mode is Mode.NARROW:
                await asyncio.sleep(len(part) / self._bytes_per_s)
            writer.write(part)
            with suppress(ConnectionError):
                await writer.drain()

    def _parts(self, piece: bytes) -> Iterator[bytes]:
        """Return a piece in parts, which on a narrow way take a tenth of a second."""
        size = self._bytes_per_s // 10 if self.mode is Mode.NARROW else len(piece)
        return (piece[at : at + size] for at in range(0, len(piece), size))

    @staticmethod
    async def _read(reader: asyncio.StreamReader) -> bytes:
        with suppress(ConnectionError):
            return await reader.read(_CHUNK)
        return b""


@contextmanager
def proxy(target: int, *, delay_s: float = 0.2, jitter_s: float = 0.1) -> Iterator[Proxy]:
    """Run a proxy before a port, in a thread of its own."""
    one = Proxy(target, delay_s=delay_s, jitter_s=jitter_s)
    ready = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(one.serve(ready)))
    thread.start()
    try:
        ready.wait()
        yield one
    finally:
        one.stop()
        thread.join()
