"""A broker that takes what is published, one record after another."""

from collections.abc import Sequence

import msgspec

from src.dead_letters import read_back
from src.errors import BrokerUnavailable
from src.ports import Message, Topic

from ..schedule import Loss
from ..trace import Trace
from .seams import pause


class Broker:
    """Everything that was published, in the order in which it arrived."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def of(self, topic: Topic) -> list[Message]:
        return [message for message in self.messages if message.topic == topic]


class RecordingPublisher:
    """What one consumer publishes with; where ``loses`` is set a record may get lost, or only the word of it."""

    def __init__(self, broker: Broker, trace: Trace, name: str, *, loses: bool) -> None:
        self._broker = broker
        self._trace = trace
        self._name = name
        self._loses = loses

    async def publish(self, messages: Sequence[Message]) -> None:
        for message in messages:
            asked = await pause()
            loss = asked if self._loses else None
            if loss is Loss.REQUEST:
                self._fail()
            self._broker.messages.append(message)
            self._trace.say("%s PUBLISHES %s", self._name, _described(message))
            if loss is not None:
                self._fail()
        await pause()  # it is all with the broker, and nobody knows

    def _fail(self) -> None:
        self._trace.say("%s hears nothing from the broker", self._name)
        detail = "lost"
        raise BrokerUnavailable(detail)


def _described(message: Message) -> str:
    if message.topic == Topic.DEAD_LETTERS:
        told = read_back(message.headers, partition=0, offset=0, timestamp_ms=0)
        return f"dead letter {told.origin} {told.reason}"
    event = msgspec.json.decode(message.value or b"")
    data = {name: value for name, value in event["data"].items() if name != "mastery"}
    return f"{event['type'].removeprefix('com.learnflow.mastery.')} {data}"
