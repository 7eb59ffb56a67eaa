"""The overlay ``dev`` on a real node, with containers that run: by hand, `make test-cluster`, for it takes minutes.

The lines of the operations guide that look into pods are run as they stand.
"""

import json
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import jwt
import pytest

from tests.services.cluster_images import SERVICE, build_images
from tests.services.deployed import NAMESPACE, SECRET, overlay, prepare
from tests.services.fixtures import available
from tests.services.kubernetes import kubernetes_program
from tests.services.node import RealNode
from tests.services.process import wait_until

pytestmark = pytest.mark.cluster
WITHIN_S = 180
VISITOR = "visitor"
_VISIT = """
import time, urllib.request
while True:
    try:
        with urllib.request.urlopen("http://mastery-engine/live", timeout=10) as answer:
            print("ok" if answer.status == 200 else answer.status, flush=True)
    except OSError as error:
        print("failed", error, flush=True)
    time.sleep(0.1)
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealNode]:
    """Run everything on one node, the service once Redis and Kafka are there."""
    directory = tmp_path_factory.mktemp("node")
    with available():
        images = build_images(directory / "images")
        started = RealNode(directory / "cluster", images)
        started.__enter__()
    try:
        prepare(started)
        started.kubectl("apply", f"--kustomize={overlay('dev')}")
        started.tell_names(NAMESPACE)
        for name in ("redis", "kafka", "mastery-engine"):
            started.kubectl("rollout", "status", f"deployment/{name}", f"-n={NAMESPACE}", f"--timeout={WITHIN_S}s")
        yield started
    finally:
        started.__exit__(None, None, None)


def said(node: RealNode, line: str) -> str:
    """Run a line of the guide that must succeed and return what it printed."""
    done = node.typed(line)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rolled_out(node: RealNode) -> None:
    said(node, f"kubectl rollout status deployment/mastery-engine -n learnflow --watch --timeout={WITHIN_S}s")


def bearer(role: str, user: str) -> dict[str, str]:
    content = {"user_id": user, "roles": [role], "exp": int(time.time()) + 3600}
    return {"Authorization": f"Bearer {jwt.encode(content, SECRET, algorithm='HS256')}"}


@contextmanager
def forwarded(node: RealNode) -> Iterator[str]:
    """Run the guide's line for a port, here of the system's choice, and give its address."""
    command = [str(kubernetes_program("kubectl")), f"--kubeconfig={node.kubeconfig}", "port-forward"]
    process = subprocess.Popen(
        [*command, "deployment/mastery-engine", ":8000", "-n", NAMESPACE], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        found = re.search(r"127\.0\.0\.1:(\d+)", process.stdout.readline())
        assert found
        yield f"http://127.0.0.1:{found[1]}"
    finally:
        process.terminate()
        process.communicate()


def test_sections_1_and_9_lines_that_look_into_pods_work_as_they_stand(node: RealNode) -> None:
    said(node, "kubectl exec -n learnflow deployment/mastery-engine -- curl -s http://localhost:3500/v1.0/healthz")
    ready = said(node, "kubectl exec -n learnflow deployment/mastery-engine -- curl -s http://localhost:8000/ready")
    assert json.loads(ready)["status"] == "ok"
    code = "import redis; r=redis.Redis(host='redis', port=6379); r.ping()"
    said(node, f'kubectl exec -n learnflow deployment/mastery-engine -- python -c "{code}"')
    code = "import time; import redis; r=redis.Redis(host='redis'); start=time.time(); r.ping(); "
    code += "print(f'Redis latency: {(time.time()-start)*1000:.2f}ms')"
    shown = said(node, f'kubectl exec -n learnflow deployment/mastery-engine -- python -c "{code}"')
    assert re.fullmatch(r"Redis latency: [\d.]+ms\n", shown)
    shown = said(node, "kubectl exec -n learnflow deployment/mastery-engine -- env | grep LOG_")
    assert "LOG_LEVEL=INFO" in shown


def test_sections_1_and_7_logs_of_the_service_and_of_the_sidecar_are_shown(node: RealNode) -> None:
    assert "mastery_engine." in said(node, "kubectl logs -n learnflow -l app=mastery-engine --tail=100")
    assert "dapr initialized" in said(node, "kubectl logs -n learnflow -l app=mastery-engine -c daprd --tail=100")
    assert said(node, 'kubectl logs -n learnflow -l app=mastery-engine --tail=200 | grep "KAFKA"')
    assert said(node, "kubectl logs -n learnflow -l app=mastery-engine --tail=200 | grep correlation_id")


def test_sections_1_and_2_kafka_and_redis_are_asked_with_their_own_tools(node: RealNode) -> None:
    kafka = "kubectl exec -n learnflow deployment/kafka --"
    topics = said(node, f"{kafka} kafka-topics.sh --bootstrap-server localhost:9092 --list").split()
    assert {"mastery.events", "mastery.dlq", "mastery.results"} <= set(topics)
    group = "kafka-consumer-groups.sh --bootstrap-server localhost:9092 --describe --group mastery-engine-group"
    assert said(node, f"{kafka} {group}").count("mastery.events") == 3
    redis = "kubectl exec -n learnflow deployment/redis --"
    assert "used_memory" in said(node, f"{redis} redis-cli info memory")
    assert "Background saving" in said(node, f"{redis} redis-cli BGSAVE")


def test_an_event_goes_in_and_mastery_comes_out(node: RealNode) -> None:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    event = {"event_id": "e-1", "event_type": "exercise.completed", "student_id": "123", "timestamp": now}
    body = json.dumps({**event, "data": {"passed": True}}).encode()

    def score() -> float | None:
        asked = urllib.request.Request(f"{url}/api/v1/students/123/mastery", headers=bearer("admin", "a-1"))
        with urllib.request.urlopen(asked, timeout=10) as answer:
            found: float | None = json.load(answer)["score"]
            return found

    with forwarded(node) as url:
        headers = bearer("service", "s-1") | {"Content-Type": "application/json"}
        with urllib.request.urlopen(
            urllib.request.Request(f"{url}/api/v1/events", body, headers), timeout=30
        ) as answer:
            assert answer.status == 202
        assert wait_until(lambda: score() is not None, WITHIN_S)
    keys = said(node, 'kubectl exec -n learnflow deployment/redis -- redis-cli KEYS "student:*" | head -20')
    assert "student:123:event:e-1" in keys.split()


def test_section_2_what_pods_use_is_shown(node: RealNode) -> None:
    line = "kubectl top pods -n learnflow -l app=mastery-engine"
    assert wait_until(lambda: node.typed(line).stdout.count("mastery-engine-") >= 2, WITHIN_S)


@pytest.fixture
def visitor(node: RealNode) -> Iterator[None]:
    """Ask the service ten times a second from a pod of its own."""
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}
    container = {
        "name": VISITOR,
        "image": SERVICE,
        "imagePullPolicy": "Never",
        "command": ["python", "-c", _VISIT],
        "securityContext": security,
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": VISITOR, "namespace": NAMESPACE},
        "spec": {
            "containers": [container],
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        },
    }
    node.kubectl("apply", "--filename=-", given=pod)
    node.kubectl("wait", f"pod/{VISITOR}", f"-n={NAMESPACE}", "--for=condition=Ready", f"--timeout={WITHIN_S}s")
    yield
    node.kubectl("delete", f"pod/{VISITOR}", f"-n={NAMESPACE}", "--grace-period=0", "--force")


def visits(node: RealNode) -> list[str]:
    return node.kubectl("logs", VISITOR, f"-n={NAMESPACE}").splitlines()


@pytest.mark.usefixtures("visitor")
def test_emergencies_nobody_notices_a_restart_a_changed_setting_and_a_roll_back(node: RealNode) -> None:
    for line in (
        "kubectl rollout restart deployment/mastery-engine -n learnflow",
        "kubectl set env deployment/mastery-engine LOG_LEVEL=DEBUG -n learnflow",
        "kubectl rollout undo deployment/mastery-engine -n learnflow",
    ):
        said(node, line)
        rolled_out(node)
    seen = visits(node)
    assert len(seen) > 100
    assert set(seen) == {"ok"}


def test_section_9_an_image_that_is_not_there_takes_no_pod_away(node: RealNode) -> None:
    said(node, "kubectl set image deployment/mastery-engine mastery-engine=learnflow/mastery-engine:none -n learnflow")

    def pods() -> str:
        return said(node, "kubectl get pods -n learnflow -l app=mastery-engine --no-headers")

    assert wait_until(lambda: "ImagePull" in pods(), WITHIN_S), pods()
    assert pods().count("2/2") == 2
    said(node, "kubectl rollout undo deployment/mastery-engine -n learnflow")
    rolled_out(node)


def test_a_pod_that_was_killed_comes_back_and_its_events_too(node: RealNode) -> None:
    pod = said(node, "kubectl get pods -n learnflow -l app=mastery-engine -o name | head -1").strip()
    said(node, f"kubectl delete -n learnflow {pod} --grace-period=0 --force")
    rolled_out(node)
    keys = said(node, 'kubectl exec -n learnflow deployment/redis -- redis-cli KEYS "student:*" | head -20')
    assert "student:123:event:e-1" in keys.split()


def test_what_was_said_before_a_container_began_again_is_shown(node: RealNode) -> None:
    line = "kubectl logs -n learnflow -l app=mastery-engine --previous"
    shown = "SERVICE stopped"
    killed = "kubectl exec -n learnflow deployment/mastery-engine -- python -c 'import os; os.kill(1, 15)'"
    said(node, killed)
    assert wait_until(lambda: shown in node.typed(line).stdout, WITHIN_S)
