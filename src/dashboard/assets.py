"""The files that pages load: under names that change with their content, so that browsers may keep them for ever."""

import gzip
import mimetypes
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

from ..errors import NotFound

PREFIX = "/dashboard/assets"
_FOLDER = Path(__file__).with_name("static")
_SUFFIXES = frozenset({".css", ".js", ".svg", ".woff2"})
_PACKED = frozenset({".woff2"})
"""Compressed by their own format."""

_REFERENCE = re.compile(rb"asset:([\w.-]+)")
"""How a style sheet names another file, which is known under another name outside."""

_FOR_EVER = "public, max-age=31536000, immutable"

router = APIRouter(include_in_schema=False, tags=["dashboard"])


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent, plain and compressed."""

    name: str
    media_type: str
    body: bytes
    packed: bytes | None


@router.get(f"{PREFIX}/{{name}}")
async def asset(request: Request, name: str) -> Response:
    """Return a file that pages load."""
    found = _by_name().get(name)
    if found is None:
        detail = "There is no such file."
        raise NotFound(detail)
    headers = {"Cache-Control": _FOR_EVER, "Vary": "Accept-Encoding"}
    if found.packed is not None and takes_gzip(request):
        return Response(found.packed, headers=headers | {"Content-Encoding": "gzip"}, media_type=found.media_type)
    return Response(found.body, headers=headers, media_type=found.media_type)


def address(file: str) -> str:
    """Return where a file of the package is served; raises ``KeyError`` for one that is not there."""
    return f"{PREFIX}/{_by_file()[file].name}"


def takes_gzip(request: Request) -> bool:
    """Tell whether a client reads what is compressed by gzip."""
    codings = (coding.strip() for coding in request.headers.get("accept-encoding", "").split(","))
    return any(coding == "gzip" or (coding.startswith("gzip;") and coding != "gzip;q=0") for coding in codings)


@cache
def _by_name() -> Mapping[str, Asset]:
    return {asset.name: asset for asset in _by_file().values()}


@cache
def _by_file() -> Mapping[str, Asset]:
    """Return all files by the name they have in the package; style sheets last, which name the others."""
    found: dict[str, Asset] = {}
    paths = [path for path in _FOLDER.rglob("*") if path.suffix in _SUFFIXES]
    for path in sorted(paths, key=lambda path: (path.suffix == ".css", path.name)):
        body = _REFERENCE.sub(lambda match: found[match[1].decode()].name.encode(), path.read_bytes())
        found[path.name] = _asset(path, body)
    return found


def _asset(path: Path, body: bytes) -> Asset:
    digest = urlsafe_b64encode(sha256(body).digest())[:10].decode()
    media_type = "font/woff2" if path.suffix == ".woff2" else mimetypes.types_map[path.suffix]
    packed = None if path.suffix in _PACKED else gzip.compress(body, mtime=0)
    return Asset(f"{path.stem}.{digest}{path.suffix}", media_type, body, packed)
