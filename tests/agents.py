"""An agent's application: what listens beside a sidecar, or at a web address, and keeps what it was sent."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any

import msgspec

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Call:
    """What somebody sent: the path, the headers by their names in lower case, the content."""

    path: str
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        """Return the content."""
        return msgspec.json.decode(self.content)


@dataclass
class Agent:
    """What has come so far, and the statuses that the next ones are answered with; 200 where there is none."""

    port: int = 0
    calls: "Queue[Call]" = field(default_factory=Queue)
    statuses: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Return where it listens."""
        return f"http://{HOST}:{self.port}"

    def answer(self) -> int:
        """Return the next status."""
        return self.statuses.pop(0) if self.statuses else 200


@contextmanager
def agent(port: int = 0) -> Iterator[Agent]:
    """Run an agent's application; without a port, on a free one."""
    kept = Agent()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self._answer(404)

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("content-length") or 0))
            kept.calls.put(Call(self.path, {name.lower(): text for name, text in self.headers.items()}, content))
            self._answer(kept.answer())

        def _answer(self, status: int) -> None:
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"{kept.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

    with ThreadingHTTPServer((HOST, port), Handler) as server:
        kept.port = server.server_address[1]
        serving = threading.Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        try:
            yield kept
        finally:
            server.shutdown()
            serving.join()
