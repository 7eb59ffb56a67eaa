"""Requests that cannot be, or that one would not expect, each with the status that answers it."""

import json
from collections.abc import Callable, Iterator
from itertools import repeat

from tests.making import wire

from .sockets import head, raw_head

CANARY = "CANARY-7f3a"
MASTERY = "/api/v1/students/raw-1/mastery"
OUTCOMES = "/api/v1/students/raw-1/outcomes"
EVENTS = "/api/v1/events"
JSON = "Content-Type: application/json"
CHUNKED = "Transfer-Encoding: chunked"
MIB = 1_048_576
SMUGGLED = b"0\r\n\r\nGET /live HTTP/1.1\r\n\r\n"
KEY = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
CLOSE = ("Host: engine.test", "Connection: close")

Parts = list[bytes | Iterator[bytes]]
Make = Callable[[str], Parts]


def get(target: str | bytes, *headers: str | bytes, method: str = "GET") -> Make:
    return lambda token: [head(method, target, token, *headers)]


def post(content: bytes, *headers: str | bytes, target: str = EVENTS, declared: int | str | None = None) -> Make:
    length = len(content) if declared is None else declared
    return lambda token: [head("POST", target, token, JSON, f"Content-Length: {length}", *headers), content]


def raw(*headers: str | bytes, method: str = "GET", target: str = MASTERY, content: bytes = b"") -> Make:
    return lambda token: [raw_head(method, target, token, *headers), content]


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


def chunked(*chunks: bytes) -> Make:
    return lambda token: [head("POST", EVENTS, token, JSON, CHUNKED), *map(chunk, chunks), b"0\r\n\r\n"]


def endless(token: str) -> Parts:
    """Go on for 70 MB, on a connection that the client would keep."""
    return [
        raw_head("POST", EVENTS, token, JSON, CHUNKED, "Host: engine.test"),
        repeat(chunk(b" " * 65_536), 1_100),
    ]


TARGETS: dict[str, tuple[Make, int]] = {
    "NUL in the path": (get(f"/api/v1/students/%00{CANARY}/mastery"), 400),
    "dots in the path": (get(f"/api/v1/students/%2e%2e/{CANARY}"), 404),
    "real dots in the path": (get("/api/v1/students/../students/raw-1/mastery"), 404),
    "a slash in an id": (get(f"/api/v1/students/{CANARY}%2fx/mastery"), 404),
    "two slashes": (get(f"//{CANARY}/mastery"), 404),
    "an empty id": (get("/api/v1/students//mastery"), 404),
    "a colon in an id": (get(f"/api/v1/students/{CANARY}:x/mastery"), 400),
    "a star in an id": (get(f"/api/v1/students/{CANARY}*/mastery"), 400),
    "a line break in an id": (get(f"/api/v1/students/{CANARY}%0d%0aX-Evil:1/mastery"), 400),
    "a formula as id": (get(f"/api/v1/students/={CANARY}/mastery"), 400),
    "a look-alike letter": (get(f"/api/v1/students/%D0%B0{CANARY}/mastery"), 400),
    "half a letter": (get(f"/api/v1/students/%ff{CANARY}/mastery"), 400),
    "a percent sign alone": (get(f"/api/v1/students/{CANARY}%/mastery"), 400),
    "a raw byte": (get(b"/api/v1/students/\xff/mastery"), 400),
    "a path of 100 KB": (get("/api/v1/students/" + CANARY * 10_000 + "/mastery"), 414),
    "a path of 10 KB": (get("/api/v1/students/" + CANARY * 1_000 + "/mastery"), 414),
    "a thousand parameters": (get(f"{MASTERY}?" + "&".join(f"{n:x}" for n in range(1_000))), 200),
    "a parameter a thousand times": (get(f"{MASTERY}?" + "&".join(["a"] * 1_000)), 400),
    "a target of 8 KB": (get(MASTERY + "?" + CANARY * 650), 200),
    "a target of a megabyte": (get("/" + "a" * MIB), 414),
    "a host without a path as target": (get(f"http://{CANARY}.example"), 400),
    "a target that is no address": (get(f"{CANARY}:"), 400),
    "a star as target": (get("*"), 404),
    "another host as target": (get(f"http://{CANARY}.example{MASTERY}"), 200),
    "a fragment": (get(f"{MASTERY}#{CANARY}"), 200),
    "a parameter twice": (get(f"{OUTCOMES}?limit=1&limit=10"), 400),
    "an unknown parameter twice": (get(f"{OUTCOMES}?{CANARY}=1&{CANARY}=2"), 400),
    "limit 0": (get(f"{OUTCOMES}?limit=0"), 400),
    "limit -1": (get(f"{OUTCOMES}?limit=-1"), 400),
    "limit 10^9": (get(f"{OUTCOMES}?limit=1000000000"), 400),
    "limit a word": (get(f"{OUTCOMES}?limit={CANARY}"), 400),
    "a cursor of no list": (get(f"{OUTCOMES}?cursor={CANARY}"), 400),
    "NUL in a parameter": (get(f"{MASTERY}?topic=%00{CANARY}"), 400),
    "a query of 60 KB": (get(f"{MASTERY}?topic={CANARY * 5_500}"), 414),
    "ten thousand parameters": (get(f"{MASTERY}?" + "&".join(f"{n:x}" for n in range(10_000))), 414),
    "a parameter thirty thousand times": (get(f"{MASTERY}?" + "&".join(["a"] * 30_000)), 414),
}

HEADERS: dict[str, tuple[Make, int]] = {
    "no Host": (raw("Connection: close"), 200),
    "a malformed Host": (raw(f"Host: {CANARY} <>/\\", "Connection: close"), 200),
    "a Host with a path": (raw(f"Host: {CANARY}/live?", "Connection: close"), 200),
    "two Authorization headers": (get(MASTERY, f"Authorization: Bearer {CANARY}"), 401),
    "Authorization folded over lines": (get(MASTERY, b"X-Folded: a\r\n " + CANARY.encode()), 400),
    "X-Request-ID with ANSI": (get(MASTERY, f"X-Request-ID: \x1b[31m{CANARY}"), 400),
    "X-Request-ID with NUL": (get(MASTERY, f"X-Request-ID: \0{CANARY}"), 400),
    "X-Request-ID with a line feed": (get(MASTERY, f"X-Request-ID: a\nX-Evil: {CANARY}"), 400),
    "X-Request-ID with a carriage return": (get(MASTERY, f"X-Request-ID: a\rX-Evil: {CANARY}"), 400),
    "X-Request-ID with a space": (get(MASTERY, f"X-Request-ID: a {CANARY}"), 200),
    "X-Request-ID beyond ASCII": (get(MASTERY, f"X-Request-ID: {CANARY}\u2028".encode()), 200),
    "X-Request-ID of 64 KB": (get(MASTERY, f"X-Request-ID: {CANARY}" + "a" * 65_536), 431),
    "a header of 64 KB": (get(MASTERY, f"X-More: {CANARY}" + "a" * 65_536), 431),
    "a hundred and fifty headers": (get(MASTERY, *(f"X-{number}: {CANARY}" for number in range(150))), 431),
    "ninety headers": (get(MASTERY, *(f"X-{number}: {CANARY}" for number in range(90))), 200),
    "ten thousand headers": (get(MASTERY, *(f"X-{number}: 1" for number in range(10_000))), 431),
    "a header of 30 KB": (get(MASTERY, f"X-More: {CANARY}" + "a" * 30_000), 200),
    "a header of 16 MB": (get(MASTERY, f"X-More: {CANARY}" + "a" * 16 * MIB), 431),
    "a name of a header of 1 MB": (get(MASTERY, "X" * MIB + ": 1"), 431),
    "a header without a name": (get(MASTERY, f": {CANARY}"), 400),
    "a header without a colon": (get(MASTERY, CANARY), 400),
    "If-None-Match of 60 KB": (get(MASTERY, f"If-None-Match: {CANARY * 5_500}"), 431),
    "a forged address": (get(MASTERY, f"X-Forwarded-For: {CANARY}", f"Forwarded: for={CANARY}"), 200),
    "a range": (get(MASTERY, "Range: bytes=0-1"), 200),
    "a thousand ranges": (get(MASTERY, "Range: bytes=" + ",".join(f"{n}-{n}" for n in range(1000))), 200),
    "an upgrade to WebSocket": (
        raw("Host: x", "Connection: Upgrade, close", "Upgrade: websocket", KEY, "Sec-WebSocket-Version: 13"),
        200,
    ),
    "an upgrade to HTTP/2": (raw("Host: x", "Connection: Upgrade, close", "Upgrade: h2c"), 200),
}

METHODS: dict[str, tuple[Make, int]] = {
    "TRACE": (get(MASTERY, f"X-Secret: {CANARY}", method="TRACE"), 405),
    "CONNECT": (get(MASTERY, method="CONNECT"), 405),
    "OPTIONS": (get(MASTERY, method="OPTIONS"), 405),
    "DELETE": (get(MASTERY, method="DELETE"), 405),
    "PROPFIND": (get(MASTERY, method="PROPFIND"), 405),
    "a method that is none": (get(MASTERY, method=CANARY), 400),
    "a method in lower case": (get(MASTERY, method="get"), 400),
    "HTTP/2 without asking": (lambda _: [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"], 400),
    "TLS": (lambda _: [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + CANARY.encode()], 400),
    "noise": (lambda _: [bytes(range(256)) * 16], 400),
}

CONTENT: dict[str, tuple[Make, int]] = {
    "two megabytes announced": (post(b"", declared=2 * MIB), 413),
    "two megabytes announced and sent": (post(CANARY.encode() * (2 * MIB // len(CANARY))), 413),
    "two megabytes in chunks": (chunked(*repeat(CANARY.encode() * 6_000, 32)), 413),
    "more than announced": (post(b"[" + CANARY.encode() * 1_000, declared=20), 400),
    "a length that is no number": (post(b"[]", declared="2x"), 400),
    "a negative length": (post(b"[]", declared=-2), 400),
    "a length of 30 digits": (post(b"[]", declared="9" * 30), 400),
    "two lengths": (post(b"[]", "Content-Length: 3"), 400),
    "a chunk with a wrong size": (
        lambda token: [head("POST", EVENTS, token, JSON, CHUNKED), b"zz\r\n" + CANARY.encode()],
        400,
    ),
    "a length and chunks": (
        raw(*CLOSE, JSON, CHUNKED, "Content-Length: 4", method="POST", target=EVENTS, content=SMUGGLED),
        400,
    ),
    "chunks that are not chunked": (
        raw(*CLOSE, JSON, f"Transfer-Encoding: x{CANARY}", method="POST", target=EVENTS, content=b"0\r\n\r\n"),
        400,
    ),
    "chunked twice": (
        raw(*CLOSE, JSON, CHUNKED, "Transfer-Encoding: identity", method="POST", target=EVENTS, content=b"0\r\n\r\n"),
        400,
    ),
    "a space before the colon": (
        raw(*CLOSE, JSON, "Content-Length : 2", method="POST", target=EVENTS, content=b"[]"),
        400,
    ),
    "another content type": (get(EVENTS, "Content-Type: text/plain", "Content-Length: 0", method="POST"), 415),
    "no content type": (get(EVENTS, "Content-Length: 0", method="POST"), 415),
    "compressed": (post(b"\x1f\x8b\x08", "Content-Encoding: gzip"), 415),
    "nothing": (post(b""), 400),
    "not JSON": (post(CANARY.encode()), 400),
    "nested 100,000 deep": (post(b"[" * 100_000), 400),
    "nested a million deep": (post(b"[" * 1_000_000), 400),
    "NaN": (post(b'{"event_id": NaN}'), 400),
    "1e400": (post(json.dumps(wire("e-1", "quality.assessed")).replace("0.5", "1e400").encode()), 400),
    "a field twice": (post(f'{{"{CANARY}": 1, "{CANARY}": 2}}'.encode()), 400),
    "a byte order mark": (post(b"\xef\xbb\xbf[]"), 400),
    "half a pair": (post(f'{{"event_id": "{CANARY}\\ud800"}}'.encode()), 400),
    "an array where an object belongs": (post(b"[]", target="/process"), 400),
    "half a million events": (post(b"[" + b"7," * 500_000 + b"7]"), 400),
    "a number of a million digits": (post(b"[" + b"9" * 1_000_000 + b"]"), 400),
}

GROUPS = {"target": TARGETS, "header": HEADERS, "method": METHODS, "content": CONTENT}
CASES = {f"{group}: {name}": case for group, cases in GROUPS.items() for name, case in cases.items()}
