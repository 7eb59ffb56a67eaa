"""Commands and answers of Redis, packed and unpacked by our own code as by the driver's."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio.connection import Connection

from src.adapters.redis_wire import PackingConnection, decode_lists, decode_numbers, pack

VALUES = st.one_of(st.binary(max_size=600), st.text(max_size=300), st.integers(), st.floats(allow_nan=False))


@given(st.lists(VALUES, max_size=12))
def test_a_command_is_packed_as_the_driver_packs_it(values: list[bytes | str | int | float]) -> None:
    command = ("SCRIPT LOAD", *values)
    assert b"".join(Connection().pack_command(*command)) == pack(*command)
    assert PackingConnection().pack_command(*command) == [pack(*command)]


@pytest.mark.parametrize("value", [True, None, ["x"]])
def test_what_redis_does_not_take_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        pack("SET", "key", value)  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize("size", [0, 1, 31, 32, 255, 256, 65_535, 65_536])
def test_bytes_of_any_length_come_back_from_a_script(size: int) -> None:
    head = next(head for most, head in HEADS if size <= most)
    text = head(size) + b"\xff" * size
    assert decode_lists(b"\x91\x92" + text + b"\xa0") == [[b"\xff" * size, b""]]


def test_numbers_come_back_from_a_script() -> None:
    assert decode_numbers(msgspec.msgpack.encode([1, 0, -1, 2**40])) == [1, 0, -1, 2**40]


HEADS = (
    (31, lambda size: bytes([0xA0 | size])),
    (255, lambda size: bytes([0xD9, size])),
    (65_535, lambda size: b"\xda" + size.to_bytes(2, "big")),
    (1 << 32, lambda size: b"\xdb" + size.to_bytes(4, "big")),
)
"""How Redis packs a text: the longest that a head is for, and the head."""
