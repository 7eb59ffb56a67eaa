"""The manifests of the project in a control plane."""

from pathlib import Path
from typing import Any

from .kubernetes import ControlPlane
from .programs import HERE

K8S = HERE.parents[1] / "k8s"
NAMESPACE = "learnflow"
SECRET = "a-secret-of-the-tests-with-enough-bytes"  # used nowhere else
FOREIGN_KINDS = (
    ("monitoring.coreos.com", "v1", "ServiceMonitor"),
    ("monitoring.coreos.com", "v1", "PrometheusRule"),
    ("dapr.io", "v1alpha1", "Component"),
    ("dapr.io", "v1alpha1", "Configuration"),
    ("dapr.io", "v1alpha1", "Resiliency"),
    ("dapr.io", "v2alpha1", "Subscription"),
)
"""What other projects define; here they may hold anything."""


def deploy(control_plane: ControlPlane) -> str:
    """Apply the overlay ``dev`` as its page says, wait until it is rolled out, and return what was said."""
    prepare(control_plane)
    done = control_plane.ask("apply", f"--kustomize={overlay('dev')}", "--validate=strict")
    assert done.returncode == 0, done.stderr
    control_plane.kubectl("rollout", "status", "deployment", f"--namespace={NAMESPACE}", "--timeout=90s")
    return done.stdout + done.stderr


def prepare(control_plane: ControlPlane) -> None:
    """Make what has to be there before: kinds of others, the namespace, the secret."""
    control_plane.kubectl("apply", "--filename=-", given=_foreign_kinds())
    control_plane.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=60s")
    control_plane.kubectl("apply", f"--filename={K8S / 'base' / 'namespace.yaml'}")
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "mastery-engine", "namespace": NAMESPACE},
        "stringData": dict.fromkeys(("JWT_SECRET", "AUDIT_KEY", "PSEUDONYM_KEY"), SECRET),
    }
    control_plane.kubectl("apply", "--filename=-", given=secret)


def overlay(name: str) -> Path:
    """Return the folder of an overlay."""
    return K8S / "overlays" / name


def _foreign_kinds() -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "List", "items": [_definition(*kind) for kind in FOREIGN_KINDS]}


def _definition(group: str, version: str, kind: str) -> dict[str, Any]:
    plural = f"{kind.lower().removesuffix('y')}{'ies' if kind.endswith('y') else 's'}"
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [
                {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": anything}},
            ],
        },
    }
