"""A real Kubernetes node on this machine, for root: containerd, kubelet, kube-proxy, names, and figures of pods.

It has an address on a bridge of its own; nothing listens where others could reach it, no image comes from elsewhere,
and everything that it changes in this machine goes with it.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from .errors import Unavailable
from .kube_metrics import registration
from .kubernetes import ControlPlane, _Part, kubernetes_program
from .ports import Port
from .process import wait_until
from .rules import kept_rules, put_back
from .server import Server

ADDRESS = "10.99.0.1"
NAME = "node-0"
SERVICES = "10.96.0.0/16"
_PODS = "10.244.0.0/24"
_SYSCTLS = ("vm.overcommit_memory", "kernel.panic", "kernel.panic_on_oops")
_GONE_WITHIN_S = 60
_METRICS_PORT = 16444


class _Daemon(Server):
    """One process of the node, in the directory of all."""

    ready_within_s: ClassVar[float] = 60
    ended_within_s: ClassVar[float] = 20

    def __init__(self, name: str, directory: Path, command: Sequence[str | Path], answers: Callable[[], bool]) -> None:
        super().__init__(directory)
        self.kind = name  # type: ignore[misc]  # one class for all
        self._words = command
        self._ask = answers

    @property
    def environment(self) -> Mapping[str, str]:
        """Return nothing: it is the control plane that has an address."""
        return {}

    def _reserve(self, number: int) -> tuple[Port, ...]:
        del number  # its ports stand in its settings
        return ()

    def _prepare(self) -> None:
        pass

    def _command(self) -> Sequence[str | Path]:
        return self._words

    def _answers(self) -> bool:
        return self._ask()


class RealNode(ControlPlane):
    """The control plane with one node that runs containers, of images that it is given as files."""

    def __init__(self, directory: Path, images: Sequence[Path]) -> None:
        """Take what ``docker save`` wrote."""
        super().__init__(directory)
        self._images = images

    def load(self, image: Path) -> None:
        """Have an image at hand that ``docker save`` wrote."""
        self._ctr("images", "import", str(image))

    def tell_names(self, namespace: str) -> None:
        """Let pods find the services of a namespace by name."""
        found = self.get("services", f"--namespace={namespace}")["items"]
        lines = [
            f"{one['spec']['clusterIP']} {one['metadata']['name']}.{namespace}.svc.cluster.local\n" for one in found
        ]
        (self.directory / "names" / namespace).write_text("".join(lines), encoding="utf-8")

    def _api(self, part: _Part, etcd: _Part) -> dict[str, str]:
        return super()._api(part, etcd) | {
            "kubelet-client-certificate": str(self.directory / "kubelet-client.crt"),
            "kubelet-client-key": str(self.directory / "kubelet-client.key"),
            "kubelet-preferred-address-types": "InternalIP",
        }

    def _start(self) -> None:
        if os.geteuid() != 0:
            message = "a node needs root"
            raise Unavailable(message, "run it as root")
        for program in ("containerd", "ctr", "runc", "ip", "iptables-save", "dnsmasq", "openssl"):
            if shutil.which(program) is None:
                message = f"{program} is not on the path"
                raise Unavailable(message, "run scripts/install-services --node")
        super()._start()

    def _write_keys(self) -> None:
        super()._write_keys()
        # A certificate that vouches for itself: by it the kubelet knows the API server.
        _run(
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/O=system:masters/CN=kube-apiserver"),
            *("-keyout", str(self.directory / "kubelet-client.key")),
            *("-out", str(self.directory / "kubelet-client.crt")),
        )

    def _start_nodes(self) -> None:
        self._make_network()
        self._keep_sysctls()
        self._stack.callback(self._sweep)
        self._write_containerd()
        self._daemon(
            "containerd", ["containerd", "--config", "containerd.toml"], lambda: self._ctr("version") is not None
        )
        for image in self._images:
            self.load(image)
        (self.directory / "names").mkdir()
        names = ["--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--bind-interfaces"]
        self._daemon(
            "names",
            [
                "dnsmasq",
                *names,
                f"--listen-address={ADDRESS}",
                f"--hostsdir={self.directory / 'names'}",
                "--pid-file=",
                "--user=root",
            ],
            lambda: True,
        )
        self._write_kubelet()
        self._daemon("kubelet", _command("kubelet", self._kubelet()), self._has_node)
        self._stack.callback(self._empty)
        self._daemon("kube-proxy", _command("kube-proxy", _proxy()), lambda: True)
        self._daemon("metrics-server", _command("metrics-server", self._metrics()), lambda: True)
        self.kubectl("apply", "--filename=-", given=registration(_METRICS_PORT))
        self.kubectl("apply", "--filename=-", given=_figures_for_all())

    def _daemon(self, name: str, command: Sequence[str | Path], answers: Callable[[], bool]) -> None:
        self._stack.enter_context(_Daemon(name, self.directory, command, answers))

    def _has_node(self) -> bool:
        return self.ask("get", "node", NAME).returncode == 0

    def _ctr(self, *arguments: str) -> str | None:
        socket = str(self.directory / "containerd.sock")
        done = subprocess.run(
            ["ctr", f"--address={socket}", "--namespace=k8s.io", *arguments],  # noqa: S607  # as it is on the path
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return done.stdout if done.returncode == 0 else None

    def _make_network(self) -> None:
        self._stack.callback(put_back, kept_rules())
        _run("ip", "link", "add", "node0", "type", "bridge")
        self._stack.callback(_run, "ip", "link", "delete", "node0")
        _run("ip", "address", "add", f"{ADDRESS}/32", "dev", "node0")
        _run("ip", "link", "set", "node0", "up")
        # What no rule leads to a pod ends here instead of leaving the machine.
        _run("ip", "route", "add", SERVICES, "dev", "node0", "src", ADDRESS)
        for way in ("-i", "-o"):
            _run("iptables", "-I", "FORWARD", way, "cni0", "-j", "ACCEPT")

    def _keep_sysctls(self) -> None:
        for name in _SYSCTLS:
            path = Path("/proc/sys") / name.replace(".", "/")
            self._stack.callback(path.write_text, path.read_text(encoding="ascii"), encoding="ascii")

    def _empty(self) -> None:
        """Take everything down while the kubelet can still do it."""
        self.ask(
            "delete", "deployments,replicasets,pods", "--all", "--all-namespaces", "--grace-period=1", "--timeout=40s"
        )
        wait_until(lambda: not (self._ctr("tasks", "list", "-q") or "").split(), _GONE_WITHIN_S)
        for task in (self._ctr("tasks", "list", "-q") or "").split():
            self._ctr("tasks", "kill", "--signal=KILL", task)

    def _sweep(self) -> None:
        """Remove mounts, the pods' bridge and empty groups of processes; all of it is ours."""
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
        for mount in sorted((one for one in mounts if one.startswith(f"{self.directory}/")), reverse=True):
            _try("umount", "--lazy", mount)
        _try("ip", "link", "delete", "cni0")
        for groups in Path("/sys/fs/cgroup").glob("*/k*"):
            if groups.name in {"kubepods", "k8s.io"}:
                for group in sorted((one for one in groups.rglob("*") if one.is_dir()), reverse=True):
                    with suppress(OSError):
                        group.rmdir()
                with suppress(OSError):
                    groups.rmdir()

    def _write_containerd(self) -> None:
        network = {
            "cniVersion": "0.4.0",
            "name": "pods",
            "plugins": [
                {
                    "type": "bridge",
                    "bridge": "cni0",
                    "isGateway": True,
                    "ipMasq": True,
                    "hairpinMode": True,
                    "ipam": {
                        "type": "host-local",
                        "ranges": [[{"subnet": _PODS}]],
                        "routes": [{"dst": "0.0.0.0/0"}],
                        "dataDir": str(self.directory / "addresses"),
                    },
                },
            ],
        }
        (self.directory / "cni").mkdir()
        (self.directory / "cni" / "pods.conflist").write_bytes(msgspec.json.encode(network))
        hosts = self.directory / "registries" / "_default"
        hosts.mkdir(parents=True)
        # Every registry is a port on which nobody listens: what is not here fails at once.
        (hosts / "hosts.toml").write_text('server = "http://127.0.0.1:1"\n', encoding="utf-8")
        text = _CONTAINERD.format(directory=self.directory)
        (self.directory / "containerd.toml").write_text(text, encoding="utf-8")

    def _write_kubelet(self) -> None:
        configuration: dict[str, Any] = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": ADDRESS,
            "healthzPort": 0,
            "failCgroupV1": False,
            "failSwapOn": False,
            "cgroupDriver": "cgroupfs",
            "containerRuntimeEndpoint": f"unix://{self.directory / 'containerd.sock'}",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(self.directory / "kubelet-client.crt")},
            },
            "authorization": {"mode": "Webhook"},
            "clusterDNS": [ADDRESS],
            "clusterDomain": "cluster.local",
            "podLogsDir": str(self.directory / "pod-logs"),
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
            "imageGCHighThresholdPercent": 100,
            "nodeStatusUpdateFrequency": "5s",
        }
        (self.directory / "kubelet.yaml").write_bytes(msgspec.json.encode(configuration))

    def _kubelet(self) -> dict[str, str]:
        return {
            "config": "kubelet.yaml",
            "kubeconfig": "kubeconfig",
            "hostname-override": NAME,
            "node-ip": ADDRESS,
            "root-dir": str(self.directory / "kubelet"),
            "cert-dir": str(self.directory / "kubelet-certificate"),
        }

    def _metrics(self) -> dict[str, str]:
        return {
            "kubeconfig": "kubeconfig",
            "authentication-kubeconfig": "kubeconfig",
            "authorization-kubeconfig": "kubeconfig",
            "bind-address": "127.0.0.1",
            "secure-port": str(_METRICS_PORT),
            "cert-dir": "metrics-certificate",
            "metric-resolution": "10s",
            "kubelet-request-timeout": "5s",
            "kubelet-insecure-tls": "true",
            "kubelet-preferred-address-types": "InternalIP",
            "authentication-skip-lookup": "true",
            "authorization-always-allow-paths": "/*",
        }


def _figures_for_all() -> dict[str, Any]:
    """Let figures be read without being known: the server of figures cannot tell who asks through the API server."""
    group = "rbac.authorization.k8s.io"
    role = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "figures"},
        "rules": [{"apiGroups": ["metrics.k8s.io"], "resources": ["pods", "nodes"], "verbs": ["get", "list"]}],
    }
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "figures"},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "figures"},
        "subjects": [{"apiGroup": group, "kind": "User", "name": "system:anonymous"}],
    }
    return {"apiVersion": "v1", "kind": "List", "items": [role, binding]}


def _proxy() -> dict[str, str]:
    return {
        "kubeconfig": "kubeconfig",
        "hostname-override": NAME,
        "proxy-mode": "iptables",
        "cluster-cidr": "10.244.0.0/16",
        "bind-address": ADDRESS,
        "healthz-bind-address": "127.0.0.1:10256",
        "metrics-bind-address": "127.0.0.1:10249",
        "conntrack-max-per-core": "0",
        "conntrack-tcp-timeout-established": "0s",
        "conntrack-tcp-timeout-close-wait": "0s",
    }


def _command(name: str, options: Mapping[str, str]) -> list[str | Path]:
    return [kubernetes_program(name), *(f"--{option}={value}" for option, value in options.items())]


def _run(*command: str, given: str | None = None) -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        message = f"{' '.join(command)}: {done.stderr.strip()}"
        raise OSError(message)
    return done.stdout


def _try(*command: str) -> None:
    with suppress(OSError):
        _run(*command)


_CONTAINERD = """\
version = 2
root = "{directory}/containerd"
state = "{directory}/containerd-state"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
  address = "{directory}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/library/pause:local"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{directory}/registries"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{directory}/cni"
"""
