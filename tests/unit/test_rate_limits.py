"""Limits: counted by subject and class within a minute, alone and over several processes."""

import pytest

from src.errors import StoreUnavailable
from src.rate_limits import MAX_SUBJECTS, RateLimiter, RouteClass, Verdict, peer
from tests.fakes import MemoryCounts
from tests.making import NOW_US

READS, WRITES, ADMIN, FAILURES = RouteClass
LIMITS = {READS: 3, WRITES: 2, ADMIN: 2, FAILURES: 0}


class Watch:
    """A clock that is set by hand, in seconds from a full minute."""

    after_s = 0

    def __call__(self) -> int:
        return NOW_US // 60_000_000 * 60_000_000 + self.after_s * 1_000_000


@pytest.fixture
def watch() -> Watch:
    return Watch()


def counted(limiter: RateLimiter, route_class: RouteClass = READS, subject: str = "someone") -> Verdict:
    verdict = limiter.count(route_class, subject)
    assert verdict is not None
    return verdict


def test_a_subject_may_ask_as_often_as_the_limit_says(watch: Watch) -> None:
    limiter = RateLimiter(LIMITS, now=watch)
    verdicts = [counted(limiter) for _ in range(5)]
    assert [verdict.allowed for verdict in verdicts] == [True, True, True, False, False]
    assert [verdict.remaining for verdict in verdicts] == [2, 1, 0, 0, 0]
    assert [verdict.first_beyond for verdict in verdicts] == [False, False, False, True, False]


def test_others_and_other_classes_are_counted_apart(watch: Watch) -> None:
    limiter = RateLimiter(LIMITS, now=watch)
    for _ in range(4):
        counted(limiter)
    assert counted(limiter, WRITES).remaining == 1
    assert counted(limiter, READS, "someone-else").remaining == 2
    assert not counted(limiter).allowed


def test_with_a_new_minute_the_limit_is_full_again(watch: Watch) -> None:
    limiter = RateLimiter(LIMITS, now=watch)
    watch.after_s = 59
    for _ in range(4):
        counted(limiter)
    watch.after_s = 60
    assert counted(limiter).remaining == 2


@pytest.mark.parametrize("after_s", [0, 1, 42, 59])
def test_the_headers_tell_what_is_enforced(watch: Watch, after_s: int) -> None:
    limiter = RateLimiter(LIMITS, now=watch)
    watch.after_s = after_s
    told = counted(limiter, WRITES).headers
    assert told == {"RateLimit-Policy": '"writes";q=2;w=60', "RateLimit": f'"writes";r=1;t={60 - after_s}'}
    counted(limiter, WRITES)
    refused = counted(limiter, WRITES).headers
    assert refused == told | {"RateLimit": f'"writes";r=0;t={60 - after_s}', "Retry-After": f"{60 - after_s}"}


async def test_a_limit_of_0_is_none(watch: Watch) -> None:
    limiter = RateLimiter(LIMITS, now=watch)
    assert limiter.count(FAILURES, "192.0.2.1") is None
    assert await limiter.admit(FAILURES, "192.0.2.1") is None


def test_the_number_of_subjects_is_bounded_and_those_beyond_share_a_count(watch: Watch) -> None:
    limiter = RateLimiter(LIMITS, now=watch)
    for number in range(MAX_SUBJECTS):
        assert counted(limiter, READS, f"s-{number}").remaining == 2
    assert [counted(limiter, READS, f"more-{number}").remaining for number in range(3)] == [2, 1, 0]
    assert not counted(limiter, READS, "more").allowed
    assert counted(limiter, READS, "s-0").remaining == 1


async def test_processes_learn_what_the_others_counted(watch: Watch) -> None:
    shared = MemoryCounts()
    one, other = (RateLimiter(LIMITS, now=watch, shared=shared, secret=b"same") for _ in range(2))
    counted(one)
    counted(other)
    counted(other)
    for limiter in (one, other, one):
        await limiter.exchange()
    assert set(shared.counts.values()) == {3}
    # The first was told before the others counted, and has learned of them only with what it counted since.
    assert counted(other).allowed is False
    assert counted(one).allowed is True
    await one.exchange()
    assert counted(one).allowed is False


async def test_what_is_shared_is_told_once(watch: Watch) -> None:
    shared = MemoryCounts()
    limiter = RateLimiter(LIMITS, now=watch, shared=shared)
    counted(limiter)
    for _ in range(3):
        await limiter.exchange()
    assert list(shared.counts.values()) == [1]
    assert shared.asked == 1


async def test_admins_are_judged_by_what_all_processes_counted(watch: Watch) -> None:
    shared = MemoryCounts()
    limiters = [RateLimiter(LIMITS, now=watch, shared=shared) for _ in range(3)]
    verdicts = [await limiter.admit(ADMIN, "root") for limiter in limiters]
    assert [verdict and verdict.allowed for verdict in verdicts] == [True, True, False]
    assert [verdict and verdict.first_beyond for verdict in verdicts] == [False, False, True]


async def test_while_the_store_is_away_readers_are_counted_here_and_admins_are_turned_away(watch: Watch) -> None:
    shared = MemoryCounts()
    limiter = RateLimiter(LIMITS, now=watch, shared=shared)
    shared.away = True
    for route_class in (READS, WRITES):
        verdict = await limiter.admit(route_class, "someone")
        assert verdict
        assert verdict.allowed
    with pytest.raises(StoreUnavailable):
        await limiter.admit(ADMIN, "root")
    with pytest.raises(StoreUnavailable):
        await limiter.exchange()
    assert [counted(limiter).allowed for _ in range(3)] == [True, True, False]
    shared.away = False
    await limiter.exchange()
    assert sorted(shared.counts.values()) == [1, 1, 4]


async def test_what_could_not_be_told_within_its_minute_is_let_go(watch: Watch) -> None:
    shared = MemoryCounts()
    limiter = RateLimiter(LIMITS, now=watch, shared=shared)
    counted(limiter)
    shared.away = True
    with pytest.raises(StoreUnavailable):
        await limiter.exchange()
    watch.after_s = 60
    counted(limiter, WRITES)
    shared.away = False
    await limiter.exchange()
    assert list(shared.counts.values()) == [1]


async def test_the_names_of_shared_counts_tell_nobody_whose_they_are_or_that_they_are_the_same(watch: Watch) -> None:
    shared = MemoryCounts()
    for secret in (b"one", b"two"):
        limiter = RateLimiter(LIMITS, now=watch, shared=shared, secret=secret)
        for watch.after_s in (0, 60):
            counted(limiter, READS, "student-1")
            await limiter.exchange()
    assert len(shared.counts) == 4
    assert all(len(name) == 32 and set(name) <= set("0123456789abcdef") for name in shared.counts)


@pytest.mark.parametrize(
    ("host", "counted_as"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_of_an_address_that_is_counted_which_one_customer_has_one_of(host: str, counted_as: str) -> None:
    assert peer(host) == counted_as
