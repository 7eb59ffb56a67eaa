"""A Redis behind TLS is told nothing, not even the password, before its certificate has been checked."""

import datetime as dt
import ipaddress
import ssl
from asyncio import StreamReader, StreamWriter, start_server
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from src.adapters.redis_client import redis_client, redis_errors
from src.errors import StoreUnavailable
from tests.api.key_sets import ec_key

PASSWORD = "a-password-of-the-tests"


def certificate(folder: Path, address: str) -> Path:
    """Return a file with a certificate that vouches for itself, and its key."""
    key, name = ec_key("redis"), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "redis of a test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = folder / "redis.pem"
    path.write_bytes(key.private_bytes(*form) + made.public_bytes(serialization.Encoding.PEM))
    return path


@asynccontextmanager
async def listening(pem: Path, heard: list[bytes]) -> AsyncIterator[str]:
    """Listen as a Redis behind TLS that hangs up after the first word."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    async def hear(reader: StreamReader, writer: StreamWriter) -> None:
        heard.append(await reader.read(4096))
        writer.close()

    server = await start_server(hear, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"rediss://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"


async def ping(url: str, ca_file: Path | None) -> None:
    async with redis_client(url, password=PASSWORD, ca_file=ca_file) as client:
        with pytest.raises(StoreUnavailable), redis_errors():
            await client.ping()


async def test_a_certificate_of_unknown_origin_is_told_nothing(tmp_path: Path) -> None:
    heard: list[bytes] = []
    async with listening(certificate(tmp_path, "127.0.0.1"), heard) as url:
        await ping(url, None)
    assert heard == []


async def test_a_certificate_of_somewhere_else_is_told_nothing(tmp_path: Path) -> None:
    heard: list[bytes] = []
    pem = certificate(tmp_path, "127.0.0.2")
    async with listening(pem, heard) as url:
        await ping(url, pem)
    assert heard == []


async def test_authorities_can_be_named(tmp_path: Path) -> None:
    heard: list[bytes] = []
    pem = certificate(tmp_path, "127.0.0.1")
    async with listening(pem, heard) as url:
        await ping(url, pem)
    assert PASSWORD.encode() in heard[0]
