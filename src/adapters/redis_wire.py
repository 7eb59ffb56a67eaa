"""Redis' protocol where it is the larger part of the work: commands with thousands of arguments, and packed answers."""

import msgspec
from redis.asyncio.connection import Connection, SSLConnection
from redis.typing import EncodableT

_HEADS = [b"$%d\r\n" % size for size in range(256)]
_LONG = {0xD9: 2, 0xDA: 3, 0xDB: 5}
# In MessagePack the first byte of a text tells how many bytes stand before it; of a short one it tells the length too.

decode_numbers = msgspec.msgpack.Decoder(list[int]).decode
_decode_lists = msgspec.msgpack.Decoder(list[list[msgspec.Raw]]).decode


class PackingConnection(Connection):
    """Packs commands in half the time."""

    def pack_command(self, *args: EncodableT) -> list[bytes]:
        """Return the bytes of a command."""
        return [pack(*args)]


class PackingSSLConnection(SSLConnection):
    """Does the same over TLS."""

    def pack_command(self, *args: EncodableT) -> list[bytes]:
        """Return the bytes of a command."""
        return [pack(*args)]


def pack(*arguments: EncodableT) -> bytes:
    """Return a command as Redis takes it; its name, the first argument, may be several words."""
    values = [
        v if type(v) is bytes else v.encode() if type(v) is str else b"%d" % v if type(v) is int else _number(v)
        for v in arguments
    ]
    values[:1] = values[0].split()
    parts = [b"*%d\r\n" % len(values)]
    for value in values:
        size = len(value)
        parts += (_HEADS[size] if size < len(_HEADS) else b"$%d\r\n" % size, value, b"\r\n")
    return b"".join(parts)


def _number(value: object) -> bytes:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value).encode()
    if isinstance(value, str):  # of a subclass
        return value.encode()
    message = f"Redis takes no {type(value).__name__}."
    raise TypeError(message)


def decode_lists(body: bytes) -> list[list[bytes]]:
    """Return lists of bytes as a script packs them: as texts, which need not be any."""
    return [[_content(bytes(value)) for value in one] for one in _decode_lists(body)]


def _content(text: bytes) -> bytes:
    return text[_LONG.get(text[0], 1) :]
