"""Who may do what: tokens, roles, and the rules for what identifiers may look like."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import Any, NoReturn

import jwt

from .domain.days import DAY_US
from .errors import Forbidden, InvalidJSON, Unauthorized
from .event_validator import decode
from .ports import Clock, wall_clock

ALGORITHM = "HS256"
MAX_TOKEN_BYTES = 4096
MAX_ROLES = 16
LEEWAY_S = 30
"""Clocks of those who issue tokens may be this many seconds ahead; an expired token gets none."""

_SEGMENT = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_USER_ID = re.compile(r"[!-~]{1,128}", re.ASCII)
_STUDENT_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_EVENT_ID = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)
_HEADER_FIELDS = frozenset({"alg", "typ", "kid"})
_SECOND_US = 1_000_000


class Role(StrEnum):
    """What a token makes its bearer."""

    ADMIN = "admin"
    TEACHER = "teacher"
    STUDENT = "student"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks; roles that the service does not know are left out."""

    user_id: str
    roles: frozenset[Role]

    def has(self, *roles: Role) -> bool:
        """Tell whether it has one of these roles."""
        return not self.roles.isdisjoint(roles)


class SecurityManager:
    """Validates tokens and decides what a principal may do.

    ``jwt_secret`` is shared by all services that issue or read tokens. ``now`` returns microseconds since the epoch.
    """

    def __init__(
        self,
        jwt_secret: str,
        *,
        previous_secret: str | None = None,
        issuer: str | None = None,
        audience: str | None = None,
        max_lifetime_days: int = 31,
        now: Clock = wall_clock,
    ) -> None:
        self._secrets = [secret for secret in (jwt_secret, previous_secret) if secret]
        self._issuer = issuer
        self._audience = audience
        self._max_lifetime_s = max_lifetime_days * DAY_US // _SECOND_US
        self._now = now

    def validate_jwt(self, token: str) -> Principal:
        """Return the principal that a token speaks for; raises ``Unauthorized``, which never says more than it must."""
        header, payload = _open(token)
        if header.get("alg") != ALGORITHM or not header.keys() <= _HEADER_FIELDS:
            _reject("its header is not accepted")
        if "typ" in header and str(header["typ"]).upper() != "JWT":
            _reject("it is a token for another purpose")
        self._verify_signature(token)
        self._check_times(payload)
        self._check_origin(payload)
        return _principal(payload)

    def issue_jwt(self, user_id: str, roles: list[Role], lifetime_s: int) -> str:
        """Return a token of our own, for development and demonstrations."""
        claims: dict[str, Any] = {"user_id": user_id, "roles": [str(role) for role in roles]}
        claims["exp"] = self._now() // _SECOND_US + lifetime_s
        if self._issuer is not None:
            claims["iss"] = self._issuer
        if self._audience is not None:
            claims["aud"] = self._audience
        return jwt.encode(claims, self._secrets[0], algorithm=ALGORITHM)

    def authorize(self, who: Principal, *roles: Role) -> None:
        """Let pass who has one of the roles; raises ``Forbidden``."""
        if not who.has(*roles):
            detail = f"This needs the role {' or '.join(roles)}."
            raise Forbidden(detail)

    def _verify_signature(self, token: str) -> None:
        for secret in self._secrets:
            try:
                # Only the signature: the claims are checked here, more strictly than PyJWT does.
                jwt.decode(token, secret, algorithms=[ALGORITHM], options=_SIGNATURE_ONLY)
            except jwt.InvalidTokenError:
                continue
            return
        _reject("its signature is not valid")

    def _check_times(self, payload: Mapping[str, Any]) -> None:
        now_s = self._now() / _SECOND_US
        expires = _moment(payload, "exp")
        if expires is None:
            _reject("it has no expiry")
        if expires <= now_s:
            _reject("it has expired")
        if expires > now_s + self._max_lifetime_s:
            _reject("it expires too far ahead")
        for name in ("nbf", "iat"):
            moment = _moment(payload, name)
            if moment is not None and moment > now_s + LEEWAY_S:
                _reject("it is not valid yet")

    def _check_origin(self, payload: Mapping[str, Any]) -> None:
        if self._issuer is not None and payload.get("iss") != self._issuer:
            _reject("it comes from another issuer")
        if self._audience is not None:
            audience = payload.get("aud")
            if self._audience not in (audience if isinstance(audience, list) else [audience]):
                _reject("it is meant for another audience")


def is_student_id(text: str) -> bool:
    """Tell whether a text may be the id of a student (or a topic): A-Z a-z 0-9 . _ -, 1 to 64 of them."""
    return _STUDENT_ID.fullmatch(text) is not None


def is_user_id(text: str) -> bool:
    """Tell whether a token may name this user: printable ASCII without spaces, 1 to 128 characters."""
    return _USER_ID.fullmatch(text) is not None


def is_cohort_id(text: str) -> bool:
    """Tell whether a text may be the id of a cohort: it looks as the id of a student does."""
    return is_student_id(text)


def is_event_id(text: str) -> bool:
    """Tell whether a text may be the id of an event: A-Z a-z 0-9 . _ -, 1 to 128 of them."""
    return _EVENT_ID.fullmatch(text) is not None


def lets_legitimate_input_through() -> bool:
    """Tell whether the rules accept the identifiers of everyday use, for the readiness check."""
    usual = ("123", "student_123", "a.b-c_d", "A" * 64)
    return all(is_student_id(text) and is_event_id(text) for text in usual) and not is_student_id("a:b")


_SIGNATURE_ONLY: Any = {
    "verify_signature": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


def _open(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and payload of a token in the one spelling that there is of it, before anything is trusted."""
    segments = token.split(".")
    if len(token) > MAX_TOKEN_BYTES or len(segments) != 3 or not all(map(_SEGMENT.fullmatch, segments)):  # noqa: PLR2004  # a JWS has three
        _reject("it is not a signed token")
    try:
        one_spelling = base64.urlsafe_b64encode(_bytes(segments[2])).rstrip(b"=") == segments[2].encode()
    except ValueError:
        one_spelling = False
    if not one_spelling:
        _reject("its signature is not valid")
    return _object(segments[0]), _object(segments[1])


def _bytes(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def _object(segment: str) -> dict[str, Any]:
    try:
        content = decode(_bytes(segment))
    except (ValueError, InvalidJSON):
        content = None
    if not isinstance(content, dict):
        _reject("it cannot be read")
    return content


def _moment(payload: Mapping[str, Any], name: str) -> float | None:
    if name not in payload:
        return None
    value = payload[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < inf:
        _reject("its times are not numbers")
    return value  # compared as it is: a whole number may be too large for a float


def _principal(payload: Mapping[str, Any]) -> Principal:
    user_id = payload.get("user_id", payload.get("sub"))
    if not isinstance(user_id, str) or not _USER_ID.fullmatch(user_id) or payload.get("sub", user_id) != user_id:
        _reject("it names no user")
    roles = payload.get("roles")
    if not isinstance(roles, list) or len(roles) > MAX_ROLES or not all(isinstance(role, str) for role in roles):
        _reject("its roles are not a list of names")
    return Principal(user_id, frozenset(role for role in Role if role.value in roles))


def _reject(why: str) -> NoReturn:
    detail = f"The token is not accepted: {why}."
    raise Unauthorized(detail)
