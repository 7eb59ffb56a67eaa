"""Pseudonyms of people: keyed, and salted by person, so that forgetting the salt leaves a name that leads to nobody."""

import hmac
import secrets
from collections.abc import Callable, Iterable, Mapping

from cachetools import TTLCache

from .domain.days import day_of
from .ports import Clock, Salts

CACHED = 10_000
CACHED_S = 60
_SALT_BYTES = 16


def keyed(key: bytes, purpose: str, *parts: bytes) -> str:
    """Return 128 bits of an HMAC over parts, as hexadecimal digits; each purpose has names of its own."""
    text = b"\0".join([purpose.encode(), *(len(part).to_bytes(4) + part for part in parts)])
    return hmac.digest(key, text, "sha256")[:16].hex()


def derived_key(key: bytes, purpose: str) -> bytes:
    """Return the key for one purpose, so that one secret serves several."""
    return hmac.digest(key, purpose.encode(), "sha256")


class Pseudonyms:
    """The pseudonyms under one key.

    They are remembered for a minute: what is recorded of an erasure just after it still has the name before it.
    """

    def __init__(
        self, key: bytes, *, salts: Salts, clock: Clock, new_salt: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._key = key
        self._salts = salts
        self._clock = clock
        self._new_salt = new_salt
        self._known: TTLCache[str, str] = TTLCache(CACHED, CACHED_S)

    async def of(self, people: Iterable[str]) -> Mapping[str, str]:
        """Return the pseudonyms of people by their ids, making a salt for whom there is none."""
        found = {person: self._known.get(person) for person in people}
        missing = [person for person, pseudonym in found.items() if pseudonym is None]
        if missing:
            names = [self._name(person) for person in missing]
            fresh = [self._new_salt(_SALT_BYTES) for _ in missing]
            salts = await self._salts.salts(names, fresh, day_of(self._clock()))
            for person, salt in zip(missing, salts, strict=True):
                self._known[person] = found[person] = self._pseudonym(person, salt)
        return {person: pseudonym for person, pseudonym in found.items() if pseudonym is not None}

    async def find(self, person: str) -> str | None:
        """Return the pseudonym of somebody who has one."""
        salt = await self._salts.salt(self._name(person))
        return None if salt is None else self._pseudonym(person, salt)

    def known(self, person: str | None) -> str | None:
        """Return a pseudonym that is remembered, without asking the store."""
        return None if person is None else self._known.get(person)

    async def forget(self, person: str) -> bool:
        """Destroy somebody's salt, so that nobody can tell which pseudonym was theirs; tell whether there was one."""
        pseudonym = await self.find(person)
        if pseudonym is None:
            # What is recorded of this very erasure must not make a salt; the name it has leads to nobody either.
            self._known.setdefault(person, self._pseudonym(person, self._new_salt(_SALT_BYTES)))
            return False
        self._known[person] = pseudonym
        return await self._salts.forget_salt(self._name(person))

    async def trim(self, unused_since: int) -> None:
        """Forget everybody who was not asked for since a day."""
        await self._salts.trim_salts(unused_since)

    def _name(self, person: str) -> str:
        return keyed(self._key, "salt", person.encode())

    def _pseudonym(self, person: str, salt: bytes) -> str:
        return keyed(self._key, "person", salt, person.encode())
