"""Published keys: which of them count, how often they are fetched, and what happens while they cannot be."""

import asyncio
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from src.errors import KeysUnavailable, Unauthorized
from src.security import Principal, Role, SecurityManager
from src.signing_keys import COOLDOWN_S, FIRST_COOLDOWN_S, REFRESH_S, KeySet, read_keys
from tests.api.key_sets import ec_key, key_set, published, rsa_key, signed_by
from tests.api.tokens import NOW_S, SECRET, claims, header, segment, signed
from tests.making import NOW_US

ADMIN = Principal("someone", frozenset({Role.ADMIN}))


class Source:
    """Stands for the address of the keys and for the time: gives what it holds, and counts who asks."""

    def __init__(self, *entries: object) -> None:
        self.content: bytes | None = key_set(*entries)
        self.asked = 0
        self.now_s = 1000.0

    def fetch(self) -> bytes:
        self.asked += 1
        if self.content is None:
            detail = "away"
            raise KeysUnavailable(detail)
        return self.content

    def keys(self) -> KeySet:
        return KeySet(self.fetch, monotonic=lambda: self.now_s)


def security_of(keys: KeySet, now: Callable[[], int] = lambda: NOW_US) -> SecurityManager:
    return SecurityManager(keys=keys, now=now)


async def settled(keys: KeySet) -> None:
    await keys.close()


@pytest.mark.parametrize(("key", "kid"), [(rsa_key(), "rsa-1"), (ec_key(), "ec-1")], ids=["RS256", "ES256"])
async def test_a_token_signed_with_a_published_key_is_accepted(key: Any, kid: str) -> None:
    source = Source(published(rsa_key(), "rsa-1"), published(ec_key(), "ec-1"))
    assert await security_of(source.keys()).authenticate(signed_by(key, kid)) == ADMIN
    assert source.asked == 1


def public_pem() -> str:
    form, kind = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return rsa_key().public_key().public_bytes(form, kind).decode()


REJECTED = {
    "another key under the same id": signed_by(rsa_key("else"), "rsa-1"),
    "the key of another kind under the id": signed_by(ec_key(), "rsa-1"),
    "the id of another key": signed_by(rsa_key(), "ec-1"),
    "an id that nobody publishes": signed_by(rsa_key(), "rsa-2"),
    "no id": signed_by(rsa_key(), None),
    "the public key as a secret": signed(claims(), header(kid="rsa-1"), secret=public_pem()),
    "the public key as a secret, called RS256": signed(claims(), header(kid="rsa-1", alg="RS256"), secret=public_pem()),
    "the modulus as a secret": signed(claims(), header(kid="rsa-1"), secret=published(rsa_key(), "")["n"]),
    "a shared secret": signed(claims(), header(kid="rsa-1")),
    "no algorithm": f"{segment(header(alg='none', kid='rsa-1'))}.{segment(claims())}.",
    "RS512": jwt.encode(claims(), rsa_key(), "RS512", {"kid": "rsa-1"}),
    "PS256": jwt.encode(claims(), rsa_key(), "PS256", {"kid": "rsa-1"}),
    "an expired one": signed_by(rsa_key(), "rsa-1", exp=NOW_S - 1),
    "its own key inside": jwt.encode(
        claims(), rsa_key("own"), "RS256", {"kid": "rsa-1", "jwk": published(rsa_key("own"), "rsa-1")}
    ),
}


@pytest.mark.parametrize("name", REJECTED)
async def test_nothing_else_is_accepted(name: str) -> None:
    source = Source(published(rsa_key(), "rsa-1"), published(ec_key(), "ec-1"))
    with pytest.raises(Unauthorized, match=r"^The token is not accepted: "):
        await security_of(source.keys()).authenticate(REJECTED[name])


UNUSABLE = {
    "a secret": {"kty": "oct", "k": segment(SECRET), "kid": "k"},
    "a private key": published(rsa_key(), "k", d="AQAB"),
    "a key for encryption": published(rsa_key(), "k", use="enc"),
    "a key that signs only": published(rsa_key(), "k", key_ops=["sign"]),
    "a key for another algorithm": published(rsa_key(), "k", alg="RS512"),
    "a key that claims to be a secret": published(rsa_key(), "k", alg="HS256"),
    "a short key": published(rsa_key("short", 1024), "k"),
    "another curve": {"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA", "kid": "k"},
    "a point off the curve": published(ec_key(), "k", x="AA"),
    "no id": {**published(rsa_key(), ""), "kid": None},
    "an id that is a number": {**published(rsa_key(), ""), "kid": 7},
    "a modulus that is no text": published(rsa_key(), "k", n=7),
    "kty a list": published(rsa_key(), "k", kty=["RSA"]),
    "crv a list": published(ec_key(), "k", crv=["P-256"]),
    "key_ops a number": published(rsa_key(), "k", key_ops=7),
    "text": "k",
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_entry_that_is_no_public_key_for_signatures_is_left_out(name: str) -> None:
    assert set(read_keys(key_set(UNUSABLE[name], published(ec_key(), "good")))) == {"good"}


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"keys": 7}', b'{"keys": []}', b"<html>", key_set(*UNUSABLE.values()), b"[" * 9999]
)
def test_what_holds_no_key_is_no_set(content: bytes) -> None:
    with pytest.raises(KeysUnavailable):
        read_keys(content)


async def test_a_flood_of_unknown_ids_costs_one_fetch_in_thirty_seconds_and_evicts_nothing() -> None:
    source = Source(published(rsa_key(), "rsa-1"))
    security = security_of(source.keys())
    good = signed_by(rsa_key(), "rsa-1")
    await security.authenticate(good)
    source.now_s += COOLDOWN_S
    for _ in range(3):
        await asyncio.gather(
            *(security.authenticate(signed_by(rsa_key(), f"made-up-{number}")) for number in range(50)),
            return_exceptions=True,
        )
        assert await security.authenticate(good) == ADMIN
    assert source.asked == 2


async def test_a_failed_fetch_counts_against_the_cooldown_too() -> None:
    source = Source(published(rsa_key(), "rsa-1"))
    security = security_of(source.keys())
    await security.authenticate(signed_by(rsa_key(), "rsa-1"))
    source.content = None
    source.now_s += COOLDOWN_S
    for number in range(5):
        with pytest.raises(Unauthorized, match="its key is not known"):
            await security.authenticate(signed_by(rsa_key(), f"made-up-{number}"))
    assert source.asked == 2


async def test_a_token_that_cannot_be_right_causes_no_fetch() -> None:
    source = Source(published(rsa_key(), "rsa-1"))
    security = security_of(source.keys())
    for text in ("", "a.b.c", signed(claims()), signed(claims(), header(alg="none")), "x" * 1_000_000):
        with pytest.raises(Unauthorized):
            await security.authenticate(text)
    assert source.asked == 0


async def test_a_new_key_is_accepted_once_the_cooldown_is_over_and_the_old_one_as_long_as_it_is_published() -> None:
    old, new = published(rsa_key("old"), "old"), published(ec_key("new"), "new")
    source = Source(old)
    security = security_of(source.keys())
    await security.authenticate(signed_by(rsa_key("old"), "old"))
    source.content = key_set(old, new)
    with pytest.raises(Unauthorized, match="its key is not known"):
        await security.authenticate(signed_by(ec_key("new"), "new"))
    source.now_s += COOLDOWN_S
    assert await security.authenticate(signed_by(ec_key("new"), "new")) == ADMIN
    assert await security.authenticate(signed_by(rsa_key("old"), "old")) == ADMIN
    source.content = key_set(new)
    source.now_s += COOLDOWN_S
    with pytest.raises(Unauthorized):
        await security.authenticate(signed_by(rsa_key("old"), "unknown"))
    # Nothing is remembered of what the key that went had signed.
    with pytest.raises(Unauthorized, match="its key is not known"):
        await security.authenticate(signed_by(rsa_key("old"), "old"))


async def test_known_keys_count_while_their_address_is_away_however_long() -> None:
    source = Source(published(rsa_key(), "rsa-1"))
    keys = source.keys()
    security = security_of(keys)
    await security.authenticate(signed_by(rsa_key(), "rsa-1"))
    source.content = None
    for number in range(5):
        source.now_s += REFRESH_S + 1
        assert await security.authenticate(signed_by(rsa_key(), "rsa-1", jti=str(number))) == ADMIN
        await settled(keys)
    assert source.asked == 6


async def test_an_answer_without_keys_does_not_evict_those_that_are_known() -> None:
    source = Source(published(rsa_key(), "rsa-1"))
    keys = source.keys()
    security = security_of(keys)
    await security.authenticate(signed_by(rsa_key(), "rsa-1"))
    source.content = b'{"keys": []}'
    source.now_s += REFRESH_S + 1
    await security.authenticate(signed_by(rsa_key(), "rsa-1", jti="2"))
    await settled(keys)
    assert await security.authenticate(signed_by(rsa_key(), "rsa-1", jti="3")) == ADMIN


async def test_an_old_set_is_renewed_beside_the_work() -> None:
    source = Source(published(rsa_key(), "rsa-1"))
    keys = source.keys()
    security = security_of(keys)
    await security.authenticate(signed_by(rsa_key(), "rsa-1"))
    source.content = key_set(published(ec_key(), "ec-1"))
    source.now_s += REFRESH_S + 1
    await security.authenticate(signed_by(rsa_key(), "rsa-1", jti="2"))
    await settled(keys)
    with pytest.raises(Unauthorized, match="its key is not known"):
        await security.authenticate(signed_by(rsa_key(), "rsa-1", jti="3"))


async def test_without_any_key_yet_nobody_is_called_unauthorized() -> None:
    source = Source()
    source.content = None
    keys = source.keys()
    security = security_of(keys)
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            await security.authenticate(signed_by(rsa_key(), "rsa-1"))
        with pytest.raises(KeysUnavailable):
            await keys.check()
    assert source.asked == 1
    source.content = key_set(published(rsa_key(), "rsa-1"))
    source.now_s += FIRST_COOLDOWN_S
    assert await security.authenticate(signed_by(rsa_key(), "rsa-1")) == ADMIN
    await keys.check()
