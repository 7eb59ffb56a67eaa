"""Ports of 127.0.0.1, kept for a server while it is down as well."""

import errno
import socket
import sys
from dataclasses import dataclass
from typing import Self

from .errors import WrongState

HOST = "127.0.0.1"
_ATTEMPTS = 1000
_LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Port:
    """A port that is bound and not listened on.

    Linux then gives it to nobody who asks for any port, while a server that sets SO_REUSEADDR (Redis and Kafka do) may
    listen on it. So a killed server finds its port free, and clients that meanwhile try to connect are refused.
    """

    number: int
    _holder: socket.socket

    @classmethod
    def reserve(cls, number: int = 0) -> Self:
        """Take this port, or with 0 one that the system gives."""
        holder = socket.socket()
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            holder.bind((HOST, number))
        except OSError as error:
            holder.close()
            if error.errno != errno.EADDRINUSE:
                raise
            message = f"port {number} is in use"
            raise WrongState(message) from None
        port = cls(holder.getsockname()[1], holder)
        if sys.platform != "linux":
            port.release()
        return port

    def release(self) -> None:
        """Let it go."""
        self._holder.close()


def reserve_pair(number: int, distance: int) -> tuple[Port, Port]:
    """Take this port, or with 0 any, together with the one that lies that much higher."""
    for _ in range(1 if number else _ATTEMPTS):
        first = Port.reserve(number)
        try:
            if first.number + distance <= _LAST_PORT:
                return first, Port.reserve(first.number + distance)
        except WrongState:
            if number:
                first.release()
                raise
        first.release()
    message = f"no two ports that lie {distance} apart are free"
    raise WrongState(message)
