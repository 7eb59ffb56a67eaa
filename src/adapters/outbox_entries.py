"""Notices as the stores keep them, and as an export shows them."""

from typing import Any

import msgspec

from ..domain.days import to_text
from ..ports import Notice

encode_notice = msgspec.json.Encoder().encode


class _Stored(msgspec.Struct):
    notice_id: str
    student_id: str
    body: str
    correlation_id: str
    created_us: int


_decode = msgspec.json.Decoder(_Stored).decode


def packed(notice: Notice) -> bytes:
    """Return a notice as one value."""
    body = notice.body.decode()
    stored = _Stored(notice.notice_id, notice.student_id, body, notice.correlation_id, notice.created_us)
    return encode_notice(stored)


def unpacked(value: bytes) -> Notice:
    """Return the notice of such a value."""
    one = _decode(value)
    return Notice(one.notice_id, one.student_id, one.body.encode(), one.correlation_id, one.created_us)


def shown(notice: Notice) -> dict[str, Any]:
    """Return what an export shows of a notice that waits."""
    return {"since": to_text(notice.created_us), "notice": msgspec.json.decode(notice.body)}
