"""Invented figures of pods, as metrics-server would serve them: kwok's pods use nothing by themselves."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .kubernetes import ControlPlane
from .ports import HOST

_GROUP = "metrics.k8s.io/v1beta1"
_KINDS = {
    "kind": "APIResourceList",
    "apiVersion": "v1",
    "groupVersion": _GROUP,
    "resources": [{"name": "pods", "namespaced": True, "kind": "PodMetrics", "verbs": ["get", "list"]}],
}


class PodMetrics(ThreadingHTTPServer):
    """Says of every container that it uses ``millicores`` and 100 MiB."""

    millicores = 10

    def __init__(self, control_plane: ControlPlane) -> None:
        """Take the control plane whose pods are told of."""
        super().__init__((HOST, 0), _Handler)
        self._control_plane = control_plane
        certificate = control_plane.directory / "api-certificate" / "apiserver.crt"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def figures(self, namespace: str, selector: str) -> dict[str, Any]:
        """Return the figures of the pods that a selector matches."""
        pods = self._control_plane.get("pods", f"--namespace={namespace}", f"--selector={selector}")["items"]
        return {"kind": "PodMetricsList", "apiVersion": _GROUP, "items": [self._of(pod) for pod in pods]}

    def _of(self, pod: dict[str, Any]) -> dict[str, Any]:
        usage = {"cpu": f"{self.millicores}m", "memory": "100Mi"}
        spec = pod["spec"]
        return {
            "metadata": {name: pod["metadata"][name] for name in ("name", "namespace", "labels")},
            "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "window": "15s",
            "containers": [
                {"name": container["name"], "usage": usage}
                for container in [*spec["containers"], *spec.get("initContainers", [])]
            ],
        }


class _Handler(BaseHTTPRequestHandler):
    server: PodMetrics

    def do_GET(self) -> None:
        """Answer what the API server passes on."""
        address = urlsplit(self.path)
        parts = address.path.strip("/").split("/")
        if "pods" not in parts:
            self._answer(_KINDS)
        else:
            selector = parse_qs(address.query).get("labelSelector", [""])[0]
            self._answer(self.server.figures(parts[parts.index("namespaces") + 1], selector))

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # as it is called
        """Say nothing."""

    def _answer(self, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def pod_metrics(control_plane: ControlPlane) -> Iterator[PodMetrics]:
    """Serve them and tell the API server where."""
    server = PodMetrics(control_plane)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        control_plane.kubectl("apply", "--filename=-", given=registration(server.server_address[1]))
        control_plane.kubectl("wait", "apiservice/v1beta1.metrics.k8s.io", "--for=condition=Available", "--timeout=60s")
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def registration(port: int) -> dict[str, Any]:
    """Return what tells the API server that figures are served on a port of this machine."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "metrics", "namespace": "kube-system"},
        "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]},
    }
    registration = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1beta1.metrics.k8s.io"},
        "spec": {
            "group": "metrics.k8s.io",
            "version": "v1beta1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "insecureSkipTLSVerify": True,
            "service": {"name": "metrics", "namespace": "kube-system", "port": port},
        },
    }
    return {"apiVersion": "v1", "kind": "List", "items": [service, registration]}
