"""Settings: every one by its name, wrong ones named and never echoed, secrets never shown."""

import base64
import secrets
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from src.config import Environment, LogLevel, Settings
from src.domain.evidence import Component
from src.domain.model import Method
from src.errors import ConfigurationError, Reason

CANARY = "CANARY-7f3a"
SECRET = secrets.token_urlsafe(48)
WEBHOOK = base64.b64encode(secrets.token_bytes(24)).decode()
OLD_SECRET = secrets.token_urlsafe(48)
WEIGHTS = "completion=0.4,quiz=0.3,quality=0.2,consistency=0.1"

# Name: (its default, text for the environment, what that text means)
SETTINGS: dict[str, tuple[object, str, object]] = {
    "ENVIRONMENT": (Environment.DEVELOPMENT, "test", Environment.TEST),
    "LOG_LEVEL": (LogLevel.INFO, "WARNING", LogLevel.WARNING),
    "HOST": ("127.0.0.1", "0.0.0.0", "0.0.0.0"),  # noqa: S104  # nothing listens here
    "PORT": (8000, "9000", 9000),
    "JWT_JWKS_URL": (None, "https://sign-in.example/keys", "https://sign-in.example/keys"),
    "JWT_JWKS_CA_FILE": (None, "ca.pem", Path("ca.pem")),
    "JWT_ISSUER": (None, "https://sign-in.example", "https://sign-in.example"),
    "JWT_AUDIENCE": (None, "mastery-engine", "mastery-engine"),
    "JWT_MAX_LIFETIME_DAYS": (31, "7", 7),
    "RATE_LIMIT_READS": (1200, "0", 0),
    "RATE_LIMIT_WRITES": (600, "5", 5),
    "RATE_LIMIT_ADMIN": (600, "7", 7),
    "RATE_LIMIT_AUTH_FAILURES": (60, "9", 9),
    "FORWARDED_ALLOW_IPS": (None, "10.0.0.0/8, 192.0.2.1", "10.0.0.0/8, 192.0.2.1"),
    "MAX_CONCURRENT_REQUESTS": (512, "9", 9),
    "API_DOCS": (True, "false", False),
    "DATA_DIR": (Path("data"), "elsewhere", Path("elsewhere")),
    "KAFKA_BOOTSTRAP_SERVERS": (None, "one:9092,two:9092", "one:9092,two:9092"),
    "KAFKA_SESSION_TIMEOUT_MS": (10_000, "45000", 45_000),
    "KAFKA_CREATE_TOPICS": (True, "false", False),
    "KAFKA_ACCEPT_GAP": (False, "true", True),
    "KAFKA_SECURITY_PROTOCOL": ("PLAINTEXT", "SASL_SSL", "SASL_SSL"),
    "KAFKA_SASL_MECHANISM": ("SCRAM-SHA-512", "PLAIN", "PLAIN"),
    "KAFKA_SASL_USERNAME": (None, "engine", "engine"),
    "KAFKA_CA_FILE": (None, "ca.pem", Path("ca.pem")),
    "DAPR_HTTP_PORT": (None, "3500", 3500),
    "DAPR_REQUIRED": (False, "true", True),
    "DAPR_PUBSUB": (None, "mastery-pubsub", "mastery-pubsub"),
    "DAPR_BULK": (False, "true", True),
    "DAPR_SECRET_STORE": (None, "mastery-secrets", "mastery-secrets"),
    "DAPR_SECRET_NAME": ("JWT_SECRET", "engine", "engine"),
    "SHUTDOWN_DELAY_S": (0, "5", 5),
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": (None, "http://collector:4318/v1/traces", "http://collector:4318/v1/traces"),
    "REDIS_CLUSTER": (False, "true", True),
    "REDIS_USERNAME": (None, "engine", "engine"),
    "REDIS_CA_FILE": (None, "ca.pem", Path("ca.pem")),
    "MASTERY_WEIGHTS": (
        dict(zip(Component, (400_000, 300_000, 200_000, 100_000), strict=True)),
        "quiz=0.5, completion=0.25,quality=0.25,consistency=0",
        dict(zip(Component, (250_000, 500_000, 250_000, 0), strict=True)),
    ),
    "MASTERY_METHOD": (Method.DECAYING_AVERAGE, "highest", Method.HIGHEST),
    "MASTERY_HALF_LIFE_DAYS": (Decimal(30), "14.5", Decimal("14.5")),
    "MAX_CONCURRENT_BATCHES": (4, "2", 2),
    "AUDIT_DAYS": (365, "30", 30),
    "RETENTION_DAYS": (90, "365", 365),
    "LEDGER_TTL_DAYS": (7, "14", 14),
}
KEYS = {"AUDIT_KEY": SECRET, "PSEUDONYM_KEY": SECRET}
"""What production requires beside a way to verify tokens."""

SECRETS = {
    "JWT_SECRET": SECRET,
    "JWT_SECRET_PREVIOUS": OLD_SECRET,
    "AUDIT_KEY": SECRET,
    "PSEUDONYM_KEY": SECRET,
    "REDIS_URL": f"redis://:{SECRET}@redis.example:6379/0",
    "REDIS_PASSWORD": SECRET,
    "KAFKA_SASL_PASSWORD": SECRET,
    "DAPR_API_TOKEN": SECRET,
    "APP_API_TOKEN": SECRET,
    "NOTICE_TARGETS": f"https://school.example/{SECRET}",
    "NOTICE_SECRETS": f"whsec_{WEBHOOK}",
}
NEEDED = {
    "KAFKA_BOOTSTRAP_SERVERS": {"REDIS_URL": SECRETS["REDIS_URL"]},
    "REDIS_CLUSTER": {"REDIS_URL": SECRETS["REDIS_URL"]},
    "NOTICE_TARGETS": {"NOTICE_SECRETS": SECRETS["NOTICE_SECRETS"]},
    "NOTICE_SECRETS": {"NOTICE_TARGETS": "https://school.example/hooks"},
    "DAPR_PUBSUB": {"APP_API_TOKEN": SECRET},
    "DAPR_REQUIRED": {"DAPR_HTTP_PORT": "3500"},
    "DAPR_SECRET_STORE": {"DAPR_HTTP_PORT": "3500"},
}
"""What a setting cannot stand without."""


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*SETTINGS, *SECRETS):
        monkeypatch.delenv(name, raising=False)


def read(monkeypatch: pytest.MonkeyPatch, **values: str) -> Settings:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return Settings.from_environment()


def refused(monkeypatch: pytest.MonkeyPatch, **values: str) -> tuple[Reason, ...]:
    with pytest.raises(ConfigurationError) as error:
        read(monkeypatch, **values)
    told = f"{error.value!r}{error.value}{error.value.__cause__}"
    assert CANARY not in told
    return error.value.reasons


def test_every_setting_is_in_the_table() -> None:
    assert {name.upper() for name in Settings.model_fields} == {*SETTINGS, *SECRETS}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_that_is_not_given_has_its_default(name: str) -> None:
    assert getattr(Settings.from_environment(), name.lower()) == SETTINGS[name][0]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_read_from_the_variable_of_its_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    _, text, meaning = SETTINGS[name]
    assert getattr(read(monkeypatch, **{name: text}, **NEEDED.get(name, {})), name.lower()) == meaning


@pytest.mark.parametrize("name", SETTINGS)
def test_an_empty_variable_is_as_none(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert getattr(read(monkeypatch, **{name: ""}), name.lower()) == SETTINGS[name][0]


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_read_from_the_variable_of_its_name_and_has_no_default(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    assert getattr(Settings.from_environment(), name.lower()) is None
    secret = getattr(read(monkeypatch, **{name: SECRETS[name], **NEEDED.get(name, {})}), name.lower())
    assert secret.get_secret_value() == SECRETS[name]


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("ENVIRONMENT", CANARY, "must be one of 'development', 'test' or 'production'"),
        ("ENVIRONMENT", "Production", "must be one of 'development', 'test' or 'production'"),
        ("LOG_LEVEL", CANARY, "must be one of 'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("PORT", CANARY, "must be a whole number"),
        ("PORT", "80.5", "must be a whole number"),
        ("PORT", "-1", "must be at least 0"),
        ("PORT", "65536", "must be at most 65535"),
        ("JWT_SECRET", CANARY, "must have at least 32 bytes"),
        ("JWT_SECRET_PREVIOUS", CANARY, "must have at least 32 bytes"),
        ("JWT_JWKS_URL", f"file:///{CANARY}", "must begin with https://"),
        ("FORWARDED_ALLOW_IPS", "*", "must be addresses or networks, joined by commas"),
        ("FORWARDED_ALLOW_IPS", CANARY, "must be addresses or networks, joined by commas"),
        ("RATE_LIMIT_READS", "-1", "must be at least 0"),
        ("REDIS_URL", f"https://:{CANARY}@redis.example", "must begin with redis://, rediss:// (TLS) or unix://"),
        ("KAFKA_SESSION_TIMEOUT_MS", "999", "must be at least 1000"),
        ("KAFKA_SESSION_TIMEOUT_MS", "300001", "must be at most 300000"),
        ("JWT_MAX_LIFETIME_DAYS", CANARY, "must be a whole number"),
        ("JWT_MAX_LIFETIME_DAYS", "0", "must be at least 1"),
        ("JWT_MAX_LIFETIME_DAYS", "367", "must be at most 366"),
        ("MASTERY_METHOD", CANARY, "must be one of 'decaying_average', 'average', 'latest' or 'highest'"),
        ("MASTERY_HALF_LIFE_DAYS", CANARY, "must be a number"),
        ("MASTERY_HALF_LIFE_DAYS", "4.9", "must be at least 5"),
        ("MASTERY_HALF_LIFE_DAYS", "3651", "must be at most 3650"),
        ("RETENTION_DAYS", CANARY, "must be a whole number"),
        ("RETENTION_DAYS", "89", "must be at least 90"),
        ("LEDGER_TTL_DAYS", "0", "must be at least 1"),
        ("LEDGER_TTL_DAYS", "91", "must be at most 90"),
        ("MASTERY_WEIGHTS", CANARY, f"must look like {WEIGHTS}"),
        ("MASTERY_WEIGHTS", f"completion={CANARY},quiz=0.3,quality=0.2,consistency=0.1", f"must look like {WEIGHTS}"),
        ("MASTERY_WEIGHTS", f"{WEIGHTS},{CANARY}=0", "must name each of completion, quiz, quality, consistency once"),
        ("MASTERY_WEIGHTS", f"{WEIGHTS},quiz=0.3", "must name each of completion, quiz, quality, consistency once"),
        ("MASTERY_WEIGHTS", "completion=0.7,quiz=0.3", "must name each of completion, quiz, quality, consistency once"),
        ("MASTERY_WEIGHTS", WEIGHTS.replace("0.1", "0.2"), "must add up to 1"),
        (
            "MASTERY_WEIGHTS",
            "completion=1.1,quiz=-0.1,quality=0,consistency=0",
            "must hold numbers of 0 or more with at most six decimals",
        ),
        (
            "MASTERY_WEIGHTS",
            "completion=0.4000001,quiz=0.2999999,quality=0.2,consistency=0.1",
            "must hold numbers of 0 or more with at most six decimals",
        ),
    ],
)
def test_a_wrong_setting_is_named_and_its_value_is_not_told(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, reason: str
) -> None:
    assert refused(monkeypatch, **{name: text}) == (Reason(name, reason),)


def test_every_wrong_setting_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reasons = refused(monkeypatch, PORT=CANARY, LOG_LEVEL=CANARY, JWT_SECRET=CANARY, MASTERY_WEIGHTS=CANARY)
    assert sorted(reason.field for reason in reasons) == ["JWT_SECRET", "LOG_LEVEL", "MASTERY_WEIGHTS", "PORT"]


def test_production_without_a_secret_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for secret in ({}, {"JWT_SECRET": ""}, {"JWT_SECRET_PREVIOUS": OLD_SECRET}):
        reasons = refused(monkeypatch, ENVIRONMENT="production", **KEYS, **secret)
        assert reasons == (Reason("JWT_SECRET", "is required in production"),)
    for name in KEYS:
        reasons = refused(monkeypatch, **{"ENVIRONMENT": "production", "JWT_SECRET": SECRET, **KEYS, name: ""})
        assert reasons == (Reason(name, "is required in production"),)
    assert read(monkeypatch, ENVIRONMENT="production", JWT_SECRET=SECRET, **KEYS).production


@pytest.mark.parametrize("name", ["JWT_SECRET", "JWT_SECRET_PREVIOUS"])
def test_production_refuses_a_secret_that_others_know(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    known = "a-string-secret-at-least-256-bits-long"
    reasons = refused(monkeypatch, **{"ENVIRONMENT": "production", "JWT_SECRET": SECRET, **KEYS, name: known})
    assert reasons == (Reason(name, "is published in documentation"),)


def test_elsewhere_a_secret_that_others_know_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(read(monkeypatch, JWT_SECRET="x" * 32).advice()) == [Reason("JWT_SECRET", "repeats itself")]
    assert list(read(monkeypatch, JWT_SECRET=SECRET).advice()) == []


def test_production_without_issuer_or_audience_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"ENVIRONMENT": "production", "JWT_SECRET": SECRET, **KEYS}
    assert [name for name, _ in read(monkeypatch, **settings).advice()] == ["JWT_ISSUER", "JWT_AUDIENCE"]
    settings |= {"JWT_ISSUER": "someone", "JWT_AUDIENCE": "mastery-engine"}
    assert list(read(monkeypatch, **settings).advice()) == []


def test_tokens_are_signed_in_one_way(monkeypatch: pytest.MonkeyPatch) -> None:
    address = {"JWT_JWKS_URL": "https://sign-in.example/keys"}
    for name in ("JWT_SECRET", "JWT_SECRET_PREVIOUS"):
        reasons = refused(monkeypatch, **address, **{name: SECRET})
        assert reasons == (Reason("JWT_JWKS_URL", "excludes JWT_SECRET: tokens are signed in one way"),)
        monkeypatch.delenv(name)
    assert read(monkeypatch, ENVIRONMENT="production", **KEYS, **address).jwt_secret is None


def test_production_fetches_keys_over_tls_only(monkeypatch: pytest.MonkeyPatch) -> None:
    address = {"JWT_JWKS_URL": "http://sign-in.example/keys"}
    reasons = refused(monkeypatch, ENVIRONMENT="production", **KEYS, **address)
    assert reasons == (Reason("JWT_JWKS_URL", "must begin with https:// in production"),)
    assert read(monkeypatch, ENVIRONMENT="test", **address).jwt_jwks_url


def test_events_over_kafka_need_a_store_that_processes_share(monkeypatch: pytest.MonkeyPatch) -> None:
    reasons = refused(monkeypatch, KAFKA_BOOTSTRAP_SERVERS=CANARY)
    assert reasons == (Reason("REDIS_URL", "is required with KAFKA_BOOTSTRAP_SERVERS"),)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "is required with REDIS_CLUSTER"),
        (f"unix:///{CANARY}", "must be redis:// or rediss:// and name no database with REDIS_CLUSTER"),
        (f"redis://{CANARY}:6379/1", "must be redis:// or rediss:// and name no database with REDIS_CLUSTER"),
        (f"redis://{CANARY}?db=1", "must be redis:// or rediss:// and name no database with REDIS_CLUSTER"),
        (f"redis://[{CANARY}", "must be redis:// or rediss:// and name no database with REDIS_CLUSTER"),
    ],
)
def test_a_cluster_has_an_address_and_no_databases(monkeypatch: pytest.MonkeyPatch, url: str, reason: str) -> None:
    assert refused(monkeypatch, REDIS_CLUSTER="true", REDIS_URL=url) == (Reason("REDIS_URL", reason),)


@pytest.mark.parametrize(
    "parameter", ["ssl_cert_reqs=none", "ssl_check_hostname=false", "x=1&ssl%5Fcert_reqs=optional", "ssl_cert_reqs="]
)
def test_nobody_can_switch_off_that_the_certificate_of_redis_is_checked(
    monkeypatch: pytest.MonkeyPatch, parameter: str
) -> None:
    for environment in ("production", "development"):
        reasons = refused(monkeypatch, ENVIRONMENT=environment, REDIS_URL=f"rediss://{CANARY}/0?{parameter}")
        told = "must not say how certificates are checked: they always are, see REDIS_CA_FILE"
        assert reasons == (Reason("REDIS_URL", told),)


def test_nobody_can_switch_off_that_the_certificate_of_kafka_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(
        monkeypatch,
        REDIS_URL="redis://one",
        KAFKA_BOOTSTRAP_SERVERS="one:9093",
        KAFKA_SECURITY_PROTOCOL="SASL_SSL",
        KAFKA_SASL_USERNAME="engine",
        KAFKA_SASL_PASSWORD=SECRET,
        KAFKA_CA_FILE="authorities.pem",
    )
    # The checks of librdkafka are on where nothing is said of them.
    assert settings.kafka_client() == {
        "bootstrap.servers": "one:9093",
        "security.protocol": "SASL_SSL",
        "reconnect.backoff.max.ms": 2000,
        "client.id": "mastery-engine",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "engine",
        "sasl.password": SECRET,
        "ssl.ca.location": "authorities.pem",
    }


@pytest.mark.parametrize("url", ["redis://one", "rediss://:secret@one:7000/", "redis://one:7000/0"])
def test_a_cluster_is_named_by_any_of_its_nodes(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    assert read(monkeypatch, REDIS_CLUSTER="true", REDIS_URL=url).redis_cluster


@pytest.mark.parametrize("name", ["development", "test"])
def test_elsewhere_a_secret_is_not_required(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert not read(monkeypatch, ENVIRONMENT=name).production


def test_a_secret_of_32_bytes_is_long_enough_and_letters_may_have_several(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, JWT_SECRET="x" * 32).jwt_secret
    assert read(monkeypatch, JWT_SECRET="\u00fc" * 16).jwt_secret
    refused(monkeypatch, JWT_SECRET="x" * 31)


def test_secrets_are_in_nothing_that_settings_print(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, **SECRETS)
    shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()} {vars(settings)}"
    assert "**********" in shown
    assert SECRET not in shown
    assert OLD_SECRET not in shown


def test_settings_cannot_be_changed_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, JWT_SECRET=SECRET)
    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1  # type: ignore[misc]  # that is the point


def test_what_is_given_in_code_stands_above_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "9000")
    assert Settings.from_environment(port=0).port == 0


def test_variables_that_nobody_knows_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, MASTERY_UNKNOWN=CANARY, PORTS="x") == Settings.from_environment()


@pytest.mark.parametrize("name", ["DAPR_PUBSUB", "DAPR_REQUIRED", "DAPR_SECRET_STORE"])
def test_what_needs_the_sidecar_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    [reason] = refused(monkeypatch, **{name: "true"})
    assert reason.field in NEEDED[name]


def test_a_token_of_the_sidecar_that_can_be_guessed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused(monkeypatch, APP_API_TOKEN="short") == (Reason("APP_API_TOKEN", "must have at least 16 bytes"),)


def test_production_may_have_its_secret_through_the_sidecar(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"ENVIRONMENT": "production", "DAPR_HTTP_PORT": "3500", "DAPR_SECRET_STORE": "secrets", **KEYS}
    settings = read(monkeypatch, **given)
    fetched = settings.with_jwt_secret(SecretStr(SECRET))
    assert fetched.in_clear(fetched.jwt_secret) == SECRET
    for weak in ("short", "x" * 64):
        with pytest.raises(ConfigurationError):
            settings.with_jwt_secret(SecretStr(weak))


def test_targets_of_notices_are_applications_and_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    given = "dapr:triage-agent/mastery/notices, https://school.example:8443/hooks?a=b,http://agent.test/"
    two = f"whsec_{WEBHOOK}, whsec_{WEBHOOK}"
    settings = read(monkeypatch, NOTICE_TARGETS=given, NOTICE_SECRETS=two, DAPR_HTTP_PORT="3500")
    assert [(target.app_id, target.path) for target in settings.targets()] == [
        ("triage-agent", "mastery/notices"),
        (None, ""),
        (None, ""),
    ]
    assert settings.targets()[1].text == "https://school.example:8443/hooks?a=b"
    assert settings.webhooks() == [f"whsec_{WEBHOOK}"] * 2


@pytest.mark.parametrize(
    "target",
    [
        "agent",
        "dapr:agent",
        "dapr:/path",
        "dapr:a b/path",
        "dapr:agent/../x y",
        "ftp://school.example",
        "https://",
        "https://user:word@school.example/",
        "https://school.example:0/",
        "https://school.example:x/",
        "https://school.example/,",
    ],
)
def test_what_is_no_target_is_refused(monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    assert refused(monkeypatch, NOTICE_TARGETS=target)[0].field == "NOTICE_TARGETS"


@pytest.mark.parametrize(
    "secret",
    ["whsec_", "whsec_c2hvcnQ=", WEBHOOK, "whsec_%%%", f"whsec_{WEBHOOK},"],
    ids=["empty", "short", "bare", "no base64", "one of two"],
)
def test_a_secret_that_signs_nothing_well_is_refused(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    values = {"NOTICE_TARGETS": "https://school.example/", "NOTICE_SECRETS": secret}
    assert refused(monkeypatch, **values)[0].field == "NOTICE_SECRETS"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"NOTICE_TARGETS": "https://school.example/"}, "NOTICE_SECRETS"),
        ({"NOTICE_SECRETS": f"whsec_{WEBHOOK}"}, "NOTICE_SECRETS"),
        ({"NOTICE_TARGETS": "dapr:agent/notices"}, "DAPR_HTTP_PORT"),
        ({"NOTICE_TARGETS": "dapr:a/b,dapr:a/b", "DAPR_HTTP_PORT": "3500"}, "NOTICE_TARGETS"),
    ],
)
def test_targets_without_what_they_need_are_refused(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str], field: str
) -> None:
    assert [reason.field for reason in refused(monkeypatch, **values)] == [field]


def test_in_production_notices_go_over_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    production = {"ENVIRONMENT": "production", "JWT_SECRET": SECRET, **KEYS}
    given = {"NOTICE_TARGETS": "http://school.example/", "NOTICE_SECRETS": f"whsec_{WEBHOOK}"}
    [reason] = refused(monkeypatch, **production, **given)
    assert reason.field == "NOTICE_TARGETS"
