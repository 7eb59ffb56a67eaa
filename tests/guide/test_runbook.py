"""Symptoms and advice of the guide that no request shows: each has its place in the runbook."""

import pytest

from tests.architecture.markdown import anchor, headings, read

SENT_TO = [
    ("2", "High memory usage", "memory-grows"),
    ("2", "Consider read replicas for historical queries", "answers-are-slow"),
    ("5", "Consider Redis clustering for > 1M keys", "redis-is-full"),
    ("9", "Pods stuck in Pending/ContainerCreating", "pods-do-not-start"),
    ("9", "CrashLoopBackOff errors", "pods-do-not-start"),
    ("9", "ImagePullBackOff errors", "pods-do-not-start"),
    ("9", "Common cause: Memory limit too low", "pods-do-not-start"),
    ("9", "Common fixes:", "pods-do-not-start"),
    ("10", "CPU usage > 80% consistently", "more-or-fewer-replicas"),
    ("10", "Memory usage > 90%", "more-or-fewer-replicas"),
    ("10", "Response time P95 > 1s", "more-or-fewer-replicas"),
    ("10", "Kafka consumer lag > 1000 messages", "more-or-fewer-replicas"),
    ("10", "CPU usage < 20% consistently", "more-or-fewer-replicas"),
    ("10", "Memory usage < 50%", "more-or-fewer-replicas"),
    ("10", "Zero traffic during off-hours (use HPA)", "more-or-fewer-replicas"),
    ("Contact & Escalation", "**For emergencies**: Contact on-call engineer immediately", "whom-to-tell"),
    ("Contact & Escalation", "**Performance issues**: Check metrics dashboard first", "whom-to-tell"),
    ("Contact & Escalation", "#ops-mastery-engine (alerts and incidents)", "whom-to-tell"),
    ("Contact & Escalation", "#dev-mastery-engine (technical questions)", "whom-to-tell"),
    ("Contact & Escalation", "#data-platform (Kafka/Redis issues)", "whom-to-tell"),
]


@pytest.mark.parametrize(
    "heading",
    [pytest.param(heading, marks=pytest.mark.guide(section, words), id=words) for section, words, heading in SENT_TO],
)
def test_the_runbook_has_a_place_for_it(heading: str) -> None:
    assert heading in [anchor(text) for text in headings(read("docs/operations/runbook.md"))]
