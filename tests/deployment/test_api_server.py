"""A real API server takes the manifests, strictly and without a warning."""

import json

import pytest

from tests.services.deployed import NAMESPACE, overlay
from tests.services.kubernetes import ControlPlane, manifests

STRICT = ("apply", "--dry-run=server", "--validate=strict")


@pytest.mark.parametrize("name", ["dev", "production"])
def test_an_overlay_is_taken_without_a_warning(deployed: ControlPlane, name: str) -> None:
    done = deployed.ask(*STRICT, f"--kustomize={overlay(name)}")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_field_that_does_not_exist_is_not_taken(deployed: ControlPlane) -> None:
    text = "\n---\n".join(json.dumps(one) for one in manifests(overlay("dev")))
    done = deployed.ask(*STRICT, "--filename=-", given=text.replace("readinessProbe", "readynessProbe"))
    assert done.returncode == 1
    assert 'unknown field "spec.template.spec.containers[0].readynessProbe"' in done.stderr


def test_a_changed_setting_is_rolled_out_and_taken_back(deployed: ControlPlane) -> None:
    def config_map() -> str:
        path = "{.spec.template.spec.containers[0].envFrom[0].configMapRef.name}"
        return deployed.kubectl("get", "deployment/mastery-engine", f"--namespace={NAMESPACE}", f"-o=jsonpath={path}")

    text = "\n---\n".join(json.dumps(one) for one in manifests(overlay("dev")))
    before = config_map()
    other = before[:-1] + ("x" if before[-1] != "x" else "y")
    deployed.kubectl("apply", "--filename=-", given=text.replace(before, other))
    assert config_map() == other
    deployed.kubectl("rollout", "undo", "deployment/mastery-engine", f"--namespace={NAMESPACE}")
    assert config_map() == before


def test_a_second_pod_is_not_evicted_while_the_first_is_away(deployed: ControlPlane) -> None:
    deployed.kubectl("rollout", "status", "deployment", f"--namespace={NAMESPACE}", "--timeout=60s")
    found = deployed.get("poddisruptionbudget/mastery-engine", f"--namespace={NAMESPACE}")
    assert found["status"]["disruptionsAllowed"] == 1
    assert found["status"]["currentHealthy"] - found["status"]["desiredHealthy"] == 1
