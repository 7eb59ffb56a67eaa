"""A real Prometheus."""

import json
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from .errors import Unavailable
from .ports import HOST
from .server import Server

_ANSWER_WITHIN_S = 2.0


def prometheus_program(name: str) -> Path:
    """Find ``prometheus`` or ``promtool``."""
    found = shutil.which(name)
    if found is None:
        message = f"{name} is not on the path"
        raise Unavailable(message)
    return Path(found)


class Prometheus(Server):
    """One Prometheus that scrapes addresses every second, by default without any rules."""

    kind: ClassVar[str] = "prometheus"
    ready_within_s: ClassVar[float] = 30
    ended_within_s: ClassVar[float] = 20

    def __init__(
        self, targets: Sequence[str], directory: Path | None = None, *, port: int = 0, rules: Sequence[Path] = ()
    ) -> None:
        """Take the targets as ``host:port``."""
        super().__init__(directory, port=port)
        self._targets = list(targets)
        self._rules = list(rules)

    @property
    def url(self) -> str:
        """Return its address."""
        return f"http://{HOST}:{self.port}"

    @property
    def environment(self) -> Mapping[str, str]:
        """Return nothing: the product does not know of it."""
        return {}

    def query(self, expression: str) -> list[Any]:
        """Return the series that an expression has now."""
        return list(self._get("/api/v1/query?" + urllib.parse.urlencode({"query": expression}))["data"]["result"])

    def alerts(self) -> dict[str, str]:
        """Return the alerts that wait or fire, by name."""
        found = self._get("/api/v1/alerts")["data"]["alerts"]
        return {alert["labels"]["alertname"]: alert["state"] for alert in found}

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=_ANSWER_WITHIN_S) as answer:
            return json.loads(answer.read())

    def _prepare(self) -> None:
        configuration = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(path) for path in self._rules],
            "scrape_configs": [{"job_name": "mastery-engine", "static_configs": [{"targets": self._targets}]}],
        }
        # JSON is YAML.
        self._configuration.write_text(json.dumps(configuration), encoding="utf-8")

    def _command(self) -> Sequence[str | Path]:
        return (
            prometheus_program("prometheus"),
            f"--config.file={self._configuration}",
            f"--storage.tsdb.path={self.directory / 'data'}",
            f"--web.listen-address={HOST}:{self.port}",
            "--log.level=warn",
        )

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=_ANSWER_WITHIN_S) as answer:
                return bool(answer.status == 200)  # OK
        except (urllib.error.URLError, OSError):
            return False

    @property
    def _configuration(self) -> Path:
        return self.directory / "prometheus.yml"
