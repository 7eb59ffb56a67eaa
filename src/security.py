"""Who may do what: tokens, roles, and the rules for what identifiers may look like."""

import re
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

import jwt
from cachetools import TLRUCache

from .errors import CommandFailed, Forbidden
from .ports import Clock, wall_clock
from .signing_keys import SECRET_ALGORITHM, SharedSecrets, SigningKeys
from .tokens import MAX_TOKEN_BYTES, USER_ID, TokenReader

MAX_VERIFIED = 10_000
"""Tokens that are remembered as verified, by their hash."""

VERIFIED_S = 60

_STUDENT_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_EVENT_ID = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)
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

    ``jwt_secret`` is shared by all services that issue or read tokens; ``keys`` stand in for it where tokens are signed
    with keys of which only the public half is known here. ``now`` returns microseconds since the epoch.
    """

    def __init__(
        self,
        jwt_secret: str = "",
        *,
        previous_secret: str | None = None,
        keys: SigningKeys | None = None,
        issuer: str | None = None,
        audience: str | None = None,
        max_lifetime_days: int = 31,
        now: Clock = wall_clock,
    ) -> None:
        self._secret = jwt_secret if keys is None else ""
        self._keys = keys or SharedSecrets([secret for secret in (jwt_secret, previous_secret) if secret])
        self._reader = TokenReader(self._keys, issuer, audience, max_lifetime_days, now)
        self._now = now
        self._verified: TLRUCache[tuple[bytes, int], tuple[Principal, float]] = TLRUCache(
            MAX_VERIFIED, ttu=lambda _, verified, now_s: min(verified[1], now_s + VERIFIED_S), timer=self._now_s
        )

    def validate_jwt(self, token: str) -> Principal:
        """Return the principal that a token speaks for; raises ``Unauthorized``, which never says more than it must.

        What was verified is remembered for a minute at most, and never beyond the token's expiry; what was not is
        looked at afresh each time.
        """
        key = self._remembered_as(token)
        known = self._verified.get(key)
        return known[0] if known is not None else self._verify(token, key)

    async def authenticate(self, token: str) -> Principal:
        """Do the same, and look for the key that signed the token first where such keys are published.

        Raises ``KeysUnavailable`` where no key could be had yet.
        """
        known = self._verified.get(self._remembered_as(token))
        if known is not None:
            return known[0]
        await self._reader.prepare(token)
        return self._verify(token, self._remembered_as(token))

    def seconds_left(self, token: str) -> int:
        """Return for how long a token that was just verified is still valid."""
        return int(self._reader.read(token).expires_s - self._now_s())

    def issue_jwt(self, user_id: str, roles: list[Role], lifetime_s: int) -> str:
        """Return a token of our own, for development; raises ``CommandFailed`` where others sign the tokens."""
        if not self._secret:
            message = "Tokens are signed elsewhere: by whoever publishes the keys at JWT_JWKS_URL."
            raise CommandFailed(message)
        claims: dict[str, Any] = {"user_id": user_id, "roles": [str(role) for role in roles]}
        claims["exp"] = int(self._now_s()) + lifetime_s
        if self._reader.issuer is not None:
            claims["iss"] = self._reader.issuer
        if self._reader.audience is not None:
            claims["aud"] = self._reader.audience
        return jwt.encode(claims, self._secret, algorithm=SECRET_ALGORITHM)

    def _verify(self, token: str, key: tuple[bytes, int]) -> Principal:
        claims = self._reader.read(token)
        who = Principal(claims.user_id, frozenset(role for role in Role if role.value in claims.roles))
        self._verified[key] = (who, claims.expires_s)
        return who

    def _remembered_as(self, token: str) -> tuple[bytes, int]:
        # The generation: a token whose key is no longer published is not remembered.
        return sha256(token[: MAX_TOKEN_BYTES + 1].encode(errors="surrogatepass")).digest(), self._keys.generation

    def _now_s(self) -> float:
        return self._now() / _SECOND_US

    def authorize(self, who: Principal, *roles: Role) -> None:
        """Let pass who has one of the roles; raises ``Forbidden``."""
        if not who.has(*roles):
            detail = f"This needs the role {' or '.join(roles)}."
            raise Forbidden(detail)


def is_student_id(text: str) -> bool:
    """Tell whether a text may be the id of a student (or a topic): A-Z a-z 0-9 . _ -, 1 to 64 of them."""
    return _STUDENT_ID.fullmatch(text) is not None


def is_user_id(text: str) -> bool:
    """Tell whether a token may name this user: printable ASCII without spaces, 1 to 128 characters."""
    return USER_ID.fullmatch(text) is not None


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
