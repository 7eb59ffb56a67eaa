"""The images of the overlay ``dev``, all of them built here and written to files: no registry is needed."""

import shutil
from pathlib import Path

from .docker import DockerClient, docker
from .image import NAME, build
from .java import BROKER, TOOLS
from .kubernetes import kubernetes_program
from .programs import HERE, daprd_program, kafka_jars

SERVICE = "learnflow/mastery-engine:latest"
OTHERS = {"redis": "redis:7.4-alpine", "kafka": "apache/kafka:4.3.1", "daprd": "daprio/daprd:1.16.5"}
"""The names that the overlay has for them."""

_SCRIPT = """\
#!/bin/sh
libs=/opt/kafka/libs
exec java $KAFKA_HEAP_OPTS -Dlog4j2.configurationFile=$libs/log4j2.properties -cp "$libs/*" {main} "$@"
"""


def build_images(directory: Path) -> list[Path]:
    """Build every image and return the files that hold them."""
    with docker() as client:
        checkout = directory / "checkout"
        checkout.mkdir(parents=True)
        build(client, checkout)
        client("tag", NAME, SERVICE)
        for name, tag in OTHERS.items():
            _build(client, directory / name, name, tag)
        _build_pause(client, directory / "pause")
        return [_save(client, directory, tag) for tag in (SERVICE, *OTHERS.values(), "pause:local")]


def _build(client: DockerClient, context: Path, name: str, tag: str) -> None:
    shutil.copytree(HERE / "images" / name, context)
    if name == "kafka":
        _add_kafka(context)
    if name == "daprd":
        shutil.copy2(daprd_program(), context / "daprd")
    client("build", "--tag", tag, context)


def _add_kafka(context: Path) -> None:
    shutil.copytree(kafka_jars(), context / "libs", ignore=shutil.ignore_patterns("*.jsa*"))
    shutil.copy2(HERE / "log4j2.properties", context / "libs")
    (context / "bin").mkdir()
    for name, main in {**TOOLS, "kafka-server-start.sh": BROKER}.items():
        script = context / "bin" / name
        script.write_text(_SCRIPT.format(main=main), encoding="utf-8")
        script.chmod(0o755)


def _build_pause(client: DockerClient, context: Path) -> None:
    context.mkdir()
    shutil.copy2(kubernetes_program("pause"), context / "pause")
    (context / "Dockerfile").write_text('FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause"]\n', encoding="utf-8")
    client("build", "--tag", "pause:local", context)


def _save(client: DockerClient, directory: Path, tag: str) -> Path:
    file = directory / f"{tag.replace('/', '-').replace(':', '-')}.tar"
    client("save", "--output", file, tag)
    return file
