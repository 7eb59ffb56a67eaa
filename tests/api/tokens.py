"""Tokens: usual ones by PyJWT, and forged ones by hand where PyJWT would not make them."""

import hmac
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import jwt

from tests.making import NOW

APP_TOKEN = "the-token-of-the-sidecar"
SECRET = secrets.token_urlsafe(48)
NOW_S = int(NOW.timestamp())
HOUR_S = 3600
DAY_S = 86_400
HEADER = {"alg": "HS256", "typ": "JWT"}


def token(*roles: str, user_id: str = "someone", now_s: int = NOW_S, secret: str = SECRET) -> str:
    """Return a token that is valid for an hour."""
    content = {"user_id": user_id, "roles": list(roles), "exp": now_s + HOUR_S}
    return jwt.encode(content, secret, algorithm="HS256")


def bearer(*roles: str, user_id: str = "someone", now_s: int = NOW_S) -> dict[str, str]:
    """Return the header that carries such a token."""
    return {"Authorization": f"Bearer {token(*roles, user_id=user_id, now_s=now_s)}"}


def claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of an admin; what is changed to ``...`` is left out."""
    usual = {"user_id": "someone", "roles": ["admin"], "exp": NOW_S + HOUR_S}
    return {name: value for name, value in (usual | changes).items() if value is not ...}


def header(**changes: Any) -> dict[str, Any]:
    """Return the usual header; what is changed to ``...`` is left out."""
    return {name: value for name, value in (HEADER | changes).items() if value is not ...}


def segment(content: object) -> str:
    """Return a segment of a token; bytes and text go in as they are, anything else as JSON."""
    if isinstance(content, str):
        content = content.encode()
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return urlsafe_b64encode(raw).decode().rstrip("=")


def signed(
    payload: object,
    head: object = HEADER,
    *,
    secret: str = SECRET,
    digest: Callable[..., Any] = sha256,
) -> str:
    """Return a token with a correct signature over whatever it holds."""
    content = f"{segment(head)}.{segment(payload)}"
    return f"{content}.{segment(hmac.digest(secret.encode(), content.encode(), digest))}"


def raw_claims(**changes: str) -> str:
    """Return the claims as JSON text with values that ``json`` would not write; the name decides which they replace."""
    usual = {"user_id": '"someone"', "roles": '["admin"]', "exp": str(NOW_S + HOUR_S)} | changes
    return "{" + ",".join(f'"{name}":{value}' for name, value in usual.items()) + "}"
