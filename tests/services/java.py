"""How Kafka's programs are run: the broker and its own command line tools, over the same jars."""

import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from .programs import HERE, check_java, java_program, kafka_jars

TOOLS: Mapping[str, str] = {
    "kafka-acls.sh": "org.apache.kafka.tools.AclCommand",
    "kafka-configs.sh": "kafka.admin.ConfigCommand",
    "kafka-console-consumer.sh": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-console-producer.sh": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-consumer-groups.sh": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-delete-records.sh": "org.apache.kafka.tools.DeleteRecordsCommand",
    "kafka-dump-log.sh": "org.apache.kafka.tools.DumpLogSegments",
    "kafka-get-offsets.sh": "org.apache.kafka.tools.GetOffsetShell",
    "kafka-storage.sh": "kafka.tools.StorageTool",
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
}
"""Kafka's tools by the names under which its distribution has them."""

BROKER = "kafka.Kafka"
ROLES = ("broker", "tool")
_BROKER_OPTIONS = ("-Xms128m", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-Dkafka.log.level=INFO")
_TOOL_OPTIONS = ("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_OPTIONS = (
    "-XX:-UsePerfData",  # it would leave files in the directory of temporary files
    "-Djava.net.preferIPv4Stack=true",
    f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}",
)
_SCRIPT = """\
#!/bin/sh
# Made by tests/services: the tool of this name, as Kafka's distribution has it.
exec {java} $KAFKA_OPTS {main} "$@"
"""


@dataclass(frozen=True, slots=True)
class KafkaPrograms:
    """A Java and the jars of one Kafka."""

    java: Path
    jars: Path
    recording: bool = False

    @classmethod
    def find(cls, *, recording: bool = False) -> Self:
        """Look for them on this machine; raises ``Unavailable``."""
        return cls(java_program(), kafka_jars(), recording)

    def broker(self, *arguments: str | Path, heap: str) -> Sequence[str | Path]:
        """Return the command that runs the broker."""
        return [*self._java("broker", f"-Xmx{heap}", *_BROKER_OPTIONS), BROKER, *arguments]

    def run_tool(self, name: str, *arguments: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run one of ``TOOLS`` to its end, whatever that is."""
        command = [*self._java("tool", *_TOOL_OPTIONS), TOOLS[name], *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        if "UnsupportedClassVersionError" in done.stderr:
            check_java(self.java)
        return done

    def write_scripts(self, directory: Path) -> None:
        """Write every tool into a directory as a script of its usual name."""
        directory.mkdir(exist_ok=True)
        java = shlex.join(str(word) for word in self._java("tool", *_TOOL_OPTIONS))
        for name, main in TOOLS.items():
            script = directory / name
            script.write_text(_SCRIPT.format(java=java, main=main), encoding="utf-8")
            script.chmod(0o755)

    def keep_recorded(self) -> None:
        """Use from now on the classes that the last broker and the last tool have loaded, if they were recorded."""
        for role in ROLES:
            self._recorded(role).replace(self._archive(role))

    def _java(self, role: str, *options: str) -> list[str | Path]:
        return [self.java, *options, *_OPTIONS, *self._sharing(role), "-cp", f"{self.jars}/*"]

    def _sharing(self, role: str) -> list[str]:
        """Let Java take the classes of a role from an archive, which halves the time to start."""
        if self.recording:
            return [f"-XX:ArchiveClassesAtExit={self._recorded(role)}"]
        if not self._archive(role).exists():
            return []
        # An archive that does not fit this Java is left aside; that is not to be told in the output of a tool.
        return [f"-XX:SharedArchiveFile={self._archive(role)}", "-Xlog:cds=off"]

    def _archive(self, role: str) -> Path:
        return self.jars / f"{role}.jsa"

    def _recorded(self, role: str) -> Path:
        return self.jars / f"{role}.jsa.part"
