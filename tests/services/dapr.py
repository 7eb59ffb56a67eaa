"""A real Dapr sidecar, for one application."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar
from urllib.error import URLError
from urllib.request import Request, urlopen

import msgspec

from .ports import HOST, Port
from .programs import HERE, daprd_program
from .server import Server

_ANSWER_WITHIN_S = 1.0
_READY = 204

PUBSUB = "mastery-pubsub"
"""The name of the component in the files of the project."""

_DAPR = HERE.parents[1] / "dapr"


class DaprSidecar(Server):
    """One daprd on 127.0.0.1 beside an application that may come later; applications find each other by ``names``.

    ``resources`` are the texts of Dapr's files, by their names.
    """

    kind: ClassVar[str] = "daprd"
    ready_within_s: ClassVar[float] = 30
    ended_within_s: ClassVar[float] = 15

    def __init__(
        self,
        app_id: str,
        app_port: int,
        *,
        names: Path,
        resources: Mapping[str, str] | None = None,
        app_token: str | None = None,
        api_token: str | None = None,
        directory: Path | None = None,
    ) -> None:
        super().__init__(directory)
        self.app_id = app_id
        self._app_port = app_port
        self._names = names
        self._resources = resources or {}
        self._tokens = {"APP_API_TOKEN": app_token, "DAPR_API_TOKEN": api_token}

    @property
    def url(self) -> str:
        """Return the address for its application."""
        return f"http://{HOST}:{self.port}"

    @property
    def environment(self) -> Mapping[str, str]:
        """Return the variables that tell the application where it is."""
        tokens = {name: token for name, token in self._tokens.items() if token is not None}
        return {"DAPR_HTTP_PORT": str(self.port), **tokens}

    def invoke_url(self, app_id: str, path: str) -> str:
        """Return the address under which a path of another application is called."""
        return f"{self.url}/v1.0/invoke/{app_id}/method/{path.lstrip('/')}"

    @property
    def ready(self) -> bool:
        """Tell whether it has found its application, too."""
        return self._is_well("healthz")

    def _reserve(self, number: int) -> tuple[Port, ...]:
        return Port.reserve(number), Port.reserve(), Port.reserve()

    def _prepare(self) -> None:
        resolution = {"component": "sqlite", "version": "v1", "configuration": {"connectionString": str(self._names)}}
        resources = self.directory / "resources"
        resources.mkdir(exist_ok=True)
        spec = {"nameResolution": resolution, "metric": {"enabled": False}, "tracing": {"samplingRate": "0"}}
        self._configuration.write_text(_document("Configuration", "tests", spec), encoding="utf-8")
        for name, text in self._resources.items():
            (resources / f"{name}.yaml").write_text(text, encoding="utf-8")

    def _command(self) -> Sequence[str | Path]:
        http, grpc, internal = (port.number for port in self._ports)
        variables: list[str | Path] = [f"{name}={token}" for name, token in self._tokens.items() if token is not None]
        options = {
            "app-id": self.app_id,
            "app-port": self._app_port,
            "app-protocol": "http",
            "app-channel-address": HOST,
            "mode": "standalone",
            "dapr-http-port": http,
            "dapr-grpc-port": grpc,
            "dapr-internal-grpc-port": internal,
            "dapr-listen-addresses": HOST,
            "dapr-internal-grpc-listen-address": HOST,
            "resources-path": self.directory / "resources",
            "config": self._configuration,
            "enable-metrics": "false",
            "dapr-graceful-shutdown-seconds": 1,
        }
        # Else it looks for its address with a packet to the outside.
        return [
            "env",
            f"DAPR_HOST_IP={HOST}",
            *variables,
            daprd_program(),
            *(f"--{name}={value}" for name, value in options.items()),
        ]

    def _answers(self) -> bool:
        return self._is_well("healthz/outbound")

    def _is_well(self, path: str) -> bool:
        token = self._tokens["DAPR_API_TOKEN"]
        headers = {} if token is None else {"dapr-api-token": token}
        try:
            with urlopen(Request(f"{self.url}/v1.0/{path}", headers=headers), timeout=_ANSWER_WITHIN_S) as answer:
                return bool(answer.status == _READY)
        except (URLError, OSError):
            return False

    @property
    def _configuration(self) -> Path:
        return self.directory / "configuration.yaml"


def pubsub_over_kafka(bootstrap: str) -> dict[str, str]:
    """Return the files of the project for events over Kafka."""
    return _files(kafka=("kafka/pubsub.yaml", {"kafka:9092": bootstrap}), retries=("resiliency.yaml", {}))


def pubsub_over_redis(port: int) -> dict[str, str]:
    """Return the files of the project for events over Redis, with times for tests."""
    changes = {"redis:6379": f"{HOST}:{port}", '"15s"': '"1s"', '"5000"': '"500"'}
    return _files(redis=("redis/pubsub.yaml", changes), retries=("resiliency.yaml", {}))


def secrets_in_file(path: Path) -> dict[str, str]:
    """Return the store of secrets over a file of JSON, which stands in for that of a cluster."""
    pairs = [{"name": "secretsFile", "value": str(path)}, {"name": "multiValued", "value": "true"}]
    spec = {"type": "secretstores.local.file", "version": "v1", "metadata": pairs}
    return {"secrets": _document("Component", "mastery-secrets", spec)}


def _files(**files: tuple[str, Mapping[str, str]]) -> dict[str, str]:
    """Return texts of the project, with what is changed in each; what is to be changed has to be there."""
    texts = {}
    for name, (path, changes) in files.items():
        text = (_DAPR / path).read_text(encoding="utf-8")
        for old, new in changes.items():
            assert old in text, f"{path} does not say {old}"
            text = text.replace(old, new)
        texts[name] = text
    return texts


def _document(kind: str, name: str, spec: object) -> str:
    # JSON is YAML.
    document = {"apiVersion": "dapr.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
    return msgspec.json.encode(document).decode()
