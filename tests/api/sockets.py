"""Requests as bytes on a socket, for what no client library would send."""

import socket
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field

TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; status 0 where the connection ended without any. ``rest`` is what came after it."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    rest: bytes = b""
    sent: int = 0


def head(method: str, target: str | bytes, *headers: str | bytes) -> bytes:
    """Return the head of a request that asks for the connection to be closed after it."""
    return raw_head(method, target, "Host: engine.test", "Connection: close", *headers)


def raw_head(method: str, target: str | bytes, *headers: str | bytes) -> bytes:
    """Return the head of a request with the headers given and no other."""
    lines = [b" ".join([method.encode(), _bytes(target), b"HTTP/1.1"]), *map(_bytes, headers), b"", b""]
    return b"\r\n".join(lines)


def exchange(port: int, *parts: bytes | Iterable[bytes], half_close: bool = False) -> Reply:
    """Send parts, as far as they are taken, and read until the other side closes."""
    received, sent = bytearray(), 0
    with closing(socket.create_connection(("127.0.0.1", port), TIMEOUT_S)) as connection:
        with suppress(ConnectionError):
            for part in parts:
                for chunk in [part] if isinstance(part, bytes) else part:
                    connection.sendall(chunk)
                    sent += len(chunk)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            while chunk := connection.recv(65_536):
                received += chunk
    return parse(bytes(received), sent)


def leave(port: int, content: bytes) -> None:
    """Send something and go away without waiting for an answer."""
    with closing(socket.create_connection(("127.0.0.1", port), TIMEOUT_S)) as connection:
        connection.sendall(content)


def parse(received: bytes, sent: int = 0) -> Reply:
    """Take the first answer off what was received."""
    if not received:
        return Reply(sent=sent)
    top, _, after = received.partition(b"\r\n\r\n")
    status, *lines = top.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", "0"))
    return Reply(int(status.split()[1]), headers, after[:length], after[length:], sent)


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
