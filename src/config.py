"""Settings: frozen, from the environment only. Nothing else reads the environment."""

from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from .domain.evidence import Component
from .domain.fixed import MICRO
from .domain.model import DEFAULT_WEIGHTS, MIN_HALF_LIFE_DAYS, Method
from .errors import ConfigurationError, Reason

MIN_SECRET_BYTES = 32

_REASONS = {
    "missing": "is required",
    "enum": "must be one of {expected}",
    "bool_parsing": "must be true or false",
    "int_parsing": "must be a whole number",
    "decimal_parsing": "must be a number",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}


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
    """Read ``completion=0.4,quiz=0.3,…`` into micro-units by component."""
    if not isinstance(value, str):
        return value
    pairs = [pair.partition("=") for pair in value.split(",")]
    try:
        weights = {name.strip(): Decimal(number) * MICRO for name, _, number in pairs}
    except ArithmeticError:
        message = "must look like completion=0.4,quiz=0.3,quality=0.2,consistency=0.1"
        raise ValueError(message) from None
    if sorted(weights) != sorted(Component) or len(pairs) != len(Component):
        message = f"must name each of {', '.join(Component)} once"
        raise ValueError(message)
    if any(not weight.is_finite() or weight < 0 or weight != weight.to_integral_value() for weight in weights.values()):
        message = "must hold numbers of 0 or more with at most six decimals"
        raise ValueError(message)
    if sum(weights.values()) != MICRO:
        message = "must add up to 1"
        raise ValueError(message)
    return {component: int(weights[component]) for component in Component}


def _strong(secret: SecretStr | None) -> SecretStr | None:
    if secret is not None and len(secret.get_secret_value().encode(errors="surrogateescape")) < MIN_SECRET_BYTES:
        message = f"must have at least {MIN_SECRET_BYTES} bytes"
        raise ValueError(message)
    return secret


def _redis_url(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
        message = "must begin with redis://, rediss:// (TLS) or unix://"
        raise ValueError(message)
    return url


def _may_be_cluster(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme != "unix" and parts.path in {"", "/", "/0"} and "db" not in parse_qs(parts.query)


Secret = Annotated[SecretStr, AfterValidator(_strong)]


class Settings(BaseSettings):
    """Every setting, by the name of its variable in lower case; ``docs/configuration.md`` tells them all."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)

    environment: Environment = Environment.DEVELOPMENT
    log_level: LogLevel = LogLevel.INFO
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    jwt_secret: Secret | None = None
    jwt_secret_previous: Secret | None = None
    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    jwt_max_lifetime_days: Annotated[int, Field(ge=1, le=366)] = 31
    audit_key: Secret | None = None
    audit_days: Annotated[int, Field(ge=30, le=3650)] = 365
    data_dir: Path = Path("data")
    redis_url: Annotated[SecretStr, AfterValidator(_redis_url)] | None = None
    redis_cluster: bool = False
    redis_username: str | None = None
    redis_password: SecretStr | None = None
    redis_ca_file: Path | None = None
    kafka_bootstrap_servers: str | None = None
    kafka_session_timeout_ms: Annotated[int, Field(ge=1000, le=300_000)] = 10_000
    kafka_create_topics: bool = True
    kafka_security_protocol: SecurityProtocol = SecurityProtocol.PLAINTEXT
    kafka_sasl_mechanism: str = "SCRAM-SHA-512"
    kafka_sasl_username: str | None = None
    kafka_sasl_password: SecretStr | None = None
    kafka_ca_file: Path | None = None
    mastery_weights: Annotated[dict[Component, int], NoDecode, BeforeValidator(_weights)] = DEFAULT_WEIGHTS
    mastery_method: Method = Method.DECAYING_AVERAGE
    mastery_half_life_days: Annotated[Decimal, Field(ge=MIN_HALF_LIFE_DAYS, le=3650)] = Decimal(30)
    retention_days: Annotated[int, Field(ge=90, le=3650)] = 90
    ledger_ttl_days: Annotated[int, Field(ge=1, le=90)] = 7

    @classmethod
    def from_environment(cls, **overrides: Any) -> Self:  # noqa: ANN401  # whatever the fields take
        """Read the settings; raises ``ConfigurationError``, which names what is wrong, never a value."""
        try:
            settings = cls(**overrides)
        except ValidationError as error:
            raise ConfigurationError(_reasons(error)) from None
        if settings.production:
            missing = [name for name in ("jwt_secret", "audit_key") if getattr(settings, name) is None]
            if missing:
                raise ConfigurationError([Reason(name.upper(), "is required in production") for name in missing])
        if settings.kafka_bootstrap_servers is not None and settings.redis_url is None:
            raise ConfigurationError([Reason("REDIS_URL", "is required with KAFKA_BOOTSTRAP_SERVERS")])
        if settings.redis_cluster and settings.redis_url is None:
            raise ConfigurationError([Reason("REDIS_URL", "is required with REDIS_CLUSTER")])
        if settings.redis_cluster and not _may_be_cluster(settings.in_clear(settings.redis_url) or ""):
            reason = "must be redis:// or rediss:// and name no database with REDIS_CLUSTER"
            raise ConfigurationError([Reason("REDIS_URL", reason)])
        return settings

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
