"""A small balancer before instances of the service: it asks who is ready, and sends each new connection there."""

import asyncio
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from .http import token
from .proxy import HOST

ASK_EVERY_S = 0.1
_CHUNK = 65_536
_JSON = {"Content-Type": "application/json"}


class Balancer:
    """Balances connections as Kubernetes' Services do: one that is open stays where it is, whatever becomes of it."""

    def __init__(self) -> None:
        self.port = 0
        self.ready: list[str] = []
        self._instances: list[str] = []
        self._taken = 0
        self._stopping = threading.Event()

    def add(self, url: str) -> None:
        """Ask this instance too whether it is ready."""
        self._instances = [*self._instances, url]

    def watch(self) -> None:
        """Ask until told to stop."""
        while not self._stopping.wait(ASK_EVERY_S):
            self.ready = [url for url in self._instances if _is_ready(url)]

    async def serve(self, listening: threading.Event) -> None:
        """Serve until told to stop."""
        server = await asyncio.start_server(self._connected, HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        listening.set()
        await asyncio.to_thread(self._stopping.wait)
        server.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def stop(self) -> None:
        """End the service; from any thread."""
        self._stopping.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ready = self.ready
        self._taken += 1
        address = urlsplit(ready[self._taken % len(ready)])
        there, back = await asyncio.open_connection(address.hostname, address.port)
        pumps = [asyncio.create_task(_pump(reader, back)), asyncio.create_task(_pump(there, writer))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for end in (writer, back):
                end.close()


@contextmanager
def balancer() -> Iterator[Balancer]:
    """Run a balancer until the block ends."""
    one, listening = Balancer(), threading.Event()
    threads = [
        threading.Thread(target=one.watch),
        threading.Thread(target=lambda: asyncio.run(one.serve(listening))),
    ]
    for thread in threads:
        thread.start()
    try:
        listening.wait()
        yield one
    finally:
        one.stop()
        for thread in threads:
            thread.join()


@dataclass
class Visitors:
    """Clients that keep their connections and ask at a steady rate, each read and each event counted."""

    port: int
    events: Iterator[dict[str, Any]]
    per_s: int
    clients: int = 4
    asked: int = 0
    sent: int = 0
    failed: list[str] = field(default_factory=list)

    def __enter__(self) -> None:
        """Begin."""
        self._leaving = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._visit, args=(number,)) for number in range(self.clients)]
        for thread in self._threads:
            thread.start()

    def __exit__(self, *about: object) -> None:
        """Ask no more."""
        self._leaving.set()
        for thread in self._threads:
            thread.join()

    def _visit(self, number: int) -> None:
        headers = {"Authorization": f"Bearer {token()}"}
        connection = HTTPConnection(HOST, self.port, timeout=40)
        due_s = time.monotonic()
        pause_s = self.clients / self.per_s
        while not self._leaving.wait(max(0.0, due_s - time.monotonic())):
            due_s += pause_s
            try:
                self._ask(connection, headers, event=self.asked % 20 == number)
            except OSError as error:  # a connection that was cut is what must not happen
                self.failed.append(f"{type(error).__name__}: {error}")
                connection.close()
        connection.close()

    def _ask(self, connection: HTTPConnection, headers: dict[str, str], *, event: bool) -> None:
        """Send one event, or read something that needs a token."""
        if event:
            with self._lock:
                body = json.dumps(next(self.events))
            connection.request("POST", "/api/v1/events", body, headers | _JSON)
        else:
            connection.request("GET", "/api/v1/me", headers=headers)
        answer = connection.getresponse()
        answer.read()
        with self._lock:
            self.asked += 1
            self.sent += event
            if answer.status >= 300:
                self.failed.append(f"{answer.status} at {time.monotonic():.1f}")


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while piece := await reader.read(_CHUNK):
            writer.write(piece)
            await writer.drain()


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.HTTPError):
        return False
