"""What only a cluster that runs containers can show: the lines of the guide that `make test-cluster` runs there.

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

CLUSTER: Final[tuple[ClusterLine, ...]] = (
    ClusterLine("1", "kubectl logs -n learnflow -l app=mastery-engine --tail=100", "the log of the service"),
    ClusterLine("1", "kubectl logs -n learnflow -l app=mastery-engine -c daprd", "the log of the sidecar"),
    ClusterLine("1", "curl -s http://localhost:3500/v1.0/healthz", "nothing, and the exit code 0"),
    ClusterLine("1", "kubectl get pods -n learnflow -l app=dapr-sidecar", "nothing", _NO_POD),
    ClusterLine("1", "kubectl logs -n learnflow -l app=dapr-sidecar --tail=50", "nothing", _NO_POD),
    ClusterLine("3", "jq '.registeredComponents'", "`null`", _RENAMED),
    ClusterLine(
        "3", 'kubectl logs -n learnflow -l app=dapr-sidecar --tail=100 | grep "registered"', "nothing", _NO_POD
    ),
    ClusterLine("7", "env | grep LOG_", "LOG_LEVEL"),
    ClusterLine("9", "kubectl logs -n learnflow -l app=mastery-engine --previous", "the log before the last crash"),
    ClusterLine("9", "kubectl logs -n learnflow deployment/mastery-engine --previous", "the log before the last crash"),
    ClusterLine("9", "curl -s http://localhost:8000/ready", "status ok"),
    ClusterLine("Emergency Procedures", "kubectl port-forward deployment/mastery-engine 8000:8000", "/ready answers"),
)
