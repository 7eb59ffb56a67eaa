"""The curriculum edited in a browser, one topic at a time."""

from typing import Any

import httpx

from .conftest import Form, check_told_at, read_api
from .office import HOSTILE
from .test_classes import version_on

BASE = "/dashboard/admin/curriculum"
TOPIC = {
    "topic": "trees",
    "title": "Trees",
    "module": "Functions",
    "skills": "trees.walk",
    "prerequisites": "recursion",
}


async def topics(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await read_api(client, "/api/v1/curriculum")
    return {one["topic"]: one for one in answer.json()["topics"]}


async def post(client: httpx.AsyncClient, form: Form, target: str, **fields: str) -> httpx.Response:
    """Post a form that knows the curriculum as it is."""
    page = BASE
    return await form(page, target, **{"version": version_on(await client.get(page))} | fields)


async def test_a_topic_is_added_changed_moved_and_removed(client: httpx.AsyncClient, form: Form) -> None:
    assert (await post(client, form, BASE, **TOPIC)).headers["Location"] == f"{BASE}?saved=true"
    names = list(await topics(client))
    assert names[names.index("trees") - 1] == "higher-order"  # the last of its module
    page = f"{BASE}/trees"
    changed = TOPIC | {"title": "Big trees", "prerequisites": "recursion\r\nlists", "topic": "other"}
    assert (await post(client, form, page, **changed)).status_code == 303
    assert (await topics(client))["trees"] == {
        "topic": "trees",
        "title": "Big trees",
        "module": "Functions",
        "skills": ["trees.walk"],
        "prerequisites": ["recursion", "lists"],
    }
    assert (await post(client, form, f"{page}/move", to="up")).status_code == 303
    names = list(await topics(client))
    assert names.index("trees") == names.index("higher-order") - 1
    assert (await post(client, form, f"{page}/remove")).status_code == 303
    assert "trees" not in await topics(client)
    assert (await client.get(page)).status_code == 404


async def test_what_is_wrong_with_a_topic_is_told_at_its_field(client: httpx.AsyncClient, form: Form) -> None:
    for field, text in (
        ("topic", "loops"),
        ("topic", "no name"),
        ("title", ""),
        ("module", "two\u0007"),
        ("prerequisites", "there-is-none"),
        ("prerequisites", "loops\nloops"),
        ("skills", f"fine\n{HOSTILE}"),
    ):
        wrong = await post(client, form, BASE, **TOPIC | {field: text})
        check_told_at(wrong, field)
        assert HOSTILE not in wrong.text
    around = {"title": "Variables", "module": "Basics", "skills": "", "prerequisites": "loops"}
    check_told_at(await post(client, form, f"{BASE}/variables", **around), "prerequisites")


async def test_a_topic_that_others_build_on_stays(client: httpx.AsyncClient, form: Form) -> None:
    page = await post(client, form, f"{BASE}/variables/remove")
    assert page.status_code == 400
    assert "Another topic builds on this one" in page.text
    assert "variables" in await topics(client)


async def test_a_change_of_somebody_else_is_not_written_over(client: httpx.AsyncClient, form: Form) -> None:
    before = version_on(await client.get(BASE))
    assert (await post(client, form, BASE, **TOPIC)).status_code == 303
    stale = TOPIC | {"title": "Mine", "version": before}
    for target in (f"{BASE}/trees", f"{BASE}/trees/move", f"{BASE}/trees/remove"):
        page = await post(client, form, target, **stale)
        assert page.status_code == 412
        assert "in the meantime" in page.text
    assert (await topics(client))["trees"]["title"] == "Trees"
