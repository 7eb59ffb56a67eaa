"""What every store of cohorts does, whatever it is made of."""

import asyncio
import random
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import pytest
from redis import Redis
from redis.asyncio import RedisCluster as ClusterClient

from src.adapters.redis_client import redis_client
from src.adapters.redis_cohorts import RedisCohorts
from src.adapters.sqlite_cohorts import SqliteCohorts
from src.adapters.sqlite_database import open_database
from src.domain.cohort_statistics import Thresholds
from src.domain.cohorts import MAX_STUDENTS, MAX_TEACHERS, Cohort, Membership
from src.errors import StoreUnavailable
from src.ports import CohortSize, CohortStore, MemberChange, StoredCohort, Teaching
from tests.cohorts import MemoryCohorts
from tests.redis_user import engine_client
from tests.services import RedisCluster, RedisServer
from tests.services.fixtures import Running

STUDENTS, TEACHERS = Membership.STUDENTS, Membership.TEACHERS
CHANGED, UNCHANGED, MISSING, FULL = MemberChange
LOOPS = Cohort.of("loops-1", "Schleifen für alle, é", teachers=["t-1", "t-2"], students=["ada", "bob"])
LISTS = Cohort.of("lists.2", "Lists", teachers=["t-2"], students=["bob", "cy"])


class Cohorts(CohortStore, Teaching, Protocol):
    """What an adapter for cohorts is, with what it keeps of a person."""

    async def export(self, student_id: str) -> dict[str, Any] | None: ...
    async def erase(self, student_id: str) -> int: ...
    async def remains(self, student_id: str) -> int: ...


@pytest.fixture(params=["memory", "sqlite", "redis", "cluster"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Cohorts]:
    versions = count(1000)
    if request.param == "memory":
        yield MemoryCohorts()
    elif request.param == "sqlite":
        async with open_database(tmp_path) as database:
            yield SqliteCohorts(database, new_version=lambda: next(versions))
    elif request.param == "redis":
        client = engine_client(request.getfixturevalue("redis_url"))
        yield RedisCohorts(client, new_version=lambda: next(versions))
        await client.aclose()
    else:
        cluster: RedisCluster = request.getfixturevalue("redis_cluster")
        cluster_client = ClusterClient.from_url(cluster.url)
        await cluster_client.flushall(target_nodes=ClusterClient.PRIMARIES)
        yield RedisCohorts(cluster_client, new_version=lambda: next(versions), hash_tag="cohorts")  # type: ignore[arg-type]  # has the commands used
        await cluster_client.aclose()


async def keep(store: Cohorts, cohort: Cohort) -> int:
    found = await store.get(cohort.cohort_id)
    version = await store.put(cohort, None if found is None else found.version)
    assert version is not None
    return version


async def test_a_cohort_is_read_back_as_it_was_put(store: Cohorts) -> None:
    version = await keep(store, LOOPS)
    await keep(store, LISTS)
    assert await store.get("loops-1") == StoredCohort(version, LOOPS)


async def test_an_unknown_cohort_is_nothing(store: Cohorts) -> None:
    assert await store.get("loops-1") is None
    assert not await store.delete("loops-1", 1)
    for membership in Membership:
        assert await store.add("loops-1", membership, "ada") is MISSING
        assert await store.remove("loops-1", membership, "ada") is MISSING
    assert not await store.teaches_cohort("t-1", "loops-1")
    assert await store.remains("ada") == 0


async def test_a_cohort_may_be_empty(store: Cohorts) -> None:
    empty = Cohort.of("empty", "Nobody yet")
    version = await keep(store, empty)
    assert await store.get("empty") == StoredCohort(version, empty)


async def test_a_cohort_is_replaced_only_at_the_version_expected(store: Cohorts) -> None:
    assert await store.put(LOOPS, 7) is None
    first = await store.put(LOOPS, None)
    assert first is not None
    assert await store.put(LOOPS, None) is None
    renamed = Cohort.of("loops-1", "Other", teachers=["t-3"], students=["ada", "cy"])
    second = await store.put(renamed, first)
    assert second not in (None, first)
    assert await store.put(LOOPS, first) is None
    assert await store.get("loops-1") == StoredCohort(second or 0, renamed)


async def test_who_left_with_a_replacement_is_taught_no_longer(store: Cohorts) -> None:
    await keep(store, LOOPS)
    await keep(store, Cohort.of("loops-1", "Other", teachers=["t-3"], students=["ada", "cy"]))
    assert not await store.teaches("t-1", "ada")
    assert not await store.teaches("t-3", "bob")
    assert await store.teaches("t-3", "cy")
    assert await store.remains("bob") == 0


async def test_a_teacher_teaches_the_students_of_their_cohorts_and_no_others(store: Cohorts) -> None:
    await keep(store, LOOPS)
    await keep(store, LISTS)
    taught = {user: {s for s in ("ada", "bob", "cy", "dan") if await store.teaches(user, s)} for user in ("t-1", "t-2")}
    assert taught == {"t-1": {"ada", "bob"}, "t-2": {"ada", "bob", "cy"}}
    assert not await store.teaches("ada", "t-1")
    assert not await store.teaches("ada", "bob")
    assert not await store.teaches("t-1", "t-2")
    assert await store.teaches_cohort("t-1", "loops-1")
    assert not await store.teaches_cohort("t-1", "lists.2")
    assert not await store.teaches_cohort("ada", "loops-1")


async def test_a_teacher_of_two_cohorts_teaches_for_as_long_as_one_of_them_says_so(store: Cohorts) -> None:
    await keep(store, LOOPS)
    await keep(store, LISTS)
    await store.remove("loops-1", STUDENTS, "bob")
    assert await store.teaches("t-2", "bob")
    assert not await store.teaches("t-1", "bob")
    await store.remove("lists.2", TEACHERS, "t-2")
    assert not await store.teaches("t-2", "bob")
    assert await store.teaches("t-2", "ada")


async def test_members_come_and_go_one_by_one(store: Cohorts) -> None:
    await keep(store, LOOPS)
    seen = [(await store.get("loops-1"))]
    for membership, member_id in ((STUDENTS, "cy"), (TEACHERS, "t-3")):
        assert await store.add("loops-1", membership, member_id) is CHANGED
        seen.append(await store.get("loops-1"))
        assert await store.add("loops-1", membership, member_id) is UNCHANGED
        assert await store.get("loops-1") == seen[-1]
    assert await store.teaches("t-3", "cy")
    assert await store.remove("loops-1", STUDENTS, "cy") is CHANGED
    assert await store.remove("loops-1", STUDENTS, "cy") is UNCHANGED
    assert not await store.teaches("t-3", "cy")
    assert len({one.version for one in seen if one}) == 3


async def test_thresholds_stay_with_the_cohort_whatever_becomes_of_its_members(store: Cohorts) -> None:
    version = await keep(store, LOOPS)
    assert not await store.set_thresholds("lists.2", Thresholds())
    assert await store.set_thresholds("loops-1", Thresholds(inactive_days=21, needs_help_below=0.25))
    moved = Thresholds(needs_help_below=0.123456, open_struggles=3, inactive_days=14, excelling_from=1.0)
    assert await store.set_thresholds("loops-1", moved)
    assert await store.get("loops-1") == StoredCohort(version, LOOPS, moved)
    await store.add("loops-1", STUDENTS, "cy")
    found = await store.get("loops-1")
    assert found is not None
    assert found.thresholds == moved
    version = await keep(store, LOOPS)
    assert await store.get("loops-1") == StoredCohort(version, LOOPS, moved)


async def test_thresholds_go_with_the_cohort(store: Cohorts) -> None:
    version = await keep(store, LOOPS)
    await store.set_thresholds("loops-1", Thresholds(inactive_days=21))
    await store.delete("loops-1", version)
    assert not await store.set_thresholds("loops-1", Thresholds())
    version = await keep(store, LOOPS)
    assert await store.get("loops-1") == StoredCohort(version, LOOPS)


async def test_the_version_can_be_read_alone(store: Cohorts) -> None:
    assert await store.version("loops-1") is None
    version = await keep(store, LOOPS)
    assert await store.version("loops-1") == version
    await store.add("loops-1", STUDENTS, "cy")
    changed = await store.get("loops-1")
    assert changed is not None
    assert version != await store.version("loops-1") == changed.version
    await store.delete("loops-1", changed.version)
    assert await store.version("loops-1") is None


async def test_a_removed_cohort_leaves_nothing(store: Cohorts) -> None:
    version = await keep(store, LOOPS)
    assert not await store.delete("loops-1", version + 1)
    assert await store.delete("loops-1", version)
    assert await store.get("loops-1") is None
    assert not await store.teaches("t-1", "ada")
    assert not await store.teaches_cohort("t-1", "loops-1")
    assert (await store.page("", 10, teacher=None)).cohorts == ()
    assert (await store.page("", 10, teacher="t-1")).cohorts == ()
    assert [await store.remains(one) for one in ("ada", "t-1")] == [0, 0]
    again = await keep(store, Cohort.of("loops-1", "Again"))
    assert again != version
    assert not await store.teaches("t-1", "ada")


async def test_cohorts_are_listed_by_id_in_pages(store: Cohorts) -> None:
    for number in range(7):
        await keep(store, Cohort.of(f"c{number}", f"Class {number}", teachers=["t-1"][number % 2 :], students=["ada"]))
    pages, after = [], ""
    while True:
        page = await store.page(after, 3, teacher=None)
        pages.append([one.cohort_id for one in page.cohorts])
        if page.next is None:
            break
        after = page.next
    assert pages == [["c0", "c1", "c2"], ["c3", "c4", "c5"], ["c6"]]
    mine = await store.page("c0", 2, teacher="t-1")
    assert mine.cohorts == (CohortSize("c2", "Class 2", 1, 1), CohortSize("c4", "Class 4", 1, 1))
    assert (await store.page("c4", 2, teacher="t-1")).next is None
    assert (await store.page("", 2, teacher="t-2")).cohorts == ()


async def test_a_full_cohort_takes_nobody_more(store: Cohorts) -> None:
    full = Cohort.of("full", "Full", teachers=[f"t{n}" for n in range(MAX_TEACHERS)], students=["ada"])
    version = await keep(store, full)
    assert await store.add("full", TEACHERS, "t-more") is FULL
    assert await store.add("full", TEACHERS, "t0") is UNCHANGED
    assert await store.add("full", STUDENTS, "bob") is CHANGED
    assert not await store.teaches("t-more", "ada")
    assert version != (await store.get("full") or StoredCohort(version, full)).version


async def test_the_largest_cohort_is_kept_replaced_and_removed(store: Cohorts) -> None:
    students = [f"{number:05}{'x' * 59}" for number in range(MAX_STUDENTS)]
    largest = Cohort.of("largest", "n" * 128, teachers=["t-1"], students=students)
    version = await keep(store, largest)
    assert await store.get("largest") == StoredCohort(version, largest)
    assert await store.add("largest", STUDENTS, "one-more") is FULL
    half = Cohort.of("largest", "Half", teachers=["t-1"], students=students[::2])
    version = await keep(store, half)
    assert (await store.page("", 1, teacher=None)).cohorts == (CohortSize("largest", "Half", MAX_STUDENTS // 2, 1),)
    assert not await store.teaches("t-1", students[1])
    assert await store.delete("largest", version)
    assert await store.remains(students[0]) == 0


async def test_ids_of_any_shape_are_kept_apart(store: Cohorts) -> None:
    users = ["a:b", "{cohorts}", "*", "students", "auth0|7", "'; --", "A", "a", "~" * 128]
    for number, user in enumerate(users):
        await keep(store, Cohort.of(f"c{number}", "One", teachers=[user], students=[f"s{number}"]))
    taught = {user: [n for n in range(len(users)) if await store.teaches(user, f"s{n}")] for user in users}
    assert taught == {user: [number] for number, user in enumerate(users)}


async def test_of_two_who_replace_the_same_version_one_wins(store: Cohorts) -> None:
    version = await keep(store, LOOPS)
    others = [Cohort.of("loops-1", f"Name {n}", teachers=[f"t-{n}"], students=["ada"]) for n in range(8)]
    results = await asyncio.gather(*(store.put(one, version) for one in others))
    [(winner, won)] = [(one, result) for one, result in zip(others, results, strict=True) if result is not None]
    assert await store.get("loops-1") == StoredCohort(won, winner)


async def change_at_random(store: Cohorts, chance: random.Random) -> None:
    cohort_id = f"c{chance.randrange(3)}"
    students, teachers = (chance.sample([f"{kind}{n}" for n in range(6)], 3) for kind in "st")
    found = await store.get(cohort_id)
    match chance.randrange(6):
        case 0 | 1:
            cohort = Cohort.of(cohort_id, "Any", teachers=teachers, students=students)
            await store.put(cohort, None if found is None else found.version)
        case 2:
            await store.delete(cohort_id, 0 if found is None else found.version)
        case 3:
            await store.add(cohort_id, STUDENTS, students[0])
        case 4:
            await store.remove(cohort_id, TEACHERS, teachers[0])
        case _:
            await store.erase(students[0])


async def test_members_and_who_teaches_whom_stay_in_step_whoever_changes_them_at_once(store: Cohorts) -> None:
    chance = random.Random(7)
    for _ in range(30):
        await asyncio.gather(*(change_at_random(store, chance) for _ in range(8)))
    kept = [found.cohort for n in range(3) if (found := await store.get(f"c{n}")) is not None]
    assert kept
    for student in (f"s{n}" for n in range(6)):
        assert await store.remains(student) == sum(student in cohort.students for cohort in kept)
        for teacher in (f"t{n}" for n in range(6)):
            expected = any(student in cohort.students and teacher in cohort.teachers for cohort in kept)
            assert await store.teaches(teacher, student) == expected
    listed = (await store.page("", 10, teacher=None)).cohorts
    assert listed == tuple(CohortSize(c.cohort_id, c.name, len(c.students), len(c.teachers)) for c in kept)


# -- what is kept of a person


async def test_an_export_names_the_cohorts_of_a_person_and_nobody_else(store: Cohorts) -> None:
    await keep(store, LOOPS)
    await keep(store, LISTS)
    both = [{"cohort_id": "lists.2", "name": "Lists"}, {"cohort_id": "loops-1", "name": LOOPS.name}]
    assert await store.export("bob") == {"students": both, "teachers": []}
    assert await store.export("t-2") == {"students": [], "teachers": both}
    assert await store.export("dan") is None


async def test_who_is_erased_is_in_no_cohort(store: Cohorts) -> None:
    before = await keep(store, LOOPS)
    await keep(store, Cohort.of("lists.2", "Lists", teachers=["t-2", "bob"], students=["bob", "cy"]))
    assert await store.remains("bob") == 3
    assert await store.erase("bob") == 3
    assert (await store.remains("bob"), await store.export("bob")) == (0, None)
    assert await store.erase("bob") == 0
    after = await store.get("loops-1")
    assert after is not None
    assert after.cohort.students == {"ada"}
    assert after.version != before
    assert not await store.teaches("t-1", "bob")
    assert [one.students for one in (await store.page("", 10, teacher=None)).cohorts] == [1, 1]


# -- what only the real stores have


async def test_cohorts_are_there_when_the_database_is_opened_again(tmp_path: Path) -> None:
    async with open_database(tmp_path) as database:
        version = await SqliteCohorts(database, new_version=lambda: 7).put(LOOPS, None)
    async with open_database(tmp_path) as database:
        cohorts = SqliteCohorts(database, new_version=lambda: 8)
        assert await cohorts.get("loops-1") == StoredCohort(version or 0, LOOPS)
        assert await cohorts.teaches("t-1", "ada")


async def test_nothing_is_left_in_redis_of_a_removed_cohort(redis_url: str) -> None:
    client = redis_client(redis_url)
    cohorts = RedisCohorts(client, new_version=lambda: 7)
    await cohorts.put(LOOPS, None)
    with Redis.from_url(redis_url, decode_responses=True) as looking:
        assert set(looking.keys()) == {
            "cohorts",
            "cohort:loops-1",
            "cohort:loops-1:students",
            "cohort:loops-1:teachers",
            *(f"cohorts:students:{student}" for student in LOOPS.students),
            *(f"cohorts:teachers:{teacher}" for teacher in LOOPS.teachers),
        }
        await cohorts.delete("loops-1", 7)
        assert looking.keys() == []
    await client.aclose()


async def test_a_member_whom_the_index_has_lost_still_is_found_to_remain(redis_url: str) -> None:
    client = redis_client(redis_url)
    cohorts = RedisCohorts(client, new_version=lambda: 7)
    await cohorts.put(LOOPS, None)
    with Redis.from_url(redis_url) as meddling:
        meddling.delete("cohorts:students:ada")
        meddling.srem("cohort:loops-1:students", "bob")
    assert [await cohorts.remains(one) for one in ("ada", "bob", "cy")] == [1, 1, 0]
    await client.aclose()


async def test_a_redis_that_is_away_is_told(running: Running) -> None:
    server = running(RedisServer())
    client = redis_client(server.url)
    away = RedisCohorts(client, new_version=lambda: 7)
    server.kill()
    for asked in (away.get("c"), away.teaches("t-1", "ada"), away.teaches_cohort("t-1", "c"), away.put(LOOPS, None)):
        with pytest.raises(StoreUnavailable):
            await asked
    await client.aclose()
