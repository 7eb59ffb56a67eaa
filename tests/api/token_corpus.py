"""Tokens that must not be accepted, and tokens that must, each with what is special about it."""

from hashlib import sha384, sha512
from string import ascii_uppercase

from src.security import Role

from .tokens import DAY_S, HOUR_S, NOW_S, SECRET, claims, header, raw_claims, segment, signed, token

ISSUER, AUDIENCE = "https://sign-in.example", "mastery-engine"
_PUBLIC_KEY = (
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAc2VjdXJpdHkgdGVzdHMgdXNlIG5vIHJlYWwga2V5\n-----END PUBLIC KEY-----\n"
)
_USUAL = signed(claims())
_CONTENT, _, _SIGNATURE = _USUAL.rpartition(".")


def _unsigned(alg: object) -> str:
    return f"{segment(header(alg=alg))}.{segment(claims())}."


def _respelled(text: str) -> str:
    """Return another spelling of base64 text of 32 bytes: its last character has two bits that count for nothing."""
    alphabet = ascii_uppercase + ascii_uppercase.lower() + "0123456789-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) ^ 1]


_SIGNATURES = {
    "alg none": _unsigned("none"),
    "alg None": _unsigned("None"),
    "alg NONE": _unsigned("NONE"),
    "alg nOnE": _unsigned("nOnE"),
    "alg none, signed": signed(claims(), header(alg="none")),
    "no signature": f"{_CONTENT}.",
    "half a signature": f"{_CONTENT}.{_SIGNATURE[:20]}",
    "another secret": signed(claims(), secret=SECRET[::-1]),
    "the empty secret": signed(claims(), secret=""),
    "the public key as secret": signed(claims(), secret=_PUBLIC_KEY),
    "padding after the signature": f"{_USUAL}=",
    "another spelling of the signature": f"{_CONTENT}.{_respelled(_SIGNATURE)}",
    "claims of another token": f"{segment(header())}.{segment(claims(user_id='else'))}.{_SIGNATURE}",
}

_SHAPES = {
    "empty": "",
    "dots": "..",
    "words": "not.a.token",
    "two segments": _CONTENT,
    "four segments": f"{_USUAL}.{_SIGNATURE}",
    "five segments, as a JWE": f"{segment(header(alg='dir', enc='A256GCM'))}..iv.text.tag",
    "a space inside": _USUAL.replace(".", " .", 1),
    "two tokens": f"{_USUAL},{_USUAL}",
    "a letter beyond ASCII": _USUAL.replace("e", "\u0435", 1),
    "a megabyte": signed(claims(more="x" * 1_000_000)),
    "a token in a token": signed(_USUAL),
    "claims that are a list": signed([claims()]),
    "claims that are text": signed('"admin"'),
    "claims that are a number": signed("7"),
    "claims that are null": signed("null"),
    "claims that are empty": signed(""),
    "claims that are not JSON": signed("{user_id: someone}"),
    "claims with bytes that are no text": signed(b'{"user_id":"\xff"}'),
    "claims with a byte order mark": signed(b"\xef\xbb\xbf" + raw_claims().encode()),
    "claims nested deeply": signed(raw_claims(more="[" * 1200 + "]" * 1200)),
    "claims with roles twice": signed(raw_claims(roles='["student"],"roles":["admin"]')),
    "claims with user_id twice": signed(raw_claims(user_id='"someone","user_id":"else"')),
    "a header that is a list": signed(claims(), [header()]),
    "a header that is not JSON": signed(claims(), "alg"),
    "a header with alg twice": signed(claims(), '{"alg":"none","alg":"HS256"}'),
}

_HEADERS = {
    "HS384": signed(claims(), header(alg="HS384"), digest=sha384),
    "HS512": signed(claims(), header(alg="HS512"), digest=sha512),
    "RS256, signed as HS256": signed(claims(), header(alg="RS256")),
    "RS256, signed with the public key": signed(claims(), header(alg="RS256"), secret=_PUBLIC_KEY),
    "no alg": signed(claims(), header(alg=...)),
    "alg null": signed(claims(), header(alg=None)),
    "alg in lower case": signed(claims(), header(alg="hs256")),
    "alg a list": signed(claims(), header(alg=["HS256"])),
    "typ of an identity token": signed(claims(), header(typ="id+jwt")),
    "typ a number": signed(claims(), header(typ=7)),
    "typ null": signed(claims(), header(typ=None)),
    "kid a number": signed(claims(), header(kid=7)),
    "jku": signed(claims(), header(jku="http://127.0.0.1:9/keys")),
    "x5u": signed(claims(), header(x5u="http://127.0.0.1:9/chain")),
    "x5c": signed(claims(), header(x5c=["MIIB"])),
    "jwk": signed(claims(), header(jwk={"kty": "oct", "k": segment(SECRET)})),
    "crit": signed(claims(), header(crit=["exp"])),
    "crit unknown": signed(claims(), header(crit=["more"], more=1)),
    "b64 false": signed(claims(), header(b64=False, crit=["b64"])),
    "cty of a token in a token": signed(_USUAL, header(cty="JWT")),
    "zip": signed(claims(), header(zip="DEF")),
}

_TIMES = {
    "no exp": signed(claims(exp=...)),
    "exp null": signed(claims(exp=None)),
    "exp as text": signed(claims(exp=str(NOW_S + HOUR_S))),
    "exp a list": signed(claims(exp=[NOW_S + HOUR_S])),
    "exp true": signed(claims(exp=True)),
    "exp an hour ago": signed(claims(exp=NOW_S - HOUR_S)),
    "exp a second ago": signed(claims(exp=NOW_S - 1)),
    "exp now": signed(claims(exp=NOW_S)),
    "exp 0": signed(claims(exp=0)),
    "exp negative": signed(claims(exp=-NOW_S)),
    "exp NaN": signed(raw_claims(exp="NaN")),
    "exp Infinity": signed(raw_claims(exp="Infinity")),
    "exp 1e308": signed(claims(exp=1e308)),
    "exp 1e400": signed(raw_claims(exp="1e400")),
    "exp of 400 digits": signed(claims(exp=10**400)),
    "exp of minus 400 digits": signed(claims(exp=-(10**400))),
    "exp of 5000 digits": signed(raw_claims(exp="9" * 5000)),
    "exp a second beyond 31 days": signed(claims(exp=NOW_S + 31 * DAY_S + 1)),
    "nbf 31 seconds ahead": signed(claims(nbf=NOW_S + 31)),
    "nbf of 400 digits": signed(claims(nbf=10**400)),
    "nbf as text": signed(claims(nbf=str(NOW_S))),
    "nbf null": signed(claims(nbf=None)),
    "iat 31 seconds ahead": signed(claims(iat=NOW_S + 31)),
    "iat a day ahead": signed(claims(iat=NOW_S + DAY_S)),
    "iat true": signed(claims(iat=True)),
}

_IDENTITIES = {
    "no user": signed(claims(user_id=...)),
    "user_id null": signed(claims(user_id=None)),
    "user_id null beside a sub": signed(claims(user_id=None, sub="someone")),
    "user_id a number": signed(claims(user_id=7)),
    "user_id true": signed(claims(user_id=True)),
    "user_id a list": signed(claims(user_id=["someone"])),
    "user_id empty": signed(claims(user_id="")),
    "user_id of 129 characters": signed(claims(user_id="u" * 129)),
    "user_id with a space": signed(claims(user_id="some one")),
    "user_id with a line break": signed(claims(user_id="someone\n")),
    "user_id with NUL": signed(claims(user_id="some\0one")),
    "user_id with a look-alike letter": signed(claims(user_id="some\u043ene")),
    "user_id with half a pair": signed(raw_claims(user_id='"\\ud800"')),
    "user_id other than sub": signed(claims(sub="else")),
    "user_id beside sub null": signed(claims(sub=None)),
    "sub a number": signed(claims(user_id=..., sub=7)),
    "no roles claim": signed(claims(roles=...)),
    "roles null": signed(claims(roles=None)),
    "roles as text": signed(claims(roles="admin")),
    "roles as text with commas": signed(claims(roles="admin,student")),
    "roles an object": signed(claims(roles={"admin": True})),
    "roles nested": signed(claims(roles=[["admin"]])),
    "roles with a number": signed(claims(roles=["admin", 7])),
    "roles with null": signed(claims(roles=["admin", None])),
    "a thousand roles": signed(claims(roles=["admin"] * 1000)),
    "seventeen roles": signed(claims(roles=["admin"] * 17)),
}

REJECTED = {
    f"{group}: {name}": text
    for group, tokens in {
        "signature": _SIGNATURES,
        "shape": _SHAPES,
        "header": _HEADERS,
        "time": _TIMES,
        "identity": _IDENTITIES,
    }.items()
    for name, text in tokens.items()
}

ADMIN, NOBODY = frozenset({Role.ADMIN}), frozenset[Role]()

ACCEPTED = {
    "made by PyJWT": (token("admin"), ADMIN),
    "the usual one": (_USUAL, ADMIN),
    "without typ": (signed(claims(), header(typ=...)), ADMIN),
    "typ in lower case": (signed(claims(), header(typ="jwt")), ADMIN),
    "a kid that is a path": (signed(claims(), header(kid="../../../dev/null")), ADMIN),
    "a kid that is a statement": (signed(claims(), header(kid="x' UNION SELECT 'key")), ADMIN),
    "a kid with NUL": (signed(claims(), header(kid="key\0")), ADMIN),
    "exp in a second": (signed(claims(exp=NOW_S + 1)), ADMIN),
    "exp with a fraction": (signed(claims(exp=NOW_S + 0.5)), ADMIN),
    "exp in 31 days": (signed(claims(exp=NOW_S + 31 * DAY_S)), ADMIN),
    "nbf 30 seconds ahead": (signed(claims(nbf=NOW_S + 30)), ADMIN),
    "iat 30 seconds ahead": (signed(claims(iat=NOW_S + 30)), ADMIN),
    "iat long ago": (signed(claims(iat=0, nbf=0)), ADMIN),
    "sub in place of user_id": (signed(claims(user_id=..., sub="someone")), ADMIN),
    "sub beside user_id": (signed(claims(sub="someone")), ADMIN),
    "claims that nobody asked for": (signed(claims(iss=ISSUER, aud=AUDIENCE, jti="1", more={"deep": [1]})), ADMIN),
    "every role": (signed(claims(roles=["student", "teacher", "admin", "service"])), frozenset(Role)),
    "a role twice": (signed(claims(roles=["admin", "admin"])), ADMIN),
    "sixteen roles": (signed(claims(roles=["admin"] * 16)), ADMIN),
    "an unknown role": (signed(claims(roles=["owner"])), NOBODY),
    "an unknown role beside a known one": (signed(claims(roles=["owner", "admin"])), ADMIN),
    "no role": (signed(claims(roles=[])), NOBODY),
    "a role in capitals": (signed(claims(roles=["ADMIN"])), NOBODY),
    "a role with a space": (signed(claims(roles=[" admin"])), NOBODY),
    "roles in one text inside the list": (signed(claims(roles=["admin,student"])), NOBODY),
}
