"""Mosquitto as a plant would run it, and its own clients as independent witnesses."""

import getpass
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from servers.binaries import program
from servers.deployed import mosquitto_settings
from servers.ports import accepts, free_port
from servers.process import ServerFailed, ServerProcess, wait_until

Setting = str | int | bool | Sequence[str]

# What a test decides for itself; everything else is as in deploy/mosquitto.conf.
_OWN = ("listener", "password_file", "acl_file", "allow_anonymous", "persistence_location")
_COMMON: Mapping[str, Setting] = {
    "sys_interval": 1,
    "set_tcp_nodelay": True,
    "log_dest": "stderr",
    "log_type": ("error", "warning", "notice", "information", "subscribe"),
}
_RECEIVED = "%r %q %t %x"


class Login(NamedTuple):
    """A user of the broker."""

    user: str
    password: str


class Message(NamedTuple):
    """One message as mosquitto_sub saw it."""

    topic: str
    payload: bytes
    qos: int
    retained: bool


class Mosquitto(ServerProcess):
    """A broker on 127.0.0.1.

    overrides: settings that replace or add to those of deploy/mosquitto.conf; a sequence is
        written as one line for each value. They are read again at every start.
    persistence: False keeps everything in memory, as Mosquitto does unless told otherwise.
    password_file, acl_file: given the first, nobody enters without a login.
    port: a free one unless given; kept over restarts.
    """

    name = "mosquitto"

    def __init__(
        self,
        directory: Path,
        overrides: Mapping[str, Setting] | None = None,
        *,
        persistence: bool = True,
        password_file: Path | None = None,
        acl_file: Path | None = None,
        port: int | None = None,
    ) -> None:
        super().__init__(directory)
        self.host = "127.0.0.1"
        self.port = port or free_port()
        self.overrides: dict[str, Setting] = {"persistence": persistence, **(overrides or {})}
        self._password_file = password_file
        self._acl_file = acl_file

    def save(self) -> None:
        """Returns when everything the broker holds now is on disk.

        Mosquitto 2.0 saves after it has acknowledged, whatever it is told: killed within some
        milliseconds it loses the last messages (4 of 12 when killed as soon as mosquitto_pub had
        ended, 0 of 12 at 50 ms). Save before `kill9` where a test counts on every message.
        """
        database = self.directory / "data" / "mosquitto.db"
        before = _identity(database)
        os.kill(self.pid, signal.SIGUSR1)
        # It writes a new file and renames it over the old one.
        wait_until(lambda: _identity(database) != before, "mosquitto to save", within_s=180.0)

    def _command(self) -> list[str]:
        config = self.directory / "mosquitto.conf"
        config.write_text(self._config())
        return [program("mosquitto"), "-c", str(config)]

    def _config(self) -> str:
        data = self.directory / "data"
        data.mkdir(exist_ok=True)
        settings: dict[str, Setting] = {
            **{key: value for key, value in mosquitto_settings().items() if key not in _OWN},
            **_COMMON,
            "persistence_location": f"{data}/",
            # Started by root it would change to a user who may not read this folder.
            "user": getpass.getuser(),
            "allow_anonymous": self._password_file is None,
            **({"password_file": str(self._password_file)} if self._password_file else {}),
            **({"acl_file": str(self._acl_file)} if self._acl_file else {}),
            **self.overrides,
        }
        lines = [f"listener {self.port} {self.host}"]
        for key, value in settings.items():
            lines += [f"{key} {_word(each)}" for each in _values(value)]
        return "\n".join(lines) + "\n"

    def _is_ready(self) -> bool:
        return accepts(self.port)


class MosquittoSub:
    """The program mosquitto_sub, writing what it receives to a file: a witness that shares no
    code with the engine.

    It reconnects and subscribes again by itself when the broker comes back. With `client_id` its
    session is persistent, so what is published while it or the broker is away arrives later.
    """

    def __init__(
        self,
        broker: Mosquitto,
        topics: str | Sequence[str],
        out: Path,
        *,
        qos: int = 1,
        client_id: str | None = None,
        login: Login | None = None,
    ) -> None:
        self.out = out
        self._broker = broker
        self._topics = [topics] if isinstance(topics, str) else list(topics)
        own_id = client_id or f"witness-{out.stem}"
        # A broker with use_username_as_clientid logs the subscription under the user's name.
        self._logged_as = {own_id, *([login.user] if login else [])}
        session = ["-i", own_id, *(["-c"] if client_id else [])]
        patterns = [word for topic in self._topics for word in ("-t", topic)]
        self._arguments = [
            *_address(broker, login), *session, "-q", str(qos), *patterns, "-F", _RECEIVED,
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Returns when the broker has noted every subscription. Appends to the file."""
        before = self._subscriptions_logged()
        errors = self.out.with_suffix(".err")
        with self.out.open("ab") as out, errors.open("ab") as err:
            self._process = subprocess.Popen(
                [program("mosquitto_sub"), *self._arguments], stdout=out, stderr=err
            )
        wanted = before + len(self._topics)
        wait_until(
            lambda: self._alive() and self._subscriptions_logged() >= wanted,
            f"mosquitto_sub to subscribe to {self._topics}",
            within_s=180.0,
        )

    def stop(self) -> None:
        """Ends the witness; what it received stays in the file."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait()

    def messages(self) -> list[Message]:
        """Everything received so far, in order. A line that is still being written is left out."""
        if not self.out.exists():
            return []
        whole, _, _ = self.out.read_text().rpartition("\n")
        return [_parse(line) for line in whole.split("\n") if line]

    def wait_for(self, count: int, *, within_s: float = 180.0) -> list[Message]:
        """The messages, as soon as there are at least `count`; raises ServerFailed in vain."""
        wait_until(
            lambda: self._lines() >= count,
            f"{count} messages on {self._topics} ({self.out})",
            within_s=within_s,
        )
        return self.messages()

    def _lines(self) -> int:
        return self.out.read_bytes().count(b"\n")

    def _alive(self) -> bool:
        process = self._process
        if process is None or process.poll() is not None:
            told = self.out.with_suffix(".err").read_text()
            raise ServerFailed(f"mosquitto_sub ended: {told}\n{self._broker.log_tail()}")
        return True

    def _subscriptions_logged(self) -> int:
        """Lines `<time>: <client> <qos> <topic>` of the broker's log that are this client's."""
        log = self._broker.log_file.read_text(errors="replace").splitlines()
        lines = [line.split(" ", 3) for line in log]
        return sum(
            len(words) == 4 and words[1] in self._logged_as and words[3] in self._topics
            for words in lines
        )


def mosquitto_pub(
    broker: Mosquitto,
    topic: str,
    payload: bytes | str,
    *,
    qos: int = 1,
    retain: bool = False,
    version: str = "mqttv311",
    login: Login | None = None,
) -> subprocess.CompletedProcess[str]:
    """Publishes one message with the program mosquitto_pub and returns how it ended.

    `returncode` is not 0 when the broker refused the login. A publication that the ACL refuses
    ends with 0 under MQTT 3.1.1, which has no word for it; `version="mqttv5"` is told.
    """
    data = payload.encode() if isinstance(payload, str) else payload
    body = ["-s"] if data else ["-n"]
    done = subprocess.run(
        [
            program("mosquitto_pub"), *_address(broker, login), "-V", version, "-q", str(qos),
            "-t", topic, *body, *(["-r"] if retain else []),
        ],
        input=data, capture_output=True, timeout=180, check=False,
    )  # fmt: skip
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


def write_passwords(path: Path, logins: Sequence[Login]) -> Path:
    """A password file by Mosquitto's own program mosquitto_passwd."""
    path.write_text("")
    path.chmod(0o600)
    for login in logins:
        subprocess.run([program("mosquitto_passwd"), "-b", str(path), *login], check=True)
    return path


def _address(broker: Mosquitto, login: Login | None) -> list[str]:
    who = ["-u", login.user, "-P", login.password] if login else []
    return ["-h", broker.host, "-p", str(broker.port), *who]


def _parse(line: str) -> Message:
    retained, qos, rest = line.split(" ", 2)
    topic, _, payload = rest.rpartition(" ")
    return Message(topic, bytes.fromhex(payload), int(qos), retained == "1")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _values(value: Setting) -> Sequence[str | int | bool]:
    return [value] if isinstance(value, str | int | bool) else value


def _word(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
