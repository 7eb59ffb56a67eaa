"""What a student did lately: pages, cursors, struggles."""

import httpx
import pytest

from tests.making import wire

from .student import ADMIN, PERSONAL, STUDENT, get, read, send


@pytest.mark.parametrize("path", PERSONAL)
async def test_other_personal_data_is_not_stored_anywhere(client: httpx.AsyncClient, path: str) -> None:
    assert (await get(client, path)).headers["Cache-Control"] == "no-store"


async def test_outcomes_are_listed_newest_first_in_their_documented_shape(client: httpx.AsyncClient) -> None:
    answer = await read(client, "outcomes")
    assert set(answer) == {"outcomes", "next"}
    assert answer["next"] is None
    named = [(outcome["kind"], outcome["event_id"], outcome["index"]) for outcome in answer["outcomes"]]
    assert named == [
        ("help", "stuck", 0),
        ("quiz", "quiz-loops", 0),
        ("quiz", "quiz-again", 0),
        ("exercise", "long", 0),
        ("answer", "quiz-lists", 1),
        ("quiz", "quiz-lists", 0),
    ]
    assert answer["outcomes"][3] == {
        "occurred": "2026-01-14T10:00:00Z",
        "event_id": "long",
        "index": 0,
        "kind": "exercise",
        "topic": "functions",
        "item": "ex-9",
        "score": 1.0,
        "detail": None,
        "time_spent_s": 700.0,
        "skills": [],
    }


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 1000])
async def test_the_pages_of_outcomes_are_the_whole_list_in_parts(client: httpx.AsyncClient, limit: int) -> None:
    whole = (await read(client, "outcomes"))["outcomes"]
    pages = [await read(client, f"outcomes?limit={limit}")]
    while pages[-1]["next"] is not None and len(pages) < len(whole):
        pages.append(await read(client, f"outcomes?limit={limit}&cursor={pages[-1]['next']}"))
    lengths = [len(page["outcomes"]) for page in pages]
    assert lengths[:-1] == [limit] * (len(pages) - 1)
    assert 1 <= lengths[-1] <= limit
    assert [outcome for page in pages for outcome in page["outcomes"]] == whole


async def test_a_page_goes_on_where_the_last_one_ended_though_events_arrived(client: httpx.AsyncClient) -> None:
    whole = (await read(client, "outcomes"))["outcomes"]
    cursor = (await read(client, "outcomes?limit=2"))["next"]
    await send(client, wire("newer", timestamp="2026-01-15T11:00:00Z"))
    assert (await read(client, f"outcomes?cursor={cursor}"))["outcomes"] == whole[2:]


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "0",
        "00",
        "zz",
        b"null".hex(),
        b"[]".hex(),
        b"[1]".hex(),
        b'[1,"a",1,1]'.hex(),
        b'["1","a",1]'.hex(),
        b'[1,2,"a"]'.hex(),
        b'[1.5,"a",1]'.hex(),
        b'[1e400,"a",1]'.hex(),
        b'[1,"\xff",1]'.hex(),
        b'[1,"\\ud800",1]'.hex(),
        (b"[" * 200).hex(),
        "\u0661\u0662",
        "../../etc/passwd",
        "a" * 513,
    ],
)
async def test_a_cursor_of_somebody_elses_making_is_400(client: httpx.AsyncClient, cursor: str) -> None:
    answer = await client.get(f"{STUDENT}/outcomes", params={"cursor": cursor}, headers=ADMIN)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["cursor"]


@pytest.mark.parametrize(("place", "entries"), [(-1, 0), (0, 0), (2**64, 6), (10**100, 6)])
async def test_a_cursor_beyond_either_end_finds_all_or_nothing(
    client: httpx.AsyncClient, place: int, entries: int
) -> None:
    cursor = (b'[%d,"a",0]' % place).hex()
    assert len((await read(client, f"outcomes?cursor={cursor}"))["outcomes"]) == entries


async def test_struggles_are_listed_newest_first_in_their_documented_shape(client: httpx.AsyncClient) -> None:
    found = (await read(client, "struggles"))["struggles"]
    assert all(set(s) == {"id", "signal", "topic", "exercise_id", "since", "facts", "open"} for s in found)
    assert [(s["signal"], s["topic"], s["open"]) for s in found] == [
        ("stuck", "lists", True),
        ("long_exercise", "functions", True),
        ("low_quiz", "lists", True),
    ]
    assert found[1] == {
        "id": "long_exercise.long",
        "signal": "long_exercise",
        "topic": "functions",
        "exercise_id": "ex-9",
        "since": "2026-01-14T10:00:00Z",
        "facts": {"time_spent_s": 700.0},
        "open": True,
    }


async def test_a_later_success_resolves_a_struggle_and_the_filter_leaves_it_out(client: httpx.AsyncClient) -> None:
    success = wire("better", timestamp="2026-01-15T11:00:00Z", topic="lists")
    await send(client, success)
    everything = (await read(client, "struggles"))["struggles"]
    assert [(s["signal"], s["open"]) for s in everything] == [
        ("stuck", False),
        ("long_exercise", True),
        ("low_quiz", False),
    ]
    assert (await read(client, "struggles?open=true"))["struggles"] == [everything[1]]
    assert (await read(client, "struggles?open=false"))["struggles"] == everything
