"""Forms take valid events only, and make of them what the models would."""

import json
import string
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from src.domain.events import EventType
from src.errors import InvalidJSON
from src.event_forms import is_plain, struct_of
from src.event_schema import PAYLOADS, Envelope, Response
from src.event_validator import decode, judge, recognise, validate
from tests.making import NOW, NOW_US, wire
from tests.strategies import wire_events

from .rejection import ANSWER, COUNTS, QUIZ

ID = string.ascii_letters + string.digits + "._-"
ODD: list[Any] = [
    *(None, True, False, 0, 1, -1, 1.0, -0.0, 0.0, 0.5, 1.5, 60, 1_000_000, 1_000_001, 2**63, 10**400, 1e308, -5e-324),
    *(float("nan"), float("inf")),
    *(
        "",
        "a",
        "a" * 64,
        "a" * 65,
        "a" * 129,
        "a b",
        'a"b',
        'a""',
        "a,b",
        "[",
        '"',
        "\\",
        "é",
        "\u2028",
        "\x00",
        "\ud800",
    ),
    *("stuck", "advanced", "x-0.0", "quiz.completed", "2026-01-15", "2026-01-16", "2026-1-1", "2026-01-15T10:30:00Z"),
    *([], ["a"], ["a", None], ["a,b"], ["2026-01-15"], ["2026-01-16"], ["20260115"], [ANSWER], [{}], {}, {"a": 1}),
]
MODELS: list[type[BaseModel]] = [Envelope, Response, *PAYLOADS.values()]
KEYS = [
    *(name for model in MODELS for name in model.model_fields),
    *("specversion", "unknown"),
]


def same(content: object) -> bool:
    """Tell whether forms and models lead to the same, in types and in the sign of a zero too."""
    return repr(validate(content, NOW_US)) == repr(judge(content, NOW_US))


@st.composite
def changed(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a valid event with up to three fields anywhere set to something odd, left out or added."""
    content = draw(wire_events(NOW))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.sampled_from(_objects(content)))
        name = draw(st.sampled_from([*place, *KEYS]))
        place[name] = draw(st.sampled_from(ODD))
        if draw(st.integers(0, 4)) == 0:
            del place[name]
    return {"specversion": "1.0", "data": content} if draw(st.integers(0, 4)) == 0 else content


def _objects(content: dict[str, Any]) -> list[dict[str, Any]]:
    data = content.get("data")
    if not isinstance(data, dict):
        return [content]
    responses = data.get("responses")
    return (
        [content, data, data, *(r for r in responses[:2] if isinstance(r, dict))]
        if isinstance(responses, list)
        else [content, data]
    )


@settings(deadline=None, max_examples=500)
@given(changed())
def test_forms_and_models_agree_on_whatever_is_changed(content: dict[str, Any]) -> None:
    assert same(content)


def _fields() -> list[tuple[EventType, str, str]]:
    return [
        *((kind, "", name) for kind in EventType for name in Envelope.model_fields),
        *((kind, "data", name) for kind, payload in PAYLOADS.items() for name in payload.model_fields),
        *((QUIZ, "response", name) for name in Response.model_fields),
    ]


@pytest.mark.parametrize(("kind", "where", "name"), _fields())
def test_forms_and_models_agree_on_anything_odd_in_any_field(kind: EventType, where: str, name: str) -> None:
    for value in ODD:
        content = wire(event_type=kind)
        data = content["data"]
        if where == "response":
            content["data"] = COUNTS | {"responses": [ANSWER, ANSWER | {name: value}]}
        elif where:
            # Both alone and beside what is usual: an exercise takes one way to score it.
            assert same(content | {"data": {name: value}})
            content["data"] = data | {name: value}
        else:
            content[name] = value
        assert same(content), value


@settings(deadline=None, max_examples=200)
@given(changed(), st.data())
def test_a_field_given_twice_is_refused_wherever_it_is(content: dict[str, Any], data: st.DataObject) -> None:
    text = json.dumps(content)
    at = data.draw(st.sampled_from([index for index, character in enumerate(text) if character == "{"]))
    name = next(iter(json.JSONDecoder().raw_decode(text[at:])[0]), None)
    if name is None or "NaN" in text or "Infinity" in text or "\\ud800" in text:
        return
    twice = f"{text[: at + 1]}{json.dumps(name)}: 1, {text[at + 1 :]}"
    with pytest.raises(InvalidJSON):
        decode(twice.encode())


@settings(deadline=None)
@given(wire_events(NOW))
def test_usual_events_are_recognised_without_the_models(content: dict[str, Any]) -> None:
    if content["data"] is not None:
        assert recognise(content, NOW_US) is not None


TEXTS = st.text(ID + '",:[]{}\\\né') | st.text(ID)


@given(st.lists(TEXTS, max_size=4))
def test_texts_are_plain_when_each_consists_of_the_characters_of_ids(texts: list[str]) -> None:
    content = msgspec.json.encode(["quiz", {"topic": texts, "more": [{text: None} for text in texts]}])
    assert is_plain(content) is all(set(text) <= set(ID) for text in texts)


class Stricter(BaseModel):
    number: Annotated[int, Field(multiple_of=2)]


def test_a_rule_that_forms_do_not_know_is_an_error_at_the_start() -> None:
    with pytest.raises(TypeError, match="no form for the rule"):
        struct_of(Stricter)


def test_models_have_no_rules_in_code_that_forms_do_not_know() -> None:
    for model in MODELS:
        found = model.__pydantic_decorators__
        within = getattr(model, "within", None)
        assert [rule.info.fields for rule in found.field_validators.values()] == ([(within[0],)] if within else [])
        assert [*found.model_validators, *found.root_validators, *found.validators] == []
