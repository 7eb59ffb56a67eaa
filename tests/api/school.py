"""Two cohorts, their teachers and students, and everybody who may ask for something."""

from collections.abc import Mapping

import httpx

from .student import ADMIN, EVENTS, send
from .tokens import APP_TOKEN, SECRET, bearer

STUDENT, OTHER, MISSING = "student-1", "student-2", "student-unknown"
COHORT, OTHER_COHORT, MISSING_COHORT = "loops", "lists", "unknown"
COHORTS = {
    COHORT: {"name": "Loops", "teachers": ["teacher-1"], "students": [STUDENT]},
    OTHER_COHORT: {"name": "Lists", "teachers": ["teacher-2"], "students": [OTHER]},
}

CALLERS: Mapping[str, dict[str, str]] = {
    "none": {},
    "bad token": {"Authorization": f"Bearer {SECRET}.{SECRET}.{SECRET}"},
    "self": bearer("student", user_id=STUDENT),
    "other student": bearer("student", user_id=OTHER),
    "teacher": bearer("teacher", user_id="teacher-1"),
    "teacher of others": bearer("teacher", user_id="teacher-2"),
    "teacher of nobody": bearer("teacher", user_id="teacher-3"),
    "admin": bearer("admin"),
    "service": bearer("service"),
    "unknown role": bearer("owner"),
    "no roles": bearer(),
    "teacher's name without the role": bearer("student", user_id="teacher-1"),
}
UNKNOWN = {"none", "bad token"}
EVERYONE = set(CALLERS)
WITH_TOKEN = EVERYONE - UNKNOWN
READERS = {"self", "teacher", "admin"}
OWNERS = {"self", "admin"}
COHORT_READERS = {"teacher", "admin"}
STAFF = {"teacher", "teacher of others", "teacher of nobody", "admin"}
INGESTERS = {"admin", "service"}
ADMINS = {"admin"}
SIDECAR = {"sidecar"}
OF_SIDECAR = {"dapr-api-token": APP_TOKEN}


async def open_school(client: httpx.AsyncClient) -> None:
    """Make the two cohorts; both students have the same evidence."""
    for cohort_id, content in COHORTS.items():
        answer = await client.put(f"/api/v1/cohorts/{cohort_id}", json=content, headers=ADMIN)
        assert answer.status_code == 201, answer.text
    for student_id in (STUDENT, OTHER):
        await send(
            client,
            *(event | {"student_id": student_id, "event_id": f"{student_id}-{event['event_id']}"} for event in EVENTS),
        )


def anonymised(answer: httpx.Response) -> tuple[int, dict[str, object], dict[str, str]]:
    """Return everything that tells one answer from another but its own id and how many more there may be."""
    body = {name: value for name, value in answer.json().items() if name != "correlation_id"}
    return (
        answer.status_code,
        body,
        {name: value for name, value in answer.headers.items() if name not in ("x-request-id", "ratelimit")},
    )
