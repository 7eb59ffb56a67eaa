import pytest

from src.diagnosis import Severity, judge_dapr, judge_notices
from src.ports import Backlog, SidecarState
from tests.making import NOW_US

MINUTE_US = 60_000_000
STATE = SidecarState("mastery-engine", {"pubsub": "pubsub.kafka"}, (("pubsub", "mastery.events"),))


@pytest.mark.parametrize(
    ("pubsub", "subscriptions", "severity"),
    [
        (None, (), Severity.OK),
        ("pubsub", STATE.subscriptions, Severity.OK),
        ("pubsub", (("pubsub", "others"),), Severity.ERROR),
        ("other", STATE.subscriptions, Severity.ERROR),
    ],
)
def test_the_sidecar_has_to_have_what_the_settings_name(
    pubsub: str | None, subscriptions: tuple[tuple[str, str], ...], severity: Severity
) -> None:
    state = SidecarState("mastery-engine", STATE.components, subscriptions)
    [finding] = judge_dapr(state, pubsub, asks_for_notices=False)
    assert finding.severity is severity


@pytest.mark.parametrize(
    ("oldest_us", "severity"),
    [(None, Severity.OK), (NOW_US - 29 * MINUTE_US, Severity.OK), (NOW_US - 31 * MINUTE_US, Severity.ERROR)],
)
def test_a_target_that_has_not_heard_for_long_is_an_error(oldest_us: int | None, severity: Severity) -> None:
    [finding] = judge_notices({"agent": Backlog(0 if oldest_us is None else 3, oldest_us)}, NOW_US)
    assert finding.severity is severity
    assert "agent" in finding.found
