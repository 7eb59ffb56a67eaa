"""Tokens and the decisions that rest on them."""

from collections.abc import Mapping
from typing import Any

import pytest

from src.errors import CommandFailed, Forbidden, Unauthorized
from src.security import (
    MAX_VERIFIED,
    Principal,
    Role,
    SecurityManager,
    is_event_id,
    is_student_id,
    lets_legitimate_input_through,
)
from src.signing_keys import KeySet, SharedSecrets
from tests.api.token_corpus import ACCEPTED, AUDIENCE, ISSUER, REJECTED
from tests.api.tokens import DAY_S, HOUR_S, NOW_S, SECRET, claims, signed, token
from tests.making import NOW_US

OLD_SECRET = SECRET.swapcase()


def fixed() -> int:
    return NOW_US


@pytest.fixture
def security() -> SecurityManager:
    return SecurityManager(SECRET, now=fixed)


@pytest.mark.parametrize("name", REJECTED)
def test_a_token_that_breaks_a_rule_is_rejected_without_being_repeated(security: SecurityManager, name: str) -> None:
    with pytest.raises(Unauthorized) as rejected:
        security.validate_jwt(REJECTED[name])
    assert rejected.value.detail.startswith("The token is not accepted: ")
    assert not any(part in rejected.value.detail for part in REJECTED[name].split(".") if len(part) > 8)
    assert "someone" not in rejected.value.detail


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_token_that_keeps_the_rules_speaks_for_its_user(security: SecurityManager, name: str) -> None:
    text, roles = ACCEPTED[name]
    assert security.validate_jwt(text) == Principal("someone", roles)


def test_a_token_is_judged_by_the_time_of_each_call() -> None:
    now_us = NOW_US

    def clock() -> int:
        return now_us

    security = SecurityManager(SECRET, now=clock)
    text = token("admin")
    security.validate_jwt(text)
    now_us += HOUR_S * 1_000_000
    with pytest.raises(Unauthorized, match="expired"):
        security.validate_jwt(text)


class Watch:
    """A clock that is set by hand, in seconds from now."""

    def __init__(self) -> None:
        self.after_s = 0.0

    def __call__(self) -> int:
        return NOW_US + int(self.after_s * 1_000_000)


class CountingKeys(SharedSecrets):
    """Counts the signatures that were checked."""

    checked = 0

    def verify(self, token: str, header: Mapping[str, Any]) -> None:
        self.checked += 1
        super().verify(token, header)


def test_a_token_is_verified_once_a_minute() -> None:
    watch, keys = Watch(), CountingKeys([SECRET])
    security = SecurityManager(keys=keys, now=watch)
    text = token("admin")
    for after_s, checked in ((0, 1), (59.9, 1), (60, 2), (60, 2), (119, 2), (121, 3)):
        watch.after_s = after_s
        assert security.validate_jwt(text).roles == {Role.ADMIN}
        assert keys.checked == checked


@pytest.mark.parametrize("lifetime_s", [1, 30, 59, 61])
def test_a_token_that_was_verified_is_refused_from_the_moment_of_its_expiry(lifetime_s: int) -> None:
    watch = Watch()
    security = SecurityManager(SECRET, now=watch)
    text = signed(claims(exp=NOW_S + lifetime_s))
    watch.after_s = lifetime_s - 0.5
    security.validate_jwt(text)
    watch.after_s = lifetime_s
    with pytest.raises(Unauthorized, match="it has expired"):
        security.validate_jwt(text)


def test_a_token_that_was_refused_is_looked_at_afresh() -> None:
    watch, keys = Watch(), CountingKeys([SECRET])
    security = SecurityManager(keys=keys, now=watch)
    early, forged = signed(claims(nbf=NOW_S + 40)), signed(claims(), secret=OLD_SECRET)
    for _ in range(2):
        for text in (early, forged):
            with pytest.raises(Unauthorized):
                security.validate_jwt(text)
    assert keys.checked == 4
    watch.after_s = 10
    assert security.validate_jwt(early).user_id == "someone"


def test_what_is_remembered_is_bounded() -> None:
    keys = CountingKeys([SECRET])
    security = SecurityManager(keys=keys, now=fixed)
    texts = [signed(claims(jti=str(number))) for number in range(MAX_VERIFIED + 1)]
    for text in texts:
        security.validate_jwt(text)
    checked = keys.checked
    security.validate_jwt(texts[-1])
    assert keys.checked == checked
    security.validate_jwt(texts[0])
    assert keys.checked == checked + 1


def test_another_spelling_of_a_token_that_was_verified_is_another_token(security: SecurityManager) -> None:
    text = token("admin")
    security.validate_jwt(text)
    for other in (f"{text}=", f" {text}", text.replace("e", "E", 1), f"{text}\ud800", text + "x" * 5000):
        with pytest.raises(Unauthorized):
            security.validate_jwt(other)


async def test_a_token_is_read_the_same_with_time_to_look_for_its_key(security: SecurityManager) -> None:
    for name, (text, roles) in ACCEPTED.items():
        assert await security.authenticate(text) == Principal("someone", roles), name
    for text in REJECTED.values():
        with pytest.raises(Unauthorized):
            await security.authenticate(text)


def test_no_token_is_issued_where_others_sign_them() -> None:
    with pytest.raises(CommandFailed, match="JWT_JWKS_URL"):
        SecurityManager(keys=KeySet(bytes), now=fixed).issue_jwt("someone", [Role.ADMIN], HOUR_S)


def test_the_previous_secret_is_accepted_while_it_is_configured() -> None:
    old = token("admin", secret=OLD_SECRET)
    rotating = SecurityManager(SECRET, previous_secret=OLD_SECRET, now=fixed)
    assert rotating.validate_jwt(old) == rotating.validate_jwt(token("admin"))
    with pytest.raises(Unauthorized, match="signature"):
        SecurityManager(SECRET, now=fixed).validate_jwt(old)


def test_new_tokens_are_signed_with_the_current_secret() -> None:
    issued = SecurityManager(SECRET, previous_secret=OLD_SECRET, now=fixed).issue_jwt("someone", [Role.ADMIN], HOUR_S)
    assert SecurityManager(SECRET, now=fixed).validate_jwt(issued).roles == {Role.ADMIN}
    with pytest.raises(Unauthorized, match="signature"):
        SecurityManager(OLD_SECRET, now=fixed).validate_jwt(issued)


def test_without_a_secret_nothing_is_accepted() -> None:
    security = SecurityManager("", now=fixed)
    for text in (signed(claims(), secret=""), token("admin")):
        with pytest.raises(Unauthorized, match="signature"):
            security.validate_jwt(text)


@pytest.mark.parametrize("issuer", [..., None, "https://else.example", f"{ISSUER}/", ISSUER.upper(), [ISSUER], 7])
def test_another_issuer_is_rejected_where_one_is_configured(issuer: object) -> None:
    security = SecurityManager(SECRET, issuer=ISSUER, now=fixed)
    security.validate_jwt(signed(claims(iss=ISSUER)))
    with pytest.raises(Unauthorized, match="issuer"):
        security.validate_jwt(signed(claims(iss=issuer)))


@pytest.mark.parametrize("audience", [AUDIENCE, [AUDIENCE], ["else", AUDIENCE]])
def test_the_configured_audience_is_accepted_alone_and_in_a_list(audience: object) -> None:
    security = SecurityManager(SECRET, audience=AUDIENCE, now=fixed)
    assert security.validate_jwt(signed(claims(aud=audience))).user_id == "someone"


@pytest.mark.parametrize(
    "audience", [..., None, "else", f"{AUDIENCE}-2", AUDIENCE[:-1], [], ["else"], [[AUDIENCE]], {AUDIENCE: 1}, 7]
)
def test_another_audience_is_rejected_where_one_is_configured(audience: object) -> None:
    security = SecurityManager(SECRET, audience=AUDIENCE, now=fixed)
    with pytest.raises(Unauthorized, match="audience"):
        security.validate_jwt(signed(claims(aud=audience)))


def test_the_longest_lifetime_is_configurable() -> None:
    security = SecurityManager(SECRET, max_lifetime_days=1, now=fixed)
    security.validate_jwt(signed(claims(exp=NOW_S + DAY_S)))
    with pytest.raises(Unauthorized, match="too far ahead"):
        security.validate_jwt(signed(claims(exp=NOW_S + DAY_S + 1)))


def test_an_issued_token_is_accepted_by_who_issued_it() -> None:
    security = SecurityManager(SECRET, issuer=ISSUER, audience=AUDIENCE, now=fixed)
    issued = security.issue_jwt("teacher-1", [Role.TEACHER, Role.STUDENT], HOUR_S)
    assert security.validate_jwt(issued) == Principal("teacher-1", frozenset({Role.TEACHER, Role.STUDENT}))


def who(*roles: Role, user_id: str = "someone") -> Principal:
    return Principal(user_id, frozenset(roles))


def test_one_of_the_roles_asked_for_is_enough(security: SecurityManager) -> None:
    security.authorize(who(Role.SERVICE), Role.ADMIN, Role.SERVICE)
    with pytest.raises(Forbidden, match="admin or service"):
        security.authorize(who(Role.TEACHER, Role.STUDENT), Role.ADMIN, Role.SERVICE)


@pytest.mark.parametrize("text", ["1", "student_123", "a.b-c_d", "A" * 64, "."])
def test_ids_of_everyday_use_are_ids(text: str) -> None:
    assert is_student_id(text)
    assert is_event_id(text)


@pytest.mark.parametrize(
    "text", ["", "a:b", "a*", "{a}", "a b", "a\n", "\na", "a/b", "a%2fb", "a\0", "\u0430", "\uff11", "=cmd", "a\u2028"]
)
def test_what_could_mean_something_else_is_no_id(text: str) -> None:
    assert not is_student_id(text)
    assert not is_event_id(text)


def test_the_id_of_an_event_may_be_twice_as_long() -> None:
    assert not is_student_id("a" * 65)
    assert is_event_id("a" * 128)
    assert not is_event_id("a" * 129)


def test_the_rules_let_legitimate_input_through() -> None:
    assert lets_legitimate_input_through()
