"""What tokens are signed with: secrets shared with those who issue them, or the public keys that those publish."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from .errors import InvalidJSON, KeysUnavailable, Unauthorized
from .event_validator import decode

SECRET_ALGORITHM = "HS256"  # noqa: S105  # the name of an algorithm
COOLDOWN_S = 30.0
"""However many unknown keys tokens name, the set is fetched once in so many seconds."""

FIRST_COOLDOWN_S = 5.0
"""The same while there is no key at all, and so nobody can be let in."""

REFRESH_S = 300.0
"""A set older than this is fetched again beside the work: a key that is no longer published stops counting."""

WAIT_S = 5.0
MAX_KEYS = 64
MIN_RSA_BITS = 2048
_log = logging.getLogger("mastery_engine.security")


class SigningKeys(Protocol):
    """The keys of one family of algorithms."""

    @property
    def generation(self) -> int:
        """Return a number that changes when a key is added or goes."""

    def verify(self, token: str, header: Mapping[str, Any]) -> None:
        """Check the signature of a token with the keys at hand; raises ``Unauthorized``."""

    async def prepare(self, header: Mapping[str, Any]) -> None:
        """Look for the key that a token names; raises ``KeysUnavailable`` where there is no key at all."""


class SharedSecrets:
    """HS256: the secret, and the one before it while a new one is rolled out."""

    generation = 0

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = secrets

    def verify(self, token: str, header: Mapping[str, Any]) -> None:
        """Check the signature; raises ``Unauthorized``."""
        if header.get("alg") != SECRET_ALGORITHM:
            reject("its header is not accepted")
        if not any(_signed(token, secret, SECRET_ALGORITHM) for secret in self._secrets):
            reject("its signature is not valid")

    async def prepare(self, header: Mapping[str, Any]) -> None:
        """Do nothing: the secrets are at hand."""


class KeySet:
    """RS256 and ES256: the keys published at one address, by their ids.

    ``fetch`` returns the JSON Web Key Set, and is called in a thread; ``monotonic`` returns seconds. Keys that are
    known count while the address is away.
    """

    def __init__(self, fetch: Callable[[], bytes], *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._keys: dict[str, jwt.PyJWK] = {}
        self._tried_s: float | None = None
        self._fetched_s = 0.0
        self._fetching: asyncio.Task[None] | None = None
        self.generation = 0

    def verify(self, token: str, header: Mapping[str, Any]) -> None:
        """Check the signature with the key that the token names; raises ``Unauthorized``."""
        key = self._keys.get(_key_id(header))
        if key is None:
            reject("its key is not known")
        if header.get("alg") != key.algorithm_name:
            reject("its header is not accepted")
        if not _signed(token, key, key.algorithm_name):
            reject("its signature is not valid")

    async def prepare(self, header: Mapping[str, Any]) -> None:
        """Fetch the set where the key is not known, or in the background where the set is old.

        Every try counts against the cooldown, whether it succeeded or not.
        """
        if header.get("alg") not in _FAMILIES.values():
            return
        if _key_id(header) in self._keys:
            if self._monotonic() - self._fetched_s > REFRESH_S:
                self.begin()
            return
        self.begin()
        if self._fetching is not None:
            await asyncio.wait({self._fetching}, timeout=WAIT_S)
        await self.check()

    async def check(self) -> None:
        """Return where there are keys, else try for some; raises ``KeysUnavailable``."""
        if not self._keys:
            self.begin()
            detail = "The keys that tokens are checked with cannot be fetched."
            raise KeysUnavailable(detail)

    def begin(self) -> None:
        """Begin to fetch the set, unless it is being fetched or was tried a moment ago."""
        cooldown_s = COOLDOWN_S if self._keys else FIRST_COOLDOWN_S
        cooling = self._tried_s is not None and self._monotonic() - self._tried_s < cooldown_s
        if self._fetching is None and not cooling:
            self._tried_s = self._monotonic()
            self._fetching = asyncio.create_task(self._renew())

    async def close(self) -> None:
        """Wait for a fetch under way, which takes bounded time."""
        if self._fetching is not None:
            await asyncio.wait({self._fetching})

    async def _renew(self) -> None:
        try:
            keys = read_keys(await asyncio.to_thread(self._fetch))
        except KeysUnavailable as error:
            _log.warning("SIGNING keys cannot be fetched", extra={"reason": error.detail})
        else:
            self._fetched_s = self._monotonic()
            if {name: key.Algorithm.to_jwk(key.key) for name, key in keys.items()} != {
                name: key.Algorithm.to_jwk(key.key) for name, key in self._keys.items()
            }:
                self._keys = keys
                self.generation += 1
                _log.info("SIGNING keys changed", extra={"keys": len(keys)})
        finally:
            self._fetching = None


def read_keys(content: bytes) -> dict[str, jwt.PyJWK]:
    """Return the keys of a JSON Web Key Set that may verify signatures; raises ``KeysUnavailable`` where none may."""
    try:
        document = decode(content)
    except InvalidJSON:
        document = None
    entries = document.get("keys") if isinstance(document, dict) else None
    found = [_usable(entry) for entry in entries[:MAX_KEYS]] if isinstance(entries, list) else []
    keys = {key.key_id: key for key in found if key is not None and key.key_id}
    if not keys:
        detail = "What was fetched is no set of keys that may verify signatures."
        raise KeysUnavailable(detail)
    return keys


_FAMILIES = {("RSA", None): "RS256", ("EC", "P-256"): "ES256"}
"""The algorithm that each kind of key is good for, and no other."""


def _usable(entry: object) -> jwt.PyJWK | None:
    """Return a public key that signs; None for a secret, a private key, one that encrypts, a short one."""
    if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str) or "d" in entry:
        return None
    kind, curve = entry.get("kty"), entry.get("crv")
    algorithm = _FAMILIES.get((kind, curve)) if isinstance(kind, str) and isinstance(curve, str | None) else None
    if algorithm is None or entry.get("use", "sig") != "sig" or entry.get("alg", algorithm) != algorithm:
        return None
    operations = entry.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    try:
        key = jwt.PyJWK(entry, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    return None if isinstance(key.key, RSAPublicKey) and key.key.key_size < MIN_RSA_BITS else key


def _key_id(header: Mapping[str, Any]) -> str:
    kid = header.get("kid")
    return kid if isinstance(kid, str) else ""


def _signed(token: str, key: str | jwt.PyJWK, algorithm: str) -> bool:
    try:
        # Only the signature: the claims are checked by the reader of tokens, more strictly than PyJWT does.
        jwt.decode(token, key, algorithms=[algorithm], options=_SIGNATURE_ONLY)
    except jwt.InvalidTokenError:
        return False
    return True


def reject(why: str) -> NoReturn:
    """Refuse a token; the answer says no more than this."""
    detail = f"The token is not accepted: {why}."
    raise Unauthorized(detail)


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
