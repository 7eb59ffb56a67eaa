"""Settings: frozen, from the environment only. Nothing else reads the environment."""

import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from .domain.evidence import Component
from .domain.model import DEFAULT_WEIGHTS, MIN_HALF_LIFE_DAYS, Method, parse_weights
from .errors import ConfigurationError, Reason
from .secret_strength import weakness

MIN_SECRET_BYTES = 32
MIN_WEBHOOK_BYTES = 24
MIN_APP_TOKEN_BYTES = 16
"""As many as Dapr's own way to make one takes from chance."""

MAX_HALF_LIFE_DAYS = 3650

_TLS_CHECKS = frozenset({"ssl_cert_reqs", "ssl_check_hostname"})
"""What the driver would take from an address, and could be switched off by."""

_REASONS = {
    "missing": "is required",
    "enum": "must be one of {expected}",
    "bool_parsing": "must be true or false",
    "int_parsing": "must be a whole number",
    "decimal_parsing": "must be a number",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_pattern_mismatch": "must consist of letters, digits and . _ -",
}


_APP_ID = re.compile(r"[A-Za-z0-9._-]{1,253}", re.ASCII)
_PATH = re.compile(r"[A-Za-z0-9._~/-]+", re.ASCII)


class NoticeTarget(NamedTuple):
    """Who is to hear of notices: an application behind the Dapr sidecar at a path, else a web address."""

    text: str
    app_id: str | None = None
    path: str = ""


class Environment(StrEnum):
    """Where the service runs; production refuses weak settings and writes JSON logs."""

    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


class LogLevel(StrEnum):
    """The least severe records that are written."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


class SecurityProtocol(StrEnum):
    """How Kafka is talked to."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"


def _weights(value: object) -> object:
    return parse_weights(value) if isinstance(value, str) else value


def _strong(secret: SecretStr | None) -> SecretStr | None:
    if secret is not None and len(secret.get_secret_value().encode(errors="surrogateescape")) < MIN_SECRET_BYTES:
        message = f"must have at least {MIN_SECRET_BYTES} bytes"
        raise ValueError(message)
    return secret


def _redis_url(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
        message = "must begin with redis://, rediss:// (TLS) or unix://"
        raise ValueError(message)
    if not _TLS_CHECKS.isdisjoint(parse_qs(url.get_secret_value().partition("?")[2], keep_blank_values=True)):
        message = "must not say how certificates are checked: they always are, see REDIS_CA_FILE"
        raise ValueError(message)
    return url


def _networks(text: str) -> str:
    try:
        for part in text.split(","):
            ip_network(part.strip())
    except ValueError:
        message = "must be addresses or networks, joined by commas"
        raise ValueError(message) from None
    return text


def _key_set_url(url: str) -> str:
    if not url.startswith(("https://", "http://")):
        message = "must begin with https://"
        raise ValueError(message)
    return url


def _app_token(token: SecretStr) -> SecretStr:
    if len(token.get_secret_value().encode(errors="surrogateescape")) < MIN_APP_TOKEN_BYTES:
        message = f"must have at least {MIN_APP_TOKEN_BYTES} bytes"
        raise ValueError(message)
    return token


def _web_url(url: str) -> str:
    if not url.startswith(("https://", "http://")):
        message = "must begin with https:// or http://"
        raise ValueError(message)
    return url


def _may_be_cluster(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme != "unix" and parts.path in {"", "/", "/0"} and "db" not in parse_qs(parts.query)


Secret = Annotated[SecretStr, AfterValidator(_strong)]


def _targets(targets: SecretStr) -> SecretStr:
    for text in targets.get_secret_value().split(","):
        _target(text)
    return targets


def _target(text: str) -> NoticeTarget:
    text = text.strip()
    if text.startswith("dapr:"):
        app_id, _, path = text.removeprefix("dapr:").partition("/")
        if _APP_ID.fullmatch(app_id) and _PATH.fullmatch(path):
            return NoticeTarget(text, app_id, path)
    elif text.startswith(("https://", "http://")):
        with suppress(ValueError):  # of a port that is none
            parts = urlsplit(text)
            if parts.hostname and parts.port != 0 and not (parts.username or parts.password or parts.fragment):
                return NoticeTarget(text)
    message = "must be dapr:APP/PATH, or addresses without a user that begin with https://, joined by commas"
    raise ValueError(message)


def _webhook_secrets(secrets: SecretStr) -> SecretStr:
    for secret in secrets.get_secret_value().split(","):
        key = secret.strip().removeprefix("whsec_")
        try:
            strong = len(b64decode(key, validate=True)) >= MIN_WEBHOOK_BYTES
        except ValueError:
            strong = False
        if not strong or not secret.strip().startswith("whsec_"):
            message = f"must be whsec_ and at least {MIN_WEBHOOK_BYTES} bytes in base64 each, joined by commas"
            raise ValueError(message)
    return secrets


DaprName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,253}$")]
"""The name of a component, or of a secret."""


class Settings(BaseSettings):
    """Every setting, by the name of its variable in lower case; ``docs/configuration.md`` tells them all."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)

    environment: Environment = Environment.DEVELOPMENT
    log_level: LogLevel = LogLevel.INFO
    otel_exporter_otlp_traces_endpoint: Annotated[str, AfterValidator(_web_url)] | None = None
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    jwt_secret: Secret | None = None
    jwt_secret_previous: Secret | None = None
    jwt_jwks_url: Annotated[str, AfterValidator(_key_set_url)] | None = None
    jwt_jwks_ca_file: Path | None = None
    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    jwt_max_lifetime_days: Annotated[int, Field(ge=1, le=366)] = 31
    pseudonym_key: Secret | None = None
    audit_key: Secret | None = None
    audit_days: Annotated[int, Field(ge=30, le=3650)] = 365
    rate_limit_reads: Annotated[int, Field(ge=0)] = 1200
    rate_limit_writes: Annotated[int, Field(ge=0)] = 600
    rate_limit_admin: Annotated[int, Field(ge=0)] = 600
    rate_limit_auth_failures: Annotated[int, Field(ge=0)] = 60
    forwarded_allow_ips: Annotated[str, AfterValidator(_networks)] | None = None
    max_concurrent_requests: Annotated[int, Field(ge=1)] = 512
    shutdown_delay_s: Annotated[int, Field(ge=0, le=60)] = 0
    api_docs: bool = True
    data_dir: Path = Path("data")
    redis_url: Annotated[SecretStr, AfterValidator(_redis_url)] | None = None
    redis_cluster: bool = False
    redis_username: str | None = None
    redis_password: SecretStr | None = None
    redis_ca_file: Path | None = None
    kafka_bootstrap_servers: str | None = None
    kafka_session_timeout_ms: Annotated[int, Field(ge=1000, le=300_000)] = 10_000
    kafka_create_topics: bool = True
    kafka_accept_gap: bool = False
    kafka_security_protocol: SecurityProtocol = SecurityProtocol.PLAINTEXT
    kafka_sasl_mechanism: str = "SCRAM-SHA-512"
    kafka_sasl_username: str | None = None
    kafka_sasl_password: SecretStr | None = None
    kafka_ca_file: Path | None = None
    dapr_http_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    dapr_api_token: SecretStr | None = None
    app_api_token: Annotated[SecretStr, AfterValidator(_app_token)] | None = None
    dapr_required: bool = False
    dapr_pubsub: DaprName | None = None
    dapr_bulk: bool = False
    dapr_secret_store: DaprName | None = None
    dapr_secret_name: DaprName = "JWT_SECRET"  # noqa: S105  # the name of a secret
    notice_targets: Annotated[SecretStr, AfterValidator(_targets)] | None = None
    notice_secrets: Annotated[SecretStr, AfterValidator(_webhook_secrets)] | None = None
    mastery_weights: Annotated[dict[Component, int], NoDecode, BeforeValidator(_weights)] = DEFAULT_WEIGHTS
    mastery_method: Method = Method.DECAYING_AVERAGE
    mastery_half_life_days: Annotated[Decimal, Field(ge=MIN_HALF_LIFE_DAYS, le=MAX_HALF_LIFE_DAYS)] = Decimal(30)
    max_concurrent_batches: Annotated[int, Field(ge=1, le=64)] = 4
    retention_days: Annotated[int, Field(ge=90, le=3650)] = 90
    ledger_ttl_days: Annotated[int, Field(ge=1, le=90)] = 7

    @classmethod
    def from_environment(cls, **overrides: Any) -> Self:  # noqa: ANN401  # whatever the fields take
        """Read the settings; raises ``ConfigurationError``, which names what is wrong, never a value."""
        try:
            settings = cls(**overrides)
        except ValidationError as error:
            raise ConfigurationError(_reasons(error)) from None
        return settings.checked()

    def checked(self) -> Self:
        """Return the settings; raises ``ConfigurationError`` where they cannot be used together or in production."""
        reasons = list(self.contradictions())
        if self.production:
            if not any((self.jwt_secret, self.jwt_jwks_url, self.dapr_secret_store)):
                reasons.append(Reason("JWT_SECRET", "is required in production"))
            keys = {"AUDIT_KEY": self.audit_key, "PSEUDONYM_KEY": self.pseudonym_key}
            reasons += [Reason(name, "is required in production") for name, key in keys.items() if key is None]
            reasons += self.weaknesses()
        if reasons:
            raise ConfigurationError(reasons)
        return self

    def with_jwt_secret(self, secret: SecretStr) -> Self:
        """Return the settings with the secret that was fetched, which is held to the same rules."""
        try:
            _strong(secret)
        except ValueError as error:
            raise ConfigurationError([Reason("JWT_SECRET", str(error))]) from None
        return self.model_copy(update={"jwt_secret": secret, "dapr_secret_store": None}).checked()

    def contradictions(self) -> Iterator[Reason]:
        """Return what is wrong with the settings taken together."""
        if self.jwt_jwks_url is not None and (self.jwt_secret or self.jwt_secret_previous) is not None:
            yield Reason("JWT_JWKS_URL", "excludes JWT_SECRET: tokens are signed in one way")
        yield from self._dapr_contradictions()
        yield from self._notice_contradictions()
        if self.kafka_bootstrap_servers is not None and self.redis_url is None:
            yield Reason("REDIS_URL", "is required with KAFKA_BOOTSTRAP_SERVERS")
        elif self.redis_cluster and self.redis_url is None:
            yield Reason("REDIS_URL", "is required with REDIS_CLUSTER")
        elif self.redis_cluster and not _may_be_cluster(self.in_clear(self.redis_url) or ""):
            yield Reason("REDIS_URL", "must be redis:// or rediss:// and name no database with REDIS_CLUSTER")

    def _dapr_contradictions(self) -> Iterator[Reason]:
        if self.dapr_pubsub is not None and self.app_api_token is None:
            yield Reason("APP_API_TOKEN", "is required with DAPR_PUBSUB: it tells the sidecar from anybody else")
        asked_for = {
            "DAPR_REQUIRED": self.dapr_required,
            "DAPR_SECRET_STORE": self.dapr_secret_store is not None,
            "NOTICE_TARGETS": any(target.app_id is not None for target in self.targets()),
        }
        if self.dapr_http_port is None:
            yield from (
                Reason("DAPR_HTTP_PORT", f"is required with {name}") for name, needs in asked_for.items() if needs
            )
        if self.dapr_secret_store is not None and (self.jwt_secret or self.jwt_jwks_url) is not None:
            yield Reason("DAPR_SECRET_STORE", "excludes JWT_SECRET and JWT_JWKS_URL: the secret comes from one place")

    def _notice_contradictions(self) -> Iterator[Reason]:
        targets = self.targets()
        if len(self.webhooks()) != sum(target.app_id is None for target in targets):
            yield Reason("NOTICE_SECRETS", "must be as many as there are web addresses in NOTICE_TARGETS")
        if len(set(targets)) != len(targets):
            yield Reason("NOTICE_TARGETS", "must name each target once")
        if self.production and any(target.text.startswith("http://") for target in targets):
            yield Reason("NOTICE_TARGETS", "must begin with https:// in production")

    def targets(self) -> tuple[NoticeTarget, ...]:
        """Return who is to hear of notices; the address of one may be as good as a password."""
        given = self.in_clear(self.notice_targets)
        return () if given is None else tuple(map(_target, given.split(",")))

    def webhooks(self) -> list[str]:
        """Return the secrets of web addresses, in their order."""
        return [secret.strip() for secret in (self.in_clear(self.notice_secrets) or "").split(",") if secret]

    def weaknesses(self) -> Iterator[Reason]:
        """Return what is too weak for production."""
        for name in ("jwt_secret", "jwt_secret_previous"):
            why = weakness(self.in_clear(getattr(self, name)) or "")
            if getattr(self, name) is not None and why is not None:
                yield Reason(name.upper(), why)
        if self.jwt_jwks_url is not None and not self.jwt_jwks_url.startswith("https://"):
            yield Reason("JWT_JWKS_URL", "must begin with https:// in production")

    def advice(self) -> Iterator[Reason]:
        """Return what is allowed, but should be mended."""
        if not self.production:
            yield from self.weaknesses()
            return
        for name in ("jwt_issuer", "jwt_audience"):
            if getattr(self, name) is None:
                yield Reason(name.upper(), "is not set: tokens made for other services are accepted too")

    def kafka_client(self) -> dict[str, str | int]:
        """Return the settings of every Kafka client."""
        settings: dict[str, str | int] = {
            "bootstrap.servers": self.kafka_bootstrap_servers or "",
            "security.protocol": self.kafka_security_protocol,
            "reconnect.backoff.max.ms": 2000,
            "client.id": "mastery-engine",
        }
        if self.kafka_security_protocol.startswith("SASL"):
            settings["sasl.mechanism"] = self.kafka_sasl_mechanism
            settings["sasl.username"] = self.kafka_sasl_username or ""
            settings["sasl.password"] = self.in_clear(self.kafka_sasl_password) or ""
        if self.kafka_ca_file is not None:
            settings["ssl.ca.location"] = str(self.kafka_ca_file)
        return settings

    def shown(self, fingerprint: Callable[[str], str]) -> dict[str, str]:
        """Return every setting as text, of each secret only its fingerprint."""
        shown = {name.upper(): str(value) for name, value in self.model_dump(mode="json").items()}
        secrets = {name.upper(): getattr(self, name) for name in type(self).model_fields}
        return shown | {
            name: fingerprint(secret.get_secret_value())
            for name, secret in secrets.items()
            if isinstance(secret, SecretStr)
        }

    @property
    def production(self) -> bool:
        """Tell whether weak settings are refused."""
        return self.environment is Environment.PRODUCTION

    def in_clear(self, secret: SecretStr | None) -> str | None:
        """Return a secret in clear, for the one place that uses it."""
        return None if secret is None else secret.get_secret_value()


def _reasons(error: ValidationError) -> list[Reason]:
    reasons = []
    for found in error.errors(include_url=False, include_input=False):
        context = found.get("ctx", {})
        text = str(context["error"]) if found["type"] == "value_error" else _REASONS.get(found["type"], "is not valid")
        reasons.append(Reason(str(found["loc"][0]).upper(), text.format(**context)))
    return reasons
