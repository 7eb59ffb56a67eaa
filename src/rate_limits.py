"""How often who may ask: a number of requests a minute for each class of route, counted by subject."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from ipaddress import IPv6Address, ip_address

from .errors import StoreUnavailable
from .ports import Clock, SharedCounts

WINDOW_S = 60
EXCHANGE_EVERY_S = 1.0
MAX_SUBJECTS = 100_000
"""Subjects that are counted one by one within a minute; all others share a count."""

_OTHERS = "others"
_SECOND_US = 1_000_000
_log = logging.getLogger("mastery_engine.rate_limits")


class RouteClass(StrEnum):
    """What is counted together."""

    READS = "reads"
    WRITES = "writes"
    ADMIN = "admin"
    AUTH_FAILURES = "auth-failures"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one more request is within the limit, and how much of the limit is left until it is full again."""

    route_class: RouteClass
    limit: int
    remaining: int
    reset_s: int
    allowed: bool
    first_beyond: bool

    @property
    def headers(self) -> dict[str, str]:
        """Return what the IETF's draft on rate limits wants to be told, and when to come back after a refusal."""
        told = {
            "RateLimit-Policy": f'"{self.route_class}";q={self.limit};w={WINDOW_S}',
            "RateLimit": f'"{self.route_class}";r={self.remaining};t={self.reset_s}',
        }
        return told if self.allowed else told | {"Retry-After": str(self.reset_s)}


class _Uses:
    """How often a subject has asked within this minute: in all that is known, and what the others do not know yet."""

    __slots__ = ("name", "refused", "total", "unshared")

    def __init__(self, name: str) -> None:
        self.name = name
        self.total = self.unshared = 0
        self.refused = False


class RateLimiter:
    """Counts in this process, and exchanges the counts with other processes where something is shared.

    A minute begins on the clock, for everybody at once. ``limits`` without a class, or with 0 for it, set no limit;
    ``secret`` keeps the names under which counts are shared from telling whose they are.
    """

    def __init__(
        self, limits: Mapping[RouteClass, int], *, now: Clock, shared: SharedCounts | None = None, secret: bytes = b""
    ) -> None:
        self._limits = {route_class: limit for route_class, limit in limits.items() if limit}
        self._now = now
        self._shared = shared
        self._secret = blake2b(secret).digest()
        self._minute = -1
        self._uses: dict[tuple[RouteClass, str], _Uses] = {}
        self._changed: set[_Uses] = set()

    def count(self, route_class: RouteClass, subject: str) -> Verdict | None:
        """Count one more request; return whether it is allowed, None where nothing limits its class."""
        limit = self._limits.get(route_class)
        if limit is None:
            return None
        reset_s = self._turn()
        return _judge(route_class, self._use(route_class, subject), limit, reset_s)

    async def admit(self, route_class: RouteClass, subject: str) -> Verdict | None:
        """Do the same; for the routes of admins with what all processes have counted up to now.

        Raises ``StoreUnavailable`` where that cannot be told: what erases or changes rights is not done unlimited.
        """
        limit = self._limits.get(route_class)
        if limit is None or self._shared is None or route_class is not RouteClass.ADMIN:
            return self.count(route_class, subject)
        reset_s = self._turn()
        uses = self._use(route_class, subject)
        await self._share({uses})
        return _judge(route_class, uses, limit, reset_s)

    async def exchange(self) -> None:
        """Tell the other processes what was counted here, and learn what they counted; raises ``StoreUnavailable``."""
        minute, changed = self._minute, self._changed
        if not changed:
            return
        self._changed = set()
        try:
            await self._share(changed)
        except StoreUnavailable:
            if minute == self._minute:
                self._changed |= changed
            raise

    async def keep_exchanging(self) -> None:
        """Exchange every second. While the store is away every process counts by itself."""
        away = False
        while True:
            await asyncio.sleep(EXCHANGE_EVERY_S)
            try:
                await self.exchange()
            except StoreUnavailable:
                if not away:
                    _log.warning("LIMITS are counted by each process alone, the store is away")
                away = True
            else:
                away = False

    async def _share(self, changed: set[_Uses]) -> None:
        if self._shared is None:
            return
        sent = {uses: uses.unshared for uses in changed}
        for uses in changed:
            uses.unshared = 0
        try:
            totals = await self._shared.add({uses.name: number for uses, number in sent.items()})
        except StoreUnavailable:
            for uses, number in sent.items():
                uses.unshared += number
            raise
        for uses in changed:
            uses.total = max(uses.total, totals[uses.name] + uses.unshared)

    def _turn(self) -> int:
        """Begin a new minute where the old one is over; return the seconds until the next one."""
        minute, second = divmod(self._now() // _SECOND_US, WINDOW_S)
        if minute != self._minute:
            self._minute, self._uses, self._changed = minute, {}, set()
        return WINDOW_S - second

    def _use(self, route_class: RouteClass, subject: str) -> _Uses:
        uses = self._uses.get((route_class, subject))
        if uses is None:
            if len(self._uses) >= MAX_SUBJECTS:
                subject = _OTHERS
            uses = self._uses.setdefault((route_class, subject), _Uses(self._name(route_class, subject)))
        uses.total += 1
        if self._shared is not None:
            uses.unshared += 1
            self._changed.add(uses)
        return uses

    def _name(self, route_class: RouteClass, subject: str) -> str:
        """Return a name that tells nobody without the secret whose count it is, and another one each minute."""
        text = f"{self._minute} {route_class} {subject}"
        return blake2b(text.encode(), digest_size=16, key=self._secret).hexdigest()


def _judge(route_class: RouteClass, uses: _Uses, limit: int, reset_s: int) -> Verdict:
    allowed = uses.total <= limit
    first_beyond = not allowed and not uses.refused
    uses.refused = not allowed
    return Verdict(route_class, limit, max(0, limit - uses.total), reset_s, allowed, first_beyond)


def peer(host: str) -> str:
    """Return what of an address is counted: all of it, of IPv6 the network of which one customer has all addresses."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))
    return host
