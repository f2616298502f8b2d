"""The embedded broker: on loopback only, and never longer than we live."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from lifeline.engine.limits import BROKER_CONNECTIONS, MQTT_MAX_PACKET_BYTES
from lifeline.engine.mqtt.broker import BrokerError, EmbeddedBroker
from servers.process import wait_until

LISTENING = "0A"
# The handler is set, since a shell starts what it runs in the background with Ctrl-C ignored.
PARENT = """
import signal, sys, time
from lifeline.engine.mqtt import EmbeddedBroker
signal.signal(signal.SIGINT, signal.default_int_handler)
with EmbeddedBroker() as broker:
    try:
        print(broker.port, broker.pid, flush=True)
        time.sleep(600)
    except KeyboardInterrupt:
        import socket
        socket.create_connection((broker.host, broker.port), 5).close()
        print("still there", flush=True)
"""


def listening_addresses(port: int) -> list[str]:
    """Local addresses, in the kernel's hexadecimal, on which somebody listens at `port`."""
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            address, hexadecimal = local.split(":")
            if state == LISTENING and int(hexadecimal, 16) == port:
                found.append(address)
    return found


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_both_ports_are_bound_to_127_0_0_1_and_nothing_else() -> None:
    with EmbeddedBroker() as broker:
        for port in (broker.port, broker.port_v5):
            assert listening_addresses(port) == ["0100007F"]


def test_its_process_listens_nowhere_else() -> None:
    with EmbeddedBroker() as broker:
        sockets = set()
        for fd in Path(f"/proc/{broker.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed since it was listed
                sockets.add(os.readlink(fd).removeprefix("socket:[").rstrip("]"))
        rows = [
            line.split()
            for table in ("/proc/net/tcp", "/proc/net/tcp6", "/proc/net/udp", "/proc/net/udp6")
            for line in Path(table).read_text().splitlines()[1:]
        ]
        ports = {int(r[1].split(":")[1], 16) for r in rows if r[9] in sockets and r[3] == LISTENING}
        assert ports == {broker.port, broker.port_v5}


def test_the_limits_are_ours() -> None:
    text = EmbeddedBroker(port=1, port_v5=2).config()
    assert f"max_connections = {BROKER_CONNECTIONS}" in text
    assert text.count(f"max_payload_size = {MQTT_MAX_PACKET_BYTES}") == 2
    assert 'listen = "127.0.0.1:1"' in text
    assert 'listen = "127.0.0.1:2"' in text


def test_a_stopped_broker_frees_its_ports_process_and_files() -> None:
    broker = EmbeddedBroker()
    broker.start()
    pid = broker.pid
    broker.stop()
    broker.stop()
    assert not is_alive(pid)
    with EmbeddedBroker(broker.port, broker.port_v5) as again:
        assert again.port == broker.port


def test_a_taken_port_is_refused_with_its_number() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BrokerError, match=str(port)):
            EmbeddedBroker(port).start()


def started_parent() -> tuple[subprocess.Popen[str], int, int]:
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    port, pid = (int(word) for word in process.stdout.readline().split())
    return process, port, pid


def test_it_ends_when_its_owner_is_killed() -> None:
    process, _, pid = started_parent()
    with process:
        assert is_alive(pid)
        process.kill()
        process.wait(180)
        wait_until(lambda: not is_alive(pid), "the broker's process to end", within_s=180)


def test_ctrl_c_leaves_it_alive_until_its_owner_has_ended_in_order() -> None:
    process, _, pid = started_parent()
    with process:
        os.killpg(process.pid, signal.SIGINT)  # the group that the test itself has just made
        assert process.stdout is not None
        assert process.stdout.readline() == "still there\n"
        assert process.wait(180) == 0
        wait_until(lambda: not is_alive(pid), "the broker's process to end", within_s=180)
