"""Reading tokens, more strictly than a library does: their form, their times, where they come from, whom they name."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from .domain.days import DAY_US
from .errors import InvalidJSON
from .event_validator import decode
from .ports import Clock
from .signing_keys import SigningKeys, reject

MAX_TOKEN_BYTES = 4096
MAX_ROLES = 16
LEEWAY_S = 30
"""Clocks of those who issue tokens may be this many seconds ahead; an expired token gets none."""

_SEGMENT = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
USER_ID = re.compile(r"[!-~]{1,128}", re.ASCII)
_HEADER_FIELDS = frozenset({"alg", "typ", "kid"})
_SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token that was verified says; ``expires_s`` in seconds since the epoch."""

    user_id: str
    roles: frozenset[str]
    expires_s: float


@dataclass(frozen=True, slots=True)
class TokenReader:
    """Verifies tokens by the configured keys and rules; ``now`` returns microseconds since the epoch."""

    keys: SigningKeys
    issuer: str | None
    audience: str | None
    max_lifetime_days: int
    now: Clock

    def read(self, token: str) -> Claims:
        """Return what a token says; raises ``Unauthorized``, which never says more than it must."""
        header, payload = _open(token)
        self.keys.verify(token, header)
        expires_s = self._check_times(payload)
        self._check_origin(payload)
        return Claims(_user_id(payload), _roles(payload), expires_s)

    async def prepare(self, token: str) -> None:
        """Look for the key that a token names, where keys are published; raises as ``read`` does where none can be."""
        header, _ = _open(token)
        await self.keys.prepare(header)

    def _check_times(self, payload: Mapping[str, Any]) -> float:
        now_s = self.now() / _SECOND_US
        expires = _moment(payload, "exp")
        if expires is None:
            reject("it has no expiry")
        if expires <= now_s:
            reject("it has expired")
        if expires > now_s + self.max_lifetime_days * DAY_US // _SECOND_US:
            reject("it expires too far ahead")
        for name in ("nbf", "iat"):
            moment = _moment(payload, name)
            if moment is not None and moment > now_s + LEEWAY_S:
                reject("it is not valid yet")
        return expires

    def _check_origin(self, payload: Mapping[str, Any]) -> None:
        if self.issuer is not None and payload.get("iss") != self.issuer:
            reject("it comes from another issuer")
        if self.audience is not None:
            audience = payload.get("aud")
            if self.audience not in (audience if isinstance(audience, list) else [audience]):
                reject("it is meant for another audience")


def _open(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and payload of a token in the one spelling that there is of it, before anything is trusted."""
    segments = token.split(".", 3) if len(token) <= MAX_TOKEN_BYTES else []
    if len(segments) != 3 or not all(map(_SEGMENT.fullmatch, segments)):  # noqa: PLR2004  # a JWS has three
        reject("it is not a signed token")
    try:
        one_spelling = base64.urlsafe_b64encode(_bytes(segments[2])).rstrip(b"=") == segments[2].encode()
    except ValueError:
        one_spelling = False
    if not one_spelling:
        reject("its signature is not valid")
    header, payload = _object(segments[0]), _object(segments[1])
    if not header.keys() <= _HEADER_FIELDS:
        reject("its header is not accepted")
    if "typ" in header and str(header["typ"]).upper() != "JWT":
        reject("it is a token for another purpose")
    return header, payload


def _bytes(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def _object(segment: str) -> dict[str, Any]:
    try:
        content = decode(_bytes(segment))
    except (ValueError, InvalidJSON):
        content = None
    if not isinstance(content, dict):
        reject("it cannot be read")
    return content


def _moment(payload: Mapping[str, Any], name: str) -> float | None:
    if name not in payload:
        return None
    value = payload[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < inf:
        reject("its times are not numbers")
    return value  # compared as it is: a whole number may be too large for a float


def _user_id(payload: Mapping[str, Any]) -> str:
    user_id = payload.get("user_id", payload.get("sub"))
    if not isinstance(user_id, str) or not USER_ID.fullmatch(user_id) or payload.get("sub", user_id) != user_id:
        reject("it names no user")
    return user_id


def _roles(payload: Mapping[str, Any]) -> frozenset[str]:
    roles = payload.get("roles")
    if not isinstance(roles, list) or len(roles) > MAX_ROLES or not all(isinstance(role, str) for role in roles):
        reject("its roles are not a list of names")
    return frozenset(roles)
