"""Every ledger of erasures under the same tests: a file, and a compacted topic."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import pytest

from src.adapters.erasure_file import ErasureFile
from src.adapters.kafka_erasures import KafkaErasures
from src.adapters.kafka_producer import KafkaPublisher
from src.adapters.kafka_topics import KafkaTopics
from src.domain.erasures import Erasure
from src.errors import BrokerUnavailable
from src.ports import ErasureLedger
from tests.fakes import MemoryLedger
from tests.services import KafkaBroker
from tests.services.process import wait_until

ADA, BOB = "ad" * 16, "b0" * 16
ERASED = Erasure(1, 1_000)
CONSENTED = replace(ERASED, consented_us=2_000)
ERASED_AGAIN = Erasure(2, 3_000)
Opened: TypeAlias = Callable[[], ErasureLedger]


def with_topics(settings: dict[str, str | int]) -> KafkaTopics:
    """Return the topics once they are made: a broker that has just made one may not know it for a moment."""
    topics = KafkaTopics(settings, may_create=True)
    ledger = KafkaErasures(settings, publisher=KafkaPublisher(settings))

    def are_made() -> bool:
        try:
            topics.ensure()
            asyncio.run(ledger.read())
        except BrokerUnavailable:
            return False
        return True

    assert wait_until(are_made, 30)
    ledger.close()
    return topics


@pytest.fixture(params=["memory", "file", "kafka"])
async def opened(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opened]:
    """Return what opens the same ledger, as often as it is called."""
    if request.param == "memory":
        ledger = MemoryLedger()
        yield lambda: ledger
    elif request.param == "file":
        yield lambda: ErasureFile(tmp_path / "data")
    else:
        settings: dict[str, str | int] = {"bootstrap.servers": request.getfixturevalue("kafka_bootstrap")}
        await asyncio.to_thread(with_topics, settings)
        publisher = KafkaPublisher(settings)
        ledgers: list[KafkaErasures] = []

        def another() -> ErasureLedger:
            ledgers.append(KafkaErasures(settings, publisher=publisher))
            return ledgers[-1]

        yield another
        for one in ledgers:
            one.close()
        publisher.close()


async def test_a_new_ledger_is_empty(opened: Opened) -> None:
    assert await opened().read() == {}


async def test_the_newest_of_each_student_is_read_by_everybody(opened: Opened) -> None:
    ledger, other = opened(), opened()
    for erasure in (ERASED, CONSENTED):
        await ledger.write(ADA, erasure)
        assert await ledger.read() == await other.read() == {ADA: erasure}
    await other.write(BOB, ERASED)
    await other.write(ADA, ERASED_AGAIN)
    expected = {ADA: ERASED_AGAIN, BOB: ERASED}
    assert await ledger.read() == await other.read() == await opened().read() == expected


async def test_an_older_entry_that_comes_late_takes_nothing_back(opened: Opened) -> None:
    ledger = opened()
    for erasure in (ERASED_AGAIN, CONSENTED, ERASED):
        await ledger.write(ADA, erasure)
    assert await ledger.read() == await opened().read() == {ADA: ERASED_AGAIN}


# -- what only a file has


async def test_a_line_that_a_crash_has_torn_costs_only_itself(tmp_path: Path) -> None:
    ledger = ErasureFile(tmp_path)
    await ledger.write(ADA, ERASED)
    path = tmp_path / "erasures.jsonl"
    whole = path.read_bytes()
    await ledger.write(BOB, ERASED)
    end = path.stat().st_size
    for kept in range(len(whole), end):
        path.write_bytes(path.read_bytes()[:kept])
        assert await ledger.read() in ({ADA: ERASED}, {ADA: ERASED, BOB: ERASED})
        await ledger.write(BOB, ERASED_AGAIN)
        assert await ledger.read() == {ADA: ERASED, BOB: ERASED_AGAIN}


async def test_the_file_is_private_and_names_nobody(tmp_path: Path) -> None:
    await ErasureFile(tmp_path).write(ADA, CONSENTED)
    path = tmp_path / "erasures.jsonl"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().split() == [f'{{"subject":"{ADA}","number":1,"at_us":1000,"consented_us":2000}}']


# -- what only the topic has


async def test_the_topic_keeps_the_newest_entry_of_every_key_for_ever(kafka: KafkaBroker, kafka_bootstrap: str) -> None:
    settings: dict[str, str | int] = {"bootstrap.servers": kafka_bootstrap}
    KafkaTopics(settings, may_create=True).ensure()
    described = kafka.run_tool(
        "kafka-configs.sh", "--describe", "--entity-type", "topics", "--entity-name", "mastery.erasures"
    )
    assert "cleanup.policy=compact" in described.stdout


async def test_how_long_topics_keep_is_told(kafka_bootstrap: str) -> None:
    topics = await asyncio.to_thread(with_topics, {"bootstrap.servers": kafka_bootstrap})
    assert await topics.longest_ms() == 7 * 86_400_000


async def test_a_kafka_that_is_away_is_told_within_seconds() -> None:
    settings: dict[str, str | int] = {"bootstrap.servers": "127.0.0.1:1", "log_level": 0}
    ledger = KafkaErasures(settings, publisher=KafkaPublisher(settings))
    with pytest.raises(BrokerUnavailable):
        await ledger.read()
    ledger.close()
