"""Tokens and the decisions that rest on them."""

import pytest

from src.errors import Forbidden, Unauthorized
from src.security import Principal, Role, SecurityManager, is_event_id, is_student_id, lets_legitimate_input_through
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
