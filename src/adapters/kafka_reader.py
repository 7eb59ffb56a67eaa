"""How a topic is read that nobody subscribes to: by somebody who is told from where to where."""

from .kafka_topics import GROUP

READER: dict[str, str | int | bool] = {
    # Never subscribed, so never a member.
    "group.id": GROUP,
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "earliest",
    "isolation.level": "read_committed",
    "fetch.wait.max.ms": 50,
    "queued.max.messages.kbytes": 4096,
}
