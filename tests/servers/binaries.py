"""Where the servers' programs are."""

import os
import shutil
from pathlib import Path

INFLUXD_VERSION = "1.8.10"
INFLUXD_V1_VERSION = "1.6.7"  # Debian's
KAFKA_VERSION = "4.1.0"  # a test holds it to .ci/kafka.xml
# Debian puts daemons where an ordinary user's PATH does not look.
_SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin"


class ServerMissing(AssertionError):
    """A program that the test needs is not on this machine. The test fails; it is not skipped."""

    def __init__(self, program: str, looked: str) -> None:
        super().__init__(
            f"{program} is not installed (looked in {looked}); `make integration` installs it, "
            "`make test` runs everything that needs no server"
        )


def program(name: str) -> str:
    """Path of an installed program such as mosquitto or mosquitto_sub.

    Raises ServerMissing.
    """
    search = f"{os.environ.get('PATH', os.defpath)}:{_SYSTEM_PATH}"
    found = shutil.which(name, path=search)
    if found is None:
        raise ServerMissing(name, search)
    return found


def influxd(version: str = INFLUXD_VERSION) -> str:
    """Path of an InfluxDB that `make integration` put into the cache: 1.8.10 built from source,
    1.6.7 unpacked from Debian's package, so that no service starts on the machine.

    An influxd on PATH is not taken: it may be any version. Raises ServerMissing.
    """
    path = cache() / f"influxd-{version}" / "influxd"
    if not os.access(path, os.X_OK):
        raise ServerMissing(f"influxd {version}", str(path))
    return str(path)


def kafka_classpath() -> str:
    """The class path of Apache Kafka, whose jars `make integration` copies into the cache.

    Raises ServerMissing.
    """
    folder = cache() / f"kafka-{KAFKA_VERSION}"
    if not any(folder.glob("kafka_*.jar")):
        raise ServerMissing(f"Apache Kafka {KAFKA_VERSION}", str(folder))
    return f"{folder}/*"


def cache() -> Path:
    """The folder outside the tree that `.ci/servers` fills; the same rule as there."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "lifeline"
