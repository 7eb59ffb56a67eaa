"""What only a cluster, or a docker daemon, can show: the lines of the guide that `make test-guide` runs there.

The tests of this directory answer for everything else, and for what these lines run inside of a pod.
"""

from typing import Final, NamedTuple


class ClusterLine(NamedTuple):
    """Words of the guide, what has to be seen when they are run, and why not where no service can make it so."""

    section: str
    words: str
    shows: str
    never: str | None = None


_RENAMED = "Dapr calls the field `components`; what the line prints is `null`, whatever is loaded"
_NO_POD = "the sidecar is a container of the pod, not a pod of its own: use `-l app=mastery-engine -c daprd`"
_NO_KIND = "`image` is no kind of Kubernetes; an image is seen with `kubectl describe pod`"

CLUSTER: Final[tuple[ClusterLine, ...]] = (
    ClusterLine("Quick Reference", "`kubectl get pods`", "the pods, with both containers ready"),
    ClusterLine("1", "kubectl get pods -n learnflow -l app=mastery-engine", "the pods"),
    ClusterLine("1", "kubectl logs -n learnflow -l app=mastery-engine --tail=100", "the log of the service"),
    ClusterLine("1", "kubectl logs -n learnflow -l app=mastery-engine -c daprd", "the log of the sidecar"),
    ClusterLine("1", "curl -s http://localhost:3500/v1.0/healthz", "nothing, and the exit code 0"),
    ClusterLine("1", "kubectl get pods -n learnflow -l app=redis", "the pod of Redis"),
    ClusterLine("1", "kubectl get svc -n learnflow redis", "the service of Redis, port 6379"),
    ClusterLine("1", "kubectl get pods -n learnflow -l app=dapr-sidecar", "nothing", _NO_POD),
    ClusterLine("1", "kubectl logs -n learnflow -l app=dapr-sidecar --tail=50", "nothing", _NO_POD),
    ClusterLine("1", "kubectl delete pod -n learnflow -l app=mastery-engine", "new pods, ready again"),
    ClusterLine("2", "kubectl top pods -n learnflow -l app=mastery-engine", "processor and memory of the pods"),
    ClusterLine("2", "`replicas: 3` in deployment.yaml", "three pods, one partition of `mastery.events` each"),
    ClusterLine("3", "jq '.registeredComponents'", "`null`", _RENAMED),
    ClusterLine(
        "3", 'kubectl logs -n learnflow -l app=dapr-sidecar --tail=100 | grep "registered"', "nothing", _NO_POD
    ),
    ClusterLine("7", "env | grep LOG_", "LOG_LEVEL"),
    ClusterLine("8", "docker build -t mastery-engine:latest . --no-cache --progress=plain", "an image"),
    ClusterLine("8", "docker run -it --rm mastery-engine:latest /bin/sh", "a shell"),
    ClusterLine("8", "docker logs <container_id> --tail=50", "the log of the service"),
    ClusterLine("8", "Check Dockerfile multi-stage build", "two stages"),
    ClusterLine("8", "Stage 1: Builder should install all dev dependencies", "a stage that builds"),
    ClusterLine("8", "Stage 2: Runner should copy only necessary files", "a stage that runs, without what builds"),
    ClusterLine("8", "Check .dockerignore isn't excluding critical files", "everything that the build copies"),
    ClusterLine("8", "docker run -it --rm mastery-engine:latest python -c", "Import OK"),
    ClusterLine("8", "docker run -it --rm --env-file .env mastery-engine:latest env | grep JWT", "JWT_SECRET"),
    ClusterLine("9", "kubectl describe pod -n learnflow -l app=mastery-engine", "the events of the pods"),
    ClusterLine(
        "9", "kubectl rollout status deployment/mastery-engine -n learnflow --watch", "successfully rolled out"
    ),
    ClusterLine("9", "kubectl logs -n learnflow -l app=mastery-engine --previous", "the log before the last crash"),
    ClusterLine("9", "kubectl get image", "an error", _NO_KIND),
    ClusterLine("9", "Verify image name in deployment.yaml", "the name of the image"),
    ClusterLine("9", "learnflow/mastery-engine:latest", "the name of the image"),
    ClusterLine("9", "kubectl get secrets -n learnflow | grep registry", "the secret, where a registry needs one"),
    ClusterLine("9", "kubectl logs -n learnflow deployment/mastery-engine --previous", "the log before the last crash"),
    ClusterLine("9", "kubectl top pods -n learnflow -l app=mastery-engine", "processor and memory of the pods"),
    ClusterLine("9", "memory: 512Mi", "the limit of memory"),
    ClusterLine("9", "grep -A 10 readinessProbe", "the probe of /ready"),
    ClusterLine("9", "curl -s http://localhost:8000/ready", "status ok"),
    ClusterLine("9", "Increase initialDelaySeconds", "the setting of the probe"),
    ClusterLine("9", "Increase timeout threshold", "the setting of the probe"),
    ClusterLine("10", "kubectl scale deployment mastery-engine --replicas=3 -n learnflow", "three pods"),
    ClusterLine("10", "kubectl get hpa -n learnflow", "the autoscaler"),
    ClusterLine("10", "kubectl top pods -n learnflow -l app=mastery-engine", "processor and memory of the pods"),
    ClusterLine("Emergency Procedures", "kubectl rollout restart deployment/mastery-engine", "no request fails"),
    ClusterLine("Emergency Procedures", "kubectl rollout status deployment/mastery-engine", "successfully rolled out"),
    ClusterLine("Emergency Procedures", "kubectl rollout undo deployment/mastery-engine", "the version before"),
    ClusterLine("Emergency Procedures", "kubectl rollout history deployment/mastery-engine", "the revisions"),
    ClusterLine("Emergency Procedures", "kubectl set env deployment/mastery-engine LOG_LEVEL=DEBUG", "DEBUG lines"),
    ClusterLine("Emergency Procedures", "kubectl port-forward deployment/mastery-engine 8000:8000", "/ready answers"),
)
