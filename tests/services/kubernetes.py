"""A real Kubernetes control plane: etcd, API server, controllers and scheduler, with kwok playing the nodes."""

import json
import re
import ssl
import subprocess
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import yaml  # type: ignore[import-untyped]  # its types are a package of their own
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from .errors import ServiceError, Unavailable
from .ports import HOST, Port
from .programs import HERE, cache_directory
from .server import Server

TOKEN = "for-tests-on-loopback-only"  # of an API server that lives for a minute
LIMIT_S = 120
NODES = 3
_NODE = {
    "allocatable": {"cpu": "8", "memory": "32Gi", "pods": "110"},
    "capacity": {"cpu": "8", "memory": "32Gi", "pods": "110"},
}


def kubernetes_program(name: str) -> Path:
    """Find one of the programs that ``scripts/install-services`` built; raises ``Unavailable``."""
    version = re.search(r"k8s\.io/kubernetes v([\d.]+)", (HERE / "kube" / "go.mod").read_text(encoding="utf-8"))
    assert version, "go.mod names no version"
    program = cache_directory() / f"kubernetes-{version[1]}" / name
    if not program.exists():
        message = f"{name} of Kubernetes {version[1]} has not been built"
        raise Unavailable(message)
    return program


class _Part(Server):
    """One process of the control plane, in a directory that all of them share."""

    ready_within_s: ClassVar[float] = 60
    ended_within_s: ClassVar[float] = 10

    def __init__(
        self, name: str, directory: Path, options: Callable[["_Part"], Mapping[str, str]], path: str, *, scheme: str
    ) -> None:
        """Take the options by name; ready is what answers at a path of its own port."""
        super().__init__(directory)
        self.kind = name  # type: ignore[misc]  # one class for all five
        self._options = options
        self._url = f"{scheme}://{HOST}:%d{path}"

    @property
    def environment(self) -> Mapping[str, str]:
        """Return nothing: it is the control plane that has an address."""
        return {}

    @property
    def spare_port(self) -> int:
        """Return a second port."""
        return self._ports[1].number

    def _reserve(self, number: int) -> tuple[Port, ...]:
        return Port.reserve(number), Port.reserve()

    def _prepare(self) -> None:
        pass

    def _command(self) -> Sequence[str | Path]:
        return [kubernetes_program(self.kind), *(f"--{name}={value}" for name, value in self._options(self).items())]

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self._url % self.port, timeout=1, context=untrusting()) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


class ControlPlane:
    """The control plane and the command ``kubectl`` for it; every pod that is scheduled counts as running and ready."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.kubeconfig = directory / "kubeconfig"
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Start everything and return when the nodes are ready."""
        with self._stack:
            self._start()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def kubectl(self, *arguments: str, given: object = None) -> str:
        """Run a command that must succeed and return what it printed; ``given`` are manifests to read."""
        done = self.ask(*arguments, given=given)
        if done.returncode:
            message = f"kubectl {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
            raise ServiceError(message)
        return done.stdout

    def ask(self, *arguments: str, given: object = None) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end, whatever that is."""
        text = given if isinstance(given, str) or given is None else json.dumps(given)
        command: list[str | Path] = [kubernetes_program("kubectl"), f"--kubeconfig={self.kubeconfig}", *arguments]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=LIMIT_S)

    def get(self, *what: str) -> dict[str, Any]:
        """Return objects as they are in the cluster."""
        return dict(json.loads(self.kubectl("get", *what, "--output=json")))

    def typed(self, line: str) -> "subprocess.CompletedProcess[str]":
        """Run a line in a shell as a person would, with ``kubectl`` on the path."""
        path = f"{kubernetes_program('kubectl').parent}:/usr/local/bin:/usr/bin:/bin"
        variables = {"PATH": path, "KUBECONFIG": str(self.kubeconfig), "HOME": str(self.directory)}
        return subprocess.run(
            ["/bin/sh", "-c", line], env=variables, capture_output=True, text=True, check=False, timeout=LIMIT_S
        )

    @property
    def url(self) -> str:
        """Return the address of the API server."""
        return self._url

    def _start(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._write_keys()
        etcd = self._part("etcd", self._etcd, "/health", scheme="http")
        api = self._part("kube-apiserver", lambda one: self._api(one, etcd), "/readyz")
        self._url = f"https://{HOST}:{api.port}"
        self._write_kubeconfig()
        self._part("kube-controller-manager", self._controllers, "/healthz")
        self._part("kube-scheduler", self._scheduler, "/healthz")
        self._start_nodes()
        self.kubectl("wait", "node", "--all", "--for=condition=Ready", "--timeout=60s")

    def _start_nodes(self) -> None:
        self._part("kwok", self._kwok, "/healthz", scheme="http")
        for number in range(NODES):
            self.kubectl("apply", "--filename=-", given=_node(number))

    def _part(
        self, name: str, options: Callable[[_Part], Mapping[str, str]], path: str, *, scheme: str = "https"
    ) -> _Part:
        return self._stack.enter_context(_Part(name, self.directory, options, path, scheme=scheme))

    def _etcd(self, part: _Part) -> Mapping[str, str]:
        clients, peers = f"http://{HOST}:{part.port}", f"http://{HOST}:{part.spare_port}"
        return {
            "data-dir": str(self.directory / "etcd"),
            "listen-client-urls": clients,
            "advertise-client-urls": clients,
            "listen-peer-urls": peers,
            "initial-advertise-peer-urls": peers,
            "initial-cluster": f"default={peers}",
            "unsafe-no-fsync": "true",
            "log-level": "warn",
        }

    def _api(self, part: _Part, etcd: _Part) -> dict[str, str]:
        return {
            "etcd-servers": f"http://{HOST}:{etcd.port}",
            "bind-address": HOST,
            "advertise-address": HOST,
            "secure-port": str(part.port),
            "endpoint-reconciler-type": "none",
            "cert-dir": str(self.directory / "api-certificate"),
            "service-cluster-ip-range": "10.96.0.0/16",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": str(self.directory / "accounts.pub"),
            "service-account-signing-key-file": str(self.directory / "accounts.key"),
            "token-auth-file": str(self.directory / "tokens.csv"),
            "authorization-mode": "RBAC",
        }

    def _controllers(self, part: _Part) -> Mapping[str, str]:
        return self._client(part, "controllers") | {
            "service-account-private-key-file": str(self.directory / "accounts.key"),
            "horizontal-pod-autoscaler-sync-period": "1s",
            "horizontal-pod-autoscaler-initial-readiness-delay": "1s",
        }

    def _scheduler(self, part: _Part) -> Mapping[str, str]:
        return self._client(part, "scheduler")

    def _client(self, part: _Part, name: str) -> dict[str, str]:
        return {
            "kubeconfig": str(self.kubeconfig),
            "bind-address": HOST,
            "secure-port": str(part.port),
            "leader-elect": "false",
            "cert-dir": str(self.directory / f"{name}-certificate"),
            "authentication-skip-lookup": "true",
        }

    def _kwok(self, part: _Part) -> Mapping[str, str]:
        return {
            "kubeconfig": str(self.kubeconfig),
            "manage-all-nodes": "true",
            "node-lease-duration-seconds": "40",
            "node-ip": HOST,
            "server-address": f"{HOST}:{part.port}",
        }

    def _write_keys(self) -> None:
        key = generate_private_key(65537, 2048)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        (self.directory / "accounts.key").write_bytes(private)
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (self.directory / "accounts.pub").write_bytes(public)
        (self.directory / "tokens.csv").write_text(f'{TOKEN},admin,admin,"system:masters"\n', encoding="utf-8")

    def _write_kubeconfig(self) -> None:
        cluster = {"server": self._url, "insecure-skip-tls-verify": True}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "tests", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": TOKEN}}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "admin"}}],
            "current-context": "tests",
        }
        self.kubeconfig.write_text(json.dumps(config), encoding="utf-8")


def untrusting() -> ssl.SSLContext:
    """Return what lets a certificate pass that nobody vouches for, as those of a control plane of our own."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def manifests(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects that a kustomization makes."""
    done = subprocess.run(
        [kubernetes_program("kubectl"), "kustomize", folder], capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode:
        raise ServiceError(done.stderr)
    yield from yaml.safe_load_all(done.stdout)


def _node(number: int) -> dict[str, Any]:
    name = f"node-{number}"
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "topology.kubernetes.io/zone": f"zone-{number}",
    }
    annotations = {"kwok.x-k8s.io/node": "fake"}
    metadata = {"name": name, "labels": labels, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "status": _NODE}
