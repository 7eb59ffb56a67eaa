"""Parameters that cannot be."""

import httpx
import pytest

from .student import get, read


@pytest.mark.parametrize(
    ("path", "field", "reason"),
    [
        ("outcomes?limit=0", "limit", "must be at least 1"),
        ("outcomes?limit=-1", "limit", "must be at least 1"),
        ("outcomes?limit=1001", "limit", "must be at most 1000"),
        ("outcomes?limit=1000000000", "limit", "must be at most 1000"),
        ("outcomes?limit=9999999999999999999999999", "limit", "must be at most 1000"),
        ("outcomes?limit=abc", "limit", "must be a whole number"),
        ("outcomes?limit=1.5", "limit", "must be a whole number"),
        ("outcomes?limit=", "limit", "must be a whole number"),
        ("outcomes?limit=1&limit=10", "limit", "must be given once"),
        ("outcomes?limit=1&limit=1", "limit", "must be given once"),
        ("outcomes?else=1&else=2", "", "must be given once"),
        ("struggles?open=maybe", "open", "must be true or false"),
        ("mastery?as_of=yesterday", "as_of", "must be a date, YYYY-MM-DD"),
        ("mastery?as_of=2026-1-5", "as_of", "must be a date, YYYY-MM-DD"),
        ("mastery?as_of=20260105", "as_of", "must be a date, YYYY-MM-DD"),
        ("mastery?as_of=2026-01-05T00:00:00Z", "as_of", "must be a date, YYYY-MM-DD"),
        ("mastery?as_of=1768435200", "as_of", "must be a date, YYYY-MM-DD"),
        ("mastery?as_of=0000-00-00", "as_of", "must be a date, YYYY-MM-DD"),
        ("mastery?as_of=%D9%A2026-01-05", "as_of", "must be a date, YYYY-MM-DD"),
        ("mastery?as_of=", "as_of", "must be a date, YYYY-MM-DD"),
        ("mastery?topic=", "topic", "must not be empty"),
        ("mastery?topic=a:b", "topic", "must consist of the characters A-Z a-z 0-9 . _ -"),
        ("mastery?topic=a%0A", "topic", "must consist of the characters A-Z a-z 0-9 . _ -"),
        (f"mastery?topic={'t' * 65}", "topic", "must be at most 64 characters"),
        ("mastery?method=best", "method", "must be one of 'decaying_average', 'average', 'latest' or 'highest'"),
        ("mastery?method=LATEST", "method", "must be one of 'decaying_average', 'average', 'latest' or 'highest'"),
        ("mastery?as_of=2026-01-15&as_of=2026-01-14", "as_of", "must be given once"),
        ("mastery/history?from=2026-01-14&from=2026-01-14", "from", "must be given once"),
    ],
)
async def test_a_parameter_that_cannot_be_is_400_and_says_why(
    client: httpx.AsyncClient, path: str, field: str, reason: str
) -> None:
    answer = await get(client, path)
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"field": field, "reason": reason}]


async def test_every_wrong_parameter_is_told_at_once(client: httpx.AsyncClient) -> None:
    answer = await get(client, "mastery?as_of=x&topic=a:b&method=best")
    assert {error["field"] for error in answer.json()["errors"]} == {"as_of", "topic", "method"}


async def test_parameters_that_nobody_knows_are_left_alone(client: httpx.AsyncClient) -> None:
    assert (await get(client, "mastery?else=1")).json() == await read(client, "mastery")
