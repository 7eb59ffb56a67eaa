"""docs/api.md tells of every route, intent, problem and field of an event, and of none that does not exist."""

import re
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from src.api.agents import INTENTS
from src.api.batch import BatchContent
from src.api.cohort_views import ThresholdsContent
from src.api.cohorts import CohortContent
from src.domain.events import ALIASES, EventStatus, EventType
from src.errors import Refused
from src.event_schema import PAYLOADS, Envelope, Response
from tests.api import school, test_access

from .markdown import code, names, read, section, table

API = read("docs/api.md")
WHO = {
    "anyone": school.EVERYONE,
    "any token": school.WITH_TOKEN,
    "admin, the student, their teachers": school.READERS,
    "admin, the student": school.OWNERS,
    "admin, its teachers": school.COHORT_READERS,
    "admin, teacher": school.STAFF,
    "admin, teacher of the students": school.COHORT_READERS,
    "admin, who made it": school.COHORT_READERS,
    "admin, service": school.INGESTERS,
    "admin": school.ADMINS,
    "the sidecar": school.SIDECAR,
}


def test_every_route_is_documented_with_who_may_call_it_and_no_other() -> None:
    documented = {
        f"{method} {code(path)[0]}": WHO[who] for method, path, who in table(section(API, "## Routes"), "method")
    }
    assert documented == {
        route: test_access.RULES[route] for route in test_access.ROUTES if not route.startswith("HEAD ")
    }


def test_every_intent_is_documented_with_who_may_use_it_and_no_other() -> None:
    documented = {code(row[0])[0]: WHO[row[3]] for row in table(section(API, "## Agents"), "intent")}
    assert documented == {intent: test_access.INTENTS[intent][1] for intent in INTENTS}


def test_every_problem_is_documented_and_no_other() -> None:
    documented = {(int(status), code(kind)[0]) for status, kind, _ in table(section(API, "## Problems"), "status")}
    ours = {(refusal.status, refusal.code) for refusal in every(Refused)}
    assert documented == ours | {(405, "method-not-allowed"), (500, "internal")}


def every(error: type[Refused]) -> Iterator[type[Refused]]:
    """Yield the errors below one in the tree."""
    for kind in error.__subclasses__():
        yield kind
        yield from every(kind)


def test_every_status_of_an_event_is_documented_and_no_other() -> None:
    assert set(names(table(section(API, "## Sending events"), "status"))) == set(EventStatus)


def test_every_event_type_is_documented_with_its_alias_and_no_other() -> None:
    documented = {
        code(kind)[0]: code(alias) for kind, alias, _ in table(section(API, "## The event format"), "event type")
    }
    assert documented == {str(kind): [alias for alias, of in ALIASES.items() if of is kind] for kind in EventType}


def fields_of(model: type[BaseModel]) -> dict[str, bool]:
    """Return the fields of a model, and whether each is required."""
    return {name: field.is_required() for name, field in model.model_fields.items()}


def documented_fields(text: str, first_column: str = "field") -> dict[str, bool]:
    """Return the documented fields, and whether each is required."""
    return {code(name)[0]: remark.startswith("required") for name, _, remark in table(text, first_column)}


def limits(schema: object) -> set[int]:
    """Return every limit that a JSON Schema states, but those that are 0 or 1, or of an id."""
    bounds = {"maximum", "maxItems", "maxLength"}
    if isinstance(schema, list):
        return set().union(*map(limits, schema))
    if not isinstance(schema, dict):
        return set()
    own = {int(value) for name, value in schema.items() if name in bounds and value != 1}
    return own.union(*map(limits, schema.values()))


def test_every_field_of_the_envelope_is_documented_and_no_other() -> None:
    text = section(API, "## The event format").partition("\n### ")[0]
    assert documented_fields(text) == fields_of(Envelope)


@pytest.mark.parametrize("kind", EventType)
def test_every_field_of_the_data_of_an_event_is_documented_with_its_limits_and_no_other(kind: EventType) -> None:
    text = section(API, f"### Data of {kind}")
    assert documented_fields(text) == fields_of(PAYLOADS[kind])
    numbers = {int(number) for number in re.findall(r"\d+", text)}
    assert limits(PAYLOADS[kind].model_json_schema()) <= numbers


def test_every_field_of_a_cohort_is_documented_with_its_limits_and_no_other() -> None:
    text = section(API, "## Cohorts")
    assert documented_fields(text, "cohort field") == fields_of(CohortContent)
    numbers = {int(number) for number in re.findall(r"\d+", text)}
    assert limits(CohortContent.model_json_schema()) <= numbers


def test_every_field_of_a_batch_job_is_documented_with_its_limits_and_no_other() -> None:
    text = section(API, "## Batch")
    assert documented_fields(text, "batch field") == fields_of(BatchContent)
    numbers = {int(number) for number in re.findall(r"\d+", text)}
    assert limits(BatchContent.model_json_schema()) <= numbers


def test_every_threshold_is_documented_with_its_limits_and_what_it_is_when_not_given() -> None:
    rows = {
        code(name)[0]: (kind, remark) for name, kind, remark in table(section(API, "## Cohorts"), "threshold field")
    }
    assert {name: remark for name, (_, remark) in rows.items()} == {
        name: f"{field.default} when not given" for name, field in ThresholdsContent.model_fields.items()
    }
    for name, field in ThresholdsContent.model_json_schema()["properties"].items():
        assert rows[name][0].startswith(f"{field['minimum']:g}..{field['maximum']:g}")


def test_every_field_of_a_response_is_documented_and_no_other() -> None:
    text = section(API, f"### Data of {EventType.QUIZ_COMPLETED}")
    assert documented_fields(text, "response field") == fields_of(Response)
