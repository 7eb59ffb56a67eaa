"""The manifests: what each overlay makes is safe, and every field that the operations guide points at is there."""

import re
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # its types are a package of their own
from pydantic import SecretStr

from src import __version__
from src.commands.serve import DRAIN_S
from src.config import Settings
from src.main import create_app
from src.processes import STOP_S, ProcessRole
from tests.architecture.markdown import read
from tests.services.deployed import NAMESPACE, SECRET, overlay
from tests.services.fixtures import available
from tests.services.kubernetes import manifests

OVERLAYS = ("dev", "production")
Manifest = dict[str, Any]


@pytest.fixture(scope="module", params=OVERLAYS)
def objects(request: pytest.FixtureRequest) -> list[Manifest]:
    """Return what an overlay makes."""
    with available():
        return list(manifests(overlay(request.param)))


def of_kind(objects: list[Manifest], kind: str) -> list[Manifest]:
    return [one for one in objects if one["kind"] == kind]


def named(objects: list[Manifest], kind: str, name: str = "mastery-engine") -> Manifest:
    [found] = [one for one in of_kind(objects, kind) if re.sub(r"-[a-z0-9]{10}$", "", one["metadata"]["name"]) == name]
    return found


def deployment_yaml() -> Manifest:
    return dict(yaml.safe_load(read("k8s/base/deployment.yaml")))


def container_of(deployment: Manifest, name: str = "mastery-engine") -> Manifest:
    spec = deployment["spec"]["template"]["spec"]
    [found] = [one for one in [*spec["containers"], *spec.get("initContainers", [])] if one["name"] == name]
    return dict(found)


def test_the_guide_finds_what_it_says_in_deployment_yaml() -> None:
    deployment = deployment_yaml()
    container = container_of(deployment)
    assert deployment["spec"]["replicas"] == 3
    assert container["image"] == "learnflow/mastery-engine:latest"
    assert container["resources"]["limits"]["memory"] == "512Mi"
    assert {"initialDelaySeconds", "timeoutSeconds"} <= set(container["readinessProbe"])


def test_everything_is_in_the_namespace_and_the_service_is_found_by_its_label(objects: list[Manifest]) -> None:
    assert {one["metadata"].get("namespace", NAMESPACE) for one in objects} == {NAMESPACE}
    labels = named(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert labels["app"] == "mastery-engine"
    assert named(objects, "Service")["spec"]["selector"] == {"app": "mastery-engine"}


def test_logs_and_exec_mean_the_service_where_no_container_is_named(objects: list[Manifest]) -> None:
    annotations = named(objects, "Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["kubectl.kubernetes.io/default-container"] == "mastery-engine"


def test_each_overlay_has_a_sidecar_of_the_name_daprd(objects: list[Manifest]) -> None:
    deployment = named(objects, "Deployment")
    template = deployment["spec"]["template"]
    if template["metadata"]["annotations"]["dapr.io/enabled"] == "false":
        assert container_of(deployment, "daprd")["restartPolicy"] == "Always"
    else:  # Dapr's injector adds it
        assert template["metadata"]["annotations"]["dapr.io/app-id"] == "mastery-engine"
        assert template["metadata"]["annotations"]["dapr.io/app-port"] == "8000"


def test_every_container_has_as_few_rights_as_can_be(objects: list[Manifest]) -> None:
    for deployment in of_kind(objects, "Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["limits"]["memory"]
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}


def test_the_account_of_the_service_can_do_nothing(objects: list[Manifest]) -> None:
    assert named(objects, "ServiceAccount")["automountServiceAccountToken"] is False
    assert not [one for one in objects if one["kind"].endswith(("Role", "RoleBinding"))]


def test_the_network_lets_through_what_is_named_and_nothing_else(objects: list[Manifest]) -> None:
    spec = named(objects, "NetworkPolicy")["spec"]
    assert spec["podSelector"] == {"matchLabels": {"app": "mastery-engine"}}
    assert set(spec["policyTypes"]) == {"Ingress", "Egress"}
    assert all(rule["from"] and rule["ports"] for rule in spec["ingress"])
    assert all(rule["to"] for rule in spec["egress"])
    outside = [end["ipBlock"] for rule in spec["egress"] for end in rule["to"] if "ipBlock" in end]
    assert all("169.254.0.0/16" in block["except"] for block in outside)


def test_probes_ask_routes_that_need_no_token_and_liveness_asks_nothing_else(objects: list[Manifest]) -> None:
    container = container_of(named(objects, "Deployment"))
    paths = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert paths == {"startup": "/live", "liveness": "/live", "readiness": "/ready"}
    assert set(paths.values()) <= set(create_app(role=ProcessRole.CONSUMER).openapi()["paths"])


def settings_of(objects: list[Manifest]) -> dict[str, str]:
    return dict(named(objects, "ConfigMap")["data"])


def test_a_pod_is_given_the_time_that_the_service_may_take_to_end(objects: list[Manifest]) -> None:
    deployment = named(objects, "Deployment")
    [_, pre_stop_s] = container_of(deployment)["lifecycle"]["preStop"]["exec"]["command"]
    delay_s = settings_of(objects)["SHUTDOWN_DELAY_S"]
    longest_s = int(pre_stop_s) + int(delay_s) + DRAIN_S + STOP_S + 2
    assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > longest_s


def test_no_pod_goes_before_its_successor_is_ready(objects: list[Manifest]) -> None:
    assert named(objects, "Deployment")["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert named(objects, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    [first, second] = named(objects, "Deployment")["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert {first["topologyKey"], second["topologyKey"]} == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}


def test_the_autoscaler_keeps_what_the_deployment_begins_with(objects: list[Manifest]) -> None:
    deployment, autoscaler = named(objects, "Deployment"), named(objects, "HorizontalPodAutoscaler")["spec"]
    assert autoscaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "mastery-engine"}
    assert autoscaler["minReplicas"] == deployment["spec"]["replicas"] <= 3
    assert autoscaler["maxReplicas"] > autoscaler["minReplicas"]


def test_no_secret_is_in_an_overlay(objects: list[Manifest]) -> None:
    assert of_kind(objects, "Secret") == []
    secret = {"secretRef": {"name": "mastery-engine"}}
    assert secret in container_of(named(objects, "Deployment"))["envFrom"]


def test_the_settings_and_the_secrets_of_the_template_are_all_that_the_service_needs(
    objects: list[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    template = yaml.safe_load(read("k8s/base/secret.template.yaml"))
    assert {*template["stringData"].values()} == {""}
    secret_settings = {name.upper() for name, field in Settings.model_fields.items() if "SecretStr" in str(field)}
    assert (
        {"JWT_SECRET", "AUDIT_KEY", "PSEUDONYM_KEY"} <= set(template["stringData"]) <= secret_settings | {"REDIS_URL"}
    )
    given = settings_of(objects)
    assert {name.lower() for name in given} <= set(Settings.model_fields)
    for name, value in (given | dict.fromkeys(template["stringData"], SECRET)).items():
        monkeypatch.setenv(name, value)
    settings = Settings.from_environment()
    assert isinstance(settings.jwt_secret, SecretStr)


def test_production_runs_the_version_of_this_checkout_in_production() -> None:
    with available():
        made = list(manifests(overlay("production")))
    assert container_of(named(made, "Deployment"))["image"] == f"learnflow/mastery-engine:{__version__}"
    assert settings_of(made)["ENVIRONMENT"] == "production"
    assert settings_of(made)["REDIS_URL"].startswith("rediss://")
    assert settings_of(made)["KAFKA_SECURITY_PROTOCOL"] == "SASL_SSL"


def test_the_operator_of_prometheus_gets_the_rules_that_are_tested() -> None:
    rule = yaml.safe_load(read("k8s/components/monitoring/prometheusrule.yaml"))
    assert rule["spec"] == yaml.safe_load(read("monitoring/alerts.yaml"))


def test_what_prometheus_scrapes_is_what_the_service_serves() -> None:
    [endpoint] = yaml.safe_load(read("k8s/components/monitoring/servicemonitor.yaml"))["spec"]["endpoints"]
    [port] = yaml.safe_load(read("k8s/base/service.yaml"))["spec"]["ports"]
    assert (endpoint["port"], endpoint["path"]) == (port["name"], "/metrics")
