"""What every store of the audit trail does, whatever it is made of."""

from src.audit import Seal
from src.ports import Chain, Link, Person, SealedRow

from .conftest import Kept

SEAL = Seal(b"a key of this test")


def body(subject: str | None = None, actor: str | None = None) -> bytes:
    parts = [f'"{name}":"{value}"' for name, value in (("subject", subject), ("actor", actor)) if value]
    return ("{" + ",".join(parts) + "}").encode()


async def begun(kept: Kept, *bodies: bytes) -> tuple[Chain, list[SealedRow]]:
    after, rows = SEAL.extend(SEAL.begin("chain-1"), bodies)
    assert await kept.store.extend(None, after, rows)
    return after, rows


async def test_a_trail_without_rows_has_no_chain(kept: Kept) -> None:
    assert await kept.store.chain() is None
    assert await kept.store.after(0, 10) == []
    assert await kept.store.newest(None, 10) == []
    assert await kept.store.at([1]) == []


async def test_rows_come_back_as_they_were_sealed(kept: Kept) -> None:
    chain, rows = await begun(kept, b'{"n":1}', '{"n":"é"}'.encode(), b'{"n":3}')
    assert await kept.store.chain() == chain
    assert await kept.store.after(0, 10) == rows
    assert await kept.store.after(1, 1) == rows[1:2]
    assert await kept.store.newest(None, 2) == rows[:0:-1]
    assert await kept.store.newest(3, 10) == rows[1::-1]
    assert await kept.store.newest(1, 10) == []
    assert await kept.store.at([3, 1, 9]) == [rows[0], rows[2]]


async def test_a_trail_is_extended_only_where_it_ends(kept: Kept) -> None:
    chain, rows = await begun(kept, body())
    after, more = SEAL.extend(chain, [body(), body()])
    for elsewhere in (None, chain.anchor, Link(1, "0" * 32)):
        assert not await kept.store.extend(elsewhere, after, more)
    assert await kept.store.after(0, 10) == rows
    assert await kept.store.extend(chain.head, after, more)
    assert not await kept.store.extend(chain.head, after, more)
    assert await kept.store.after(0, 10) == rows + more
    assert await kept.store.chain() == after


async def test_rows_are_found_by_whom_they_are_about_and_by_who_acted(kept: Kept) -> None:
    _, rows = await begun(kept, body("s", "a"), body("s"), body(None, "a"), body("t", "s"), body())
    assert await kept.store.newest(None, 10, Person("subject", "s")) == [rows[1], rows[0]]
    assert await kept.store.newest(2, 10, Person("subject", "s")) == [rows[0]]
    assert await kept.store.newest(None, 1, Person("actor", "a")) == [rows[2]]
    assert await kept.store.newest(None, 10, Person("actor", "s")) == [rows[3]]
    assert await kept.store.newest(None, 10, Person("actor", "t")) == []


async def test_what_comes_before_an_anchor_is_forgotten(kept: Kept) -> None:
    chain, rows = await begun(kept, *[body("s")] * 5)
    anchor = rows[2].link
    trimmed = Chain(chain.chain_id, anchor, SEAL.signature(chain.chain_id, anchor), chain.head)
    await kept.store.trim(trimmed)
    assert await kept.store.after(0, 10) == rows[3:]
    assert await kept.store.newest(None, 10, Person("subject", "s")) == rows[:2:-1]
    earlier = rows[0].link
    await kept.store.trim(Chain(chain.chain_id, earlier, SEAL.signature(chain.chain_id, earlier), chain.head))
    assert await kept.store.chain() == trimmed


async def test_a_trail_goes_on_after_its_end_was_cut_off(kept: Kept) -> None:
    chain, rows = await begun(kept, body(), body(), body())
    await kept.tamper(rows[:1])
    found = await kept.store.chain()
    assert found is not None
    assert found.head == rows[0].link
    after, more = SEAL.extend(found, [body()])
    assert await kept.store.extend(found.head, after, more)
    assert [row.seq for row in await kept.store.after(0, 10)] == [1, 2]
    assert chain.chain_id == found.chain_id


async def test_a_salt_stays_until_it_is_forgotten(kept: Kept) -> None:
    assert await kept.store.salt("a") is None
    assert await kept.store.salts(["a", "b"], [b"1", b"2"], 100) == [b"1", b"2"]
    assert await kept.store.salts(["b", "c"], [b"3", b"4"], 101) == [b"2", b"4"]
    assert await kept.store.salt("a") == b"1"
    assert await kept.store.forget_salt("a")
    assert not await kept.store.forget_salt("a")
    assert await kept.store.salt("a") is None
    assert await kept.store.salts(["a"], [b"5"], 101) == [b"5"]
