"""An HTTP client that costs next to nothing, so that on a small machine the server is what is measured."""

import socket
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

CONNECTIONS = 4
TIMEOUT_S = 60
_CHUNK = 262_144
_BLANK_LINE = b"\r\n\r\n"


class Client:
    """A few keep-alive connections with a request under way on each; open it with ``open_client``."""

    def __init__(self, connections: Sequence[socket.socket], token: str) -> None:
        self._connections = connections
        self._headers = f"Host: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"

    def rate(self, paths: Sequence[str]) -> float:
        """Ask for paths in their order and return the answers per second."""
        requests = [f"GET {path} HTTP/1.1\r\n{self._headers}\r\n".encode() for path in paths]
        started = time.perf_counter()
        answers = sum(1 for _ in self._exchange(requests))
        return answers / (time.perf_counter() - started)

    def post(self, path: str, bodies: Iterable[bytes]) -> Iterator[bytes]:
        """Send JSON bodies to a path and yield the body of each answer."""
        start = f"POST {path} HTTP/1.1\r\n{self._headers}Content-Type: application/json\r\nContent-Length: "
        return self._exchange(f"{start}{len(body)}\r\n\r\n".encode() + body for body in bodies)

    def _exchange(self, requests: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the body of each answer; while one is read, the server has the next requests already."""
        free, busy = deque(self._connections), deque[socket.socket]()
        for request in requests:
            if not free:
                yield _answer(busy[0])
                free.append(busy.popleft())
            busy.append(free.popleft())
            busy[-1].sendall(request)
        for connection in busy:
            yield _answer(connection)


@contextmanager
def open_client(port: int, token: str) -> Iterator[Client]:
    """Open the connections to a server on loopback and close them at the end."""
    with ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), TIMEOUT_S)) for _ in range(CONNECTIONS)
        ]
        yield Client(connections, token)


def _answer(connection: socket.socket) -> bytes:
    """Return the body of one answer; raises ``RuntimeError`` for another status than 200."""
    received = b""
    while _BLANK_LINE not in received:
        received += _some(connection)
    head, _, body = received.partition(_BLANK_LINE)
    if not head.startswith(b"HTTP/1.1 200 "):
        message = f"the server answered {received.decode()}"
        raise RuntimeError(message)
    length = int(head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += _some(connection)
    return body


def _some(connection: socket.socket) -> bytes:
    received = connection.recv(_CHUNK)
    if not received:
        message = "the server closed the connection"
        raise RuntimeError(message)
    return received
