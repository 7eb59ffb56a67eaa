"""Whether a secret is one that others know or could guess."""

import re
from itertools import pairwise

PUBLISHED = frozenset(
    {
        "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
        "a-string-secret-at-least-256-bits-long",
        "a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
        "0123456789abcdef0123456789abcdef",
        "abcdefghijklmnopqrstuvwxyz123456",
        "thisisasecretkeyfordevelopmentonly",
        "7c4c1c50-3230-45bf-9eae-c9b2e401c767",
        "3cfa76ef14937c1c0ea519f8fc057a80fcd04a7420f8e8bcd0a7567c272e007b",
        "404e635266556a586e3272357538782f413f4428472b4b6250645367566b5970",
    }
)
"""Secrets that stand in the documentation and the examples of widely used software."""

_PLACEHOLDERS = (
    "development", "placeholder", "production", "mastery", "changethis", "changeit", "password", "learnflow",
    "insecure", "minimum", "default", "example", "replace", "private", "change", "secret", "engine", "django",
    "string", "random", "please", "signing", "super", "local", "least", "admin", "token", "test", "your",
    "this", "that", "with", "must", "long", "demo", "very", "hs256", "sha256", "bits", "byte", "char", "value",
    "here", "some", "auth", "user", "only", "safe", "key", "jwt", "dev", "the", "not", "for", "use", "and",
    "bit", "256", "512", "128", "32", "is", "in", "at", "my", "me", "do", "to", "an", "be",
)  # fmt: skip
"""Words that stand where a secret should; the longer before those that are part of them."""

MIN_REST = 8
MIN_DISTINCT = 8
MAX_PERIOD = 16


def weakness(secret: str) -> str | None:
    """Return why a secret must not guard anything, None where nothing speaks against it."""
    plain = secret.strip().lower()
    if plain in PUBLISHED:
        return "is published in documentation"
    if len(_without_placeholders(plain)) < MIN_REST:
        return "is made of words that stand where a secret should"
    if len(set(plain)) < MIN_DISTINCT or _repeats(plain) or _is_a_run(plain):
        return "repeats itself"
    return None


def _without_placeholders(text: str) -> str:
    rest = re.sub(r"[^a-z0-9]", "", text)
    for word in _PLACEHOLDERS:
        rest = rest.replace(word, "")
    return rest


def _repeats(text: str) -> bool:
    return any(
        text == (text[:period] * len(text))[: len(text)] for period in range(1, min(MAX_PERIOD, len(text) // 2) + 1)
    )


def _is_a_run(text: str) -> bool:
    """Tell whether most characters are the neighbour of the one before, as in the alphabet."""
    steps = sum(abs(ord(after) - ord(before)) <= 1 for before, after in pairwise(text))
    return steps * 2 > len(text)
