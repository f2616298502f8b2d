"""Apache Kafka in KRaft mode: one process that is broker and controller."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from servers.binaries import kafka_classpath, program
from servers.deployed import kafka_settings
from servers.link import TcpLink
from servers.ports import accepts, free_port
from servers.process import ServerFailed, ServerProcess

_CLUSTER_ID = "TGlmZWxpbmUtdGVzdHMtMQ"  # any 16 bytes, base64
_LOG4J = """\
rootLogger.level = WARN
rootLogger.appenderRef.stdout.ref = STDOUT
appender.stdout.type = Console
appender.stdout.name = STDOUT
appender.stdout.layout.type = PatternLayout
appender.stdout.layout.pattern = [%d] %p %m (%c)%n
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = INFO
"""


@dataclass(frozen=True)
class KafkaLogin:
    """A user of the SASL_SSL listener."""

    user: str
    password: str
    mechanism: str = "SCRAM-SHA-512"


@dataclass(frozen=True)
class KafkaSecurity:
    """The second listener: TLS by these PEM files, and SCRAM for these users.

    With `client_ca` a client must show a certificate signed by it. Without `users` the listener
    is SSL alone. The key must be PKCS#8 and not encrypted.
    """

    certificate: Path
    key: Path
    users: Sequence[KafkaLogin] = ()
    client_ca: Path | None = None

    @property
    def protocol(self) -> str:
        return "SASL_SSL" if self.users else "SSL"


@dataclass
class Kafka(ServerProcess):
    """A broker on 127.0.0.1 that keeps its ports and data over stops, kills and restarts.

    bootstrap   `127.0.0.1:port` of the PLAINTEXT listener, open to everybody
    secured     the same of the second listener; needs `security`
    overrides   broker settings beside those of deploy/kafka, such as {"log.cleaner.backoff.ms": 100}
    link        carries who connects to `far`, another PLAINTEXT listener: clients of it can be cut
                off by themselves
    heap_mb     the JVM's heap; `fast_start` gives up peak speed for a start of half the time:
                off for benchmarks
    """

    directory: Path
    security: KafkaSecurity | None = None
    overrides: Mapping[str, str | int] = field(default_factory=dict)
    link: TcpLink | None = None
    heap_mb: int = 384
    fast_start: bool = True

    name = "kafka"
    ready_within_s = 90.0  # a JVM on a machine that is busy with other things

    def __post_init__(self) -> None:
        super().__init__(self.directory)
        self.port = free_port()
        self.secured_port = free_port()
        self._controller_port = free_port()

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def far(self) -> str:
        assert self.link is not None
        return f"127.0.0.1:{self.link.port}"

    @property
    def secured(self) -> str:
        return f"127.0.0.1:{self.secured_port}"

    def _command(self) -> list[str]:
        config = self.directory / "server.properties"
        config.write_text(_properties(self._settings()))
        (self.directory / "log4j2.properties").write_text(_LOG4J)
        if not (self.directory / "data" / "meta.properties").exists():
            self._format(config)
        return [*self._java(), "kafka.Kafka", str(config)]

    def _java(self) -> list[str]:
        return [
            program("java"),
            f"-Xms{self.heap_mb}m",
            f"-Xmx{self.heap_mb}m",
            "-XX:+UseSerialGC",
            *(["-XX:TieredStopAtLevel=1"] if self.fast_start else []),
            "-Djava.awt.headless=true",
            f"-Dlog4j2.configurationFile={self.directory / 'log4j2.properties'}",
            "-cp",
            kafka_classpath(),
        ]

    def _format(self, config: Path) -> None:
        """Writes the cluster's id and its users, once: what `kafka-storage.sh format` does."""
        users = self.security.users if self.security else ()
        scram = [
            word
            for login in users
            for word in (
                "--add-scram",
                f"{login.mechanism}=[name={login.user},password={login.password}]",
            )
        ]
        done = subprocess.run(
            [
                *self._java(), "kafka.tools.StorageTool", "format",
                "--cluster-id", _CLUSTER_ID, "--config", str(config), *scram,
            ],
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise ServerFailed(f"kafka-storage format failed: {done.stdout}{done.stderr}")

    def _settings(self) -> dict[str, str | int]:
        listeners = {"PLAINTEXT": self.port}
        protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT"}
        if self.security is not None:
            listeners["SECURED"] = self.secured_port
            protocols["SECURED"] = self.security.protocol
        if self.link is not None:
            listeners["FAR"], protocols["FAR"] = self.link.target, "PLAINTEXT"
        client = [f"{name}://127.0.0.1:{port}" for name, port in listeners.items()]
        told = [
            f"FAR://{self.far}" if self.link and each.startswith("FAR:") else each
            for each in client
        ]
        return {
            **kafka_settings(),
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller_port}",
            "listeners": ",".join([*client, f"CONTROLLER://127.0.0.1:{self._controller_port}"]),
            "advertised.listeners": ",".join(told),
            "listener.security.protocol.map": ",".join(f"{a}:{b}" for a, b in protocols.items()),
            "log.dirs": str(self.directory / "data"),
            "offsets.topic.num.partitions": 4,
            # A broker that was killed comes back only when its last life's session has ended; by
            # default that takes 9 s.
            "broker.session.timeout.ms": 3_000,
            "broker.heartbeat.interval.ms": 500,
            # A first member waits for others by default 3 s.
            "group.initial.rebalance.delay.ms": 100,
            "num.network.threads": 2,
            "num.io.threads": 4,
            **(self._secured_settings(self.security) if self.security else {}),
            **self.overrides,
        }

    def _secured_settings(self, security: KafkaSecurity) -> dict[str, str]:
        one = "listener.name.secured."
        store = self.directory / "server.pem"
        store.write_text(security.key.read_text() + security.certificate.read_text())
        store.chmod(0o600)
        deployed = kafka_settings("kafka-secured.properties")
        by_login = (f"{one}sasl.", f"{one}scram-")
        settings = {k: v for k, v in deployed.items() if not k.startswith(by_login)}
        settings[f"{one}ssl.keystore.location"] = str(store)
        if security.client_ca is not None:
            settings |= {
                f"{one}ssl.client.auth": "required",
                f"{one}ssl.truststore.type": "PEM",
                f"{one}ssl.truststore.location": str(security.client_ca),
            }
        mechanisms = sorted({login.mechanism for login in security.users})
        if mechanisms:
            settings[f"{one}sasl.enabled.mechanisms"] = ",".join(mechanisms)
            module = deployed[f"{one}scram-sha-512.sasl.jaas.config"]
            for mechanism in mechanisms:
                settings[f"{one}{mechanism.lower()}.sasl.jaas.config"] = module
        return settings

    def _is_ready(self) -> bool:
        return accepts(self.port) and "Kafka Server started" in self._started()

    def _started(self) -> str:
        """What this run of the broker has logged; earlier runs wrote into the same file."""
        with self.log_file.open("rb") as log:
            log.seek(self._log_from)
            return log.read().decode(errors="replace")

    def start(self) -> None:
        self._log_from = self.log_file.stat().st_size if self.log_file.exists() else 0
        super().start()


def _properties(settings: Mapping[str, str | int]) -> str:
    return "".join(f"{key}={value}\n" for key, value in settings.items())
