"""The audit trail in Redis: a stream of rows, the ends of the chain, lists of rows by person, and salts.

All keys share one hash tag, since one script touches several of them.
"""

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import Any, cast

import msgspec
from redis.exceptions import ResponseError

from ..errors import StoreUnavailable
from ..ports import Chain, Link, Person, SealedRow
from ..state_manager import StateKeyPatterns
from .redis_client import Client, redis_errors

_KEYS = {"subject": StateKeyPatterns.AUDIT_SUBJECT, "actor": StateKeyPatterns.AUDIT_ACTOR}
_DAY_S = 86_400


class _People(msgspec.Struct):
    """Whom a row is about and who acted."""

    subject: str | None = None
    actor: str | None = None


_people = msgspec.json.Decoder(_People).decode


class RedisAudit:
    """The ports of the trail and of its salts; ``lifetime`` is how long rows are kept."""

    def __init__(self, client: Client, *, lifetime: timedelta) -> None:
        self._client = client
        # Longer than the rows that need them.
        self._lifetime_s = int(lifetime.total_seconds()) + 2 * _DAY_S

    # -- the trail

    async def chain(self) -> Chain | None:
        """Return where the trail begins and ends."""
        keys = [StateKeyPatterns.AUDIT_CHAIN, StateKeyPatterns.AUDIT_ROWS]
        chain_id, number, mac, signature, newest = await self._run("audit_chain", keys, [])
        if not newest:
            return None
        (seq, fields), *_ = newest
        last = _row((seq, dict(zip(fields[::2], fields[1::2], strict=True))))
        anchor = Link(int(number or 0), mac.decode())
        return Chain(chain_id.decode(), anchor, signature.decode(), last.link)

    async def extend(self, before: Link | None, after: Chain, rows: Sequence[SealedRow]) -> bool:
        """Append rows by one script."""
        anchor = after.anchor
        begin = ("", "", "", "") if before else (after.chain_id, anchor.seq, anchor.mac, after.signature)
        keys: list[str] = [StateKeyPatterns.AUDIT_CHAIN, StateKeyPatterns.AUDIT_ROWS]
        arguments: list[Any] = [before.mac if before else "", self._lifetime_s, *begin]
        for row in rows:
            lists = _lists(row)
            keys += lists
            arguments += [row.seq, row.body, row.mac, len(lists)]
        return bool(await self._run("audit_extend", keys, arguments))

    async def at(self, numbers: Sequence[int]) -> list[SealedRow]:
        """Return those rows that are there."""
        with redis_errors():
            async with self._client.pipeline(transaction=False) as pipeline:
                for seq in sorted(numbers):
                    pipeline.xrange(StateKeyPatterns.AUDIT_ROWS, f"{seq}-0", f"{seq}-0")
                found = await pipeline.execute()
        return [_row(entry) for entries in found for entry in entries]

    async def after(self, seq: int, limit: int) -> list[SealedRow]:
        """Return the rows that follow a number."""
        with redis_errors():
            found = await self._client.xrange(StateKeyPatterns.AUDIT_ROWS, f"{seq + 1}-0", "+", limit)
        return [_row(entry) for entry in found or ()]

    async def newest(self, before: int | None, limit: int, person: Person | None = None) -> list[SealedRow]:
        """Return the rows before a number, newest first."""
        if person is None:
            end = "+" if before is None else f"{max(before - 1, 0)}-0"
            with redis_errors():
                found = await self._client.xrevrange(StateKeyPatterns.AUDIT_ROWS, end, "-", limit)
            return [_row(entry) for entry in found or ()]
        key = _KEYS[person.part].format(pseudonym=person.pseudonym)
        with redis_errors():
            numbers = await self._client.zrevrangebyscore(
                key, "+inf" if before is None else f"({before}", "-inf", start=0, num=limit
            )
        return (await self.at([int(number) for number in cast("list[bytes]", numbers)]))[::-1]

    async def trim(self, after: Chain) -> None:
        """Forget the rows up to an anchor."""
        anchor = after.anchor
        arguments: list[Any] = [after.chain_id, anchor.seq + 1, anchor.seq, anchor.mac, after.signature]
        await self._run("audit_trim", [StateKeyPatterns.AUDIT_CHAIN, StateKeyPatterns.AUDIT_ROWS], arguments)

    # -- the salts

    async def salts(self, names: Sequence[str], fresh: Sequence[bytes], today: int) -> list[bytes]:
        """Return the salt of each name, making those that are missing."""
        del today  # they go by themselves
        with redis_errors():
            async with self._client.pipeline(transaction=False) as pipeline:
                for name, salt in zip(names, fresh, strict=True):
                    pipeline.set(_salt(name), salt, nx=True, ex=self._lifetime_s)
                    pipeline.getex(_salt(name), ex=self._lifetime_s)
                found = (await pipeline.execute())[1::2]
        # One that another process destroyed in between is needed no more than the fresh one.
        return [salt if kept is None else kept for salt, kept in zip(fresh, found, strict=True)]

    async def salt(self, name: str) -> bytes | None:
        """Return the salt of a name."""
        with redis_errors():
            return cast("bytes | None", await self._client.get(_salt(name)))  # the client decodes nothing

    async def forget_salt(self, name: str) -> bool:
        """Destroy the salt of a name."""
        with redis_errors():
            return bool(await self._client.delete(_salt(name)))

    async def trim_salts(self, unused_since: int) -> None:
        """Do nothing: salts that are not asked for go by themselves."""

    async def _run(self, script: str, keys: list[str], arguments: list[Any]) -> Any:  # noqa: ANN401  # what it returns
        # Not bound to one instance: what it compares shows by itself whether the trail is the one that was read.
        try:
            with redis_errors():
                return await self._client.eval(_script(script), len(keys), *keys, *arguments)
        except ResponseError as error:  # somebody put something else under our keys: it can be put right again
            detail = "The audit trail in Redis is damaged."
            raise StoreUnavailable(detail) from error


@cache
def _script(name: str) -> str:
    return (files(__package__) / "lua" / f"{name}.lua").read_text()


def _lists(row: SealedRow) -> list[str]:
    people = _people(row.body)
    pairs = ((StateKeyPatterns.AUDIT_SUBJECT, people.subject), (StateKeyPatterns.AUDIT_ACTOR, people.actor))
    return [pattern.format(pseudonym=pseudonym) for pattern, pseudonym in pairs if pseudonym is not None]


def _row(entry: Any) -> SealedRow:  # noqa: ANN401  # as the driver gives an entry of a stream
    number, fields = entry
    return SealedRow(int(number.partition(b"-")[0]), fields.get(b"body", b""), fields.get(b"mac", b"").decode())


def _salt(name: str) -> str:
    return StateKeyPatterns.AUDIT_SALT.format(name=name)
