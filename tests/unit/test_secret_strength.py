"""Secrets that others know or could guess."""

import secrets
import string
from uuid import uuid4

import pytest

from src.secret_strength import PUBLISHED, weakness

WEAK = [
    *sorted(PUBLISHED),
    *(text.upper() for text in sorted(PUBLISHED)),
    "",
    "your-secret",
    "changeme",
    "secret",
    "secret" * 8,
    "your-secret-key-change-this-in-production",
    "change-me-in-production-please-please",
    "super-secret-jwt-key-for-development-only",
    "django-insecure-change-this-secret-key",
    "your-256-bit-secret-your-256-bit-secret",
    "mastery-engine-development-secret-key",
    "learnflow_jwt_secret_must_be_at_least_32_bytes_long",
    "passwordpasswordpasswordpassword",
    "a" * 64,
    "0" * 32,
    "1234567890" * 4,
    "deadbeef" * 8,
    "abcdefghijklmnopqrstuvwxyz0123456789",
    "qxz7rw" * 6,
    " " * 40,
]


@pytest.mark.parametrize("secret", WEAK)
def test_a_secret_that_others_know_or_could_guess_is_weak(secret: str) -> None:
    assert weakness(secret) is not None


@pytest.mark.parametrize(
    "make",
    [
        lambda: secrets.token_urlsafe(32),
        lambda: secrets.token_hex(16),
        lambda: secrets.token_hex(32),
        lambda: "".join(secrets.choice(string.ascii_letters) for _ in range(32)),
        lambda: f"{uuid4()}",
        lambda: "correct horse battery staple 7 violins",
    ],
)
def test_a_secret_made_by_chance_is_not(make: object) -> None:
    assert callable(make)
    assert [weakness(make()) for _ in range(200)] == [None] * 200
