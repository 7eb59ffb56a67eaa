"""What the operations guide does with Kubernetes, its lines as they stand, against a real API server and controllers.

Nodes are played, so nothing runs inside of the pods: lines that look into one are in `tests/deployment/node`.
"""

import re

import pytest

from tests.processes import ROOT
from tests.services.kube_metrics import PodMetrics
from tests.services.kubernetes import ControlPlane
from tests.services.process import wait_until

WITHIN_S = 60


@pytest.fixture
def cluster(deployed: ControlPlane) -> ControlPlane:
    """Return the cluster with the service rolled out, whatever the last test did to it."""
    said(deployed, "kubectl rollout status deployment/mastery-engine -n learnflow --watch --timeout=60s")
    return deployed


def said(cluster: ControlPlane, line: str) -> str:
    """Run a line of the guide that must succeed and return what it printed."""
    done = cluster.typed(line)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stderr
    return done.stdout


def rows(text: str) -> list[dict[str, str]]:
    """Return a table that kubectl printed."""
    header, *lines = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]
    return [dict(zip(header, line, strict=False)) for line in lines]


def field(cluster: ControlPlane, path: str) -> str:
    return cluster.kubectl("get", "deployment/mastery-engine", "-n=learnflow", f"--output=jsonpath={{{path}}}")


@pytest.mark.guide("Quick Reference", "`kubectl get pods`")
@pytest.mark.guide(
    "1", "kubectl get pods -n learnflow -l app=mastery-engine", "kubectl get pods -n learnflow -l app=redis"
)
@pytest.mark.guide("1", "kubectl get svc -n learnflow redis")
def test_section_1_pods_and_services_are_found_by_their_labels_and_names(cluster: ControlPlane) -> None:
    pods = rows(said(cluster, "kubectl get pods -n learnflow -l app=mastery-engine"))
    assert {(pod["READY"], pod["STATUS"]) for pod in pods} == {("2/2", "Running")}
    assert len(rows(said(cluster, "kubectl get pods -n learnflow -l app=redis"))) == 1
    assert rows(said(cluster, "kubectl get svc -n learnflow redis"))[0]["PORT(S)"] == "6379/TCP"


@pytest.mark.guide("1", "kubectl delete pod -n learnflow -l app=mastery-engine")
def test_section_1_a_deleted_pod_is_made_again(cluster: ControlPlane) -> None:
    def names() -> set[str]:
        return {pod["NAME"] for pod in rows(said(cluster, "kubectl get pods -n learnflow -l app=mastery-engine"))}

    before = names()
    said(cluster, "kubectl delete pod -n learnflow -l app=mastery-engine --grace-period=0 --force 2>/dev/null")
    said(cluster, "kubectl rollout status deployment/mastery-engine -n learnflow --watch --timeout=60s")
    assert not before & names()


@pytest.mark.guide("2", "kubectl top pods -n learnflow -l app=mastery-engine")
@pytest.mark.guide("9", "kubectl top pods -n learnflow -l app=mastery-engine")
@pytest.mark.guide("10", "kubectl top pods -n learnflow -l app=mastery-engine")
def test_section_2_pods_are_shown_with_what_they_use(cluster: ControlPlane) -> None:
    assert {
        pod["MEMORY(bytes)"] for pod in rows(said(cluster, "kubectl top pods -n learnflow -l app=mastery-engine"))
    } == {"200Mi"}


@pytest.mark.guide("9", "kubectl describe pod -n learnflow -l app=mastery-engine")
def test_section_9_pods_are_described(cluster: ControlPlane) -> None:
    shown = said(cluster, "kubectl describe pod -n learnflow -l app=mastery-engine")
    assert "learnflow/mastery-engine:latest" in shown
    assert "memory:  512Mi" in shown


@pytest.mark.guide("9", "grep -A 10 readinessProbe", "Increase initialDelaySeconds", "Increase timeout threshold")
def test_section_9_the_probe_of_readiness_is_shown_with_what_the_guide_lets_one_change(cluster: ControlPlane) -> None:
    line = "kubectl get deployment mastery-engine -n learnflow -o yaml | grep -A 10 readinessProbe"
    shown = said(cluster, line)
    assert {"path: /ready", "initialDelaySeconds: 1", "timeoutSeconds: 3"} <= {
        row.strip() for row in shown.splitlines()
    }


@pytest.mark.guide("9", "kubectl get image")
def test_section_9_there_is_no_kind_of_the_name_image_in_kubernetes(cluster: ControlPlane) -> None:
    assert "doesn't have a resource type" in cluster.typed("kubectl get image").stderr


@pytest.mark.guide("9", "kubectl get secrets -n learnflow | grep registry")
def test_section_9_secrets_are_listed(cluster: ControlPlane) -> None:
    assert "mastery-engine" in said(cluster, "kubectl get secrets -n learnflow")


@pytest.mark.guide("10", "kubectl scale deployment mastery-engine --replicas=3 -n learnflow")
def test_section_10_the_service_is_scaled_by_hand(cluster: ControlPlane) -> None:
    said(cluster, "kubectl scale deployment mastery-engine --replicas=3 -n learnflow")
    said(cluster, "kubectl rollout status deployment/mastery-engine -n learnflow --watch --timeout=60s")
    assert len(rows(said(cluster, "kubectl get pods -n learnflow -l app=mastery-engine"))) == 3


@pytest.mark.guide("10", "kubectl get hpa -n learnflow")
def test_section_10_the_autoscaler_adds_a_pod_when_processors_are_busy(
    cluster: ControlPlane, pod_figures: PodMetrics
) -> None:
    def autoscaler() -> dict[str, str]:
        return rows(said(cluster, "kubectl get hpa -n learnflow"))[0]

    said(cluster, "kubectl scale deployment mastery-engine --replicas=2 -n learnflow")
    assert wait_until(lambda: autoscaler()["REPLICAS"] == "2", WITHIN_S), autoscaler()
    pod_figures.millicores = 200
    try:
        assert wait_until(lambda: autoscaler()["REPLICAS"] == "3", WITHIN_S), autoscaler()
    finally:
        pod_figures.millicores = 10
    assert autoscaler()["REFERENCE"] == "Deployment/mastery-engine"
    assert wait_until(lambda: re.fullmatch(r"cpu: \d+%/80%", autoscaler()["TARGETS"]) is not None, WITHIN_S), (
        autoscaler()
    )


@pytest.mark.guide("9", "kubectl rollout status deployment/mastery-engine -n learnflow --watch")
@pytest.mark.guide("Emergency Procedures", "kubectl rollout restart deployment/mastery-engine")
@pytest.mark.guide("Emergency Procedures", "kubectl rollout status deployment/mastery-engine")
@pytest.mark.guide("Emergency Procedures", "kubectl rollout undo deployment/mastery-engine")
@pytest.mark.guide("Emergency Procedures", "kubectl rollout history deployment/mastery-engine")
@pytest.mark.guide("Emergency Procedures", "kubectl set env deployment/mastery-engine LOG_LEVEL=DEBUG")
def test_emergencies_the_service_is_restarted_debugged_and_rolled_back(cluster: ControlPlane) -> None:
    watch = "kubectl rollout status deployment/mastery-engine -n learnflow --watch --timeout=60s"
    log_level = ".spec.template.spec.containers[0].env[?(@.name=='LOG_LEVEL')].value"
    said(cluster, "kubectl rollout restart deployment/mastery-engine -n learnflow")
    assert "successfully rolled out" in said(cluster, watch)
    said(cluster, "kubectl set env deployment/mastery-engine LOG_LEVEL=DEBUG -n learnflow")
    assert field(cluster, log_level) == "DEBUG"
    said(cluster, watch)
    assert len(said(cluster, "kubectl rollout history deployment/mastery-engine -n learnflow").splitlines()) >= 4
    said(cluster, "kubectl rollout undo deployment/mastery-engine -n learnflow")
    assert field(cluster, log_level) == ""
    said(cluster, watch)


@pytest.mark.guide("2", "`replicas: 3` in deployment.yaml")
@pytest.mark.guide("9", "Verify image name in deployment.yaml", "learnflow/mastery-engine:latest", "memory: 512Mi")
def test_the_manifest_of_the_deployment_holds_what_the_guide_looks_for_there() -> None:
    manifest = (ROOT / "k8s/base/deployment.yaml").read_text(encoding="utf-8")
    lines = {line.strip() for line in manifest.splitlines()}
    assert {"replicas: 3", "image: learnflow/mastery-engine:latest", "memory: 512Mi"} <= lines
