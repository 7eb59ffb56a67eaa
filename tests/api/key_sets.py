"""Pairs of keys, tokens signed with them, and the sets that publish their public halves."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from .tokens import NOW_S, claims

PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(name: str = "", bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return a key of its own for every name."""
    del name
    return rsa.generate_private_key(65_537, bits)


@cache
def ec_key(name: str = "") -> ec.EllipticCurvePrivateKey:
    """Return a key of its own for every name."""
    del name
    return ec.generate_private_key(ec.SECP256R1())


def published(key: PrivateKey, kid: str, **changes: Any) -> dict[str, Any]:
    """Return the public half as an entry of a set; what is changed to ``...`` is left out."""
    public: Any = key.public_key()
    entry = (RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm).to_jwk(public, as_dict=True)
    entry = {**entry, "kid": kid, "use": "sig", **changes}
    return {name: value for name, value in entry.items() if value is not ...}


def key_set(*entries: object) -> bytes:
    """Return a set as it is published."""
    return json.dumps({"keys": list(entries)}).encode()


def signed_by(key: PrivateKey, kid: str | None, *, now_s: int = NOW_S, **changes: Any) -> str:
    """Return a token of an admin."""
    content = claims(**{"exp": now_s + 3600} | changes)
    algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    return jwt.encode(content, key, algorithm=algorithm, headers={} if kid is None else {"kid": kid})


class Publisher:
    """An address that publishes a set of keys, and counts who asks."""

    def __init__(self) -> None:
        self.content = b"{}"
        self.status = 200
        self.headers: dict[str, str] = {}
        self.asked = 0
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                publisher.asked += 1
                self.send_response(publisher.status)
                for name, value in publisher.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(publisher.content)))
                self.end_headers()
                self.wfile.write(publisher.content)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._handler = Handler
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Return the address."""
        return f"http://127.0.0.1:{self.port}/keys"

    def start(self) -> None:
        """Answer from now on, at the same address as before."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = None


@contextmanager
def publishing(*entries: object) -> Iterator[Publisher]:
    """Publish a set while the block runs."""
    publisher = Publisher()
    publisher.content = key_set(*entries)
    publisher.start()
    try:
        yield publisher
    finally:
        publisher.stop()
