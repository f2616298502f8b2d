"""The endpoint over real HTTP on the loopback: what it answers, what it refuses, what it bears."""

import errno
import http.client
import json
import socket
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack

import pytest

from lifeline.engine.errors import SpecError
from lifeline.engine.limits import MONITORING_CONNECTIONS
from lifeline.engine.metrics import Check, Endpoint, Reading, catalogue

WITHIN_S = 180.0


class Process:
    """A process that a test puts into a state."""

    def __init__(self) -> None:
        self.alive = [Check("stepping", True, "turned 0.1 s ago")]
        self.ready = [Check("sources", True, "1 source")]
        self.fault = ""
        self.hold = threading.Event()
        self.hold.set()

    def readings(self) -> Iterable[Reading]:
        self.hold.wait(WITHIN_S)
        if self.fault:
            raise ValueError(self.fault)
        return [catalogue.LOG_POSITION(42, "0")]

    def liveness(self) -> Sequence[Check]:
        return self.alive

    def readiness(self) -> Sequence[Check]:
        return self.ready


@pytest.fixture
def process() -> Process:
    return Process()


@pytest.fixture
def endpoint(process: Process) -> Iterator[Endpoint]:
    endpoint = Endpoint(process, "engine", "127.0.0.1", 0)
    endpoint.start()
    yield endpoint
    process.hold.set()
    endpoint.stop()


def asked(endpoint: Endpoint, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=WITHIN_S)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def test_alive_and_ready_say_why(endpoint: Endpoint) -> None:
    status, headers, body = asked(endpoint, "GET", "/livez")
    assert status == 200
    assert headers["Content-Type"].startswith("application/json")
    assert json.loads(body) == {
        "ok": True,
        "role": "engine",
        "checks": [{"name": "stepping", "ok": True, "text": "turned 0.1 s ago"}],
    }
    assert asked(endpoint, "GET", "/readyz")[0] == 200


def test_one_check_that_fails_is_a_503_with_its_reason(
    endpoint: Endpoint, process: Process
) -> None:
    process.ready.append(Check("caught_up", False, "12 s behind"))
    status, _, body = asked(endpoint, "GET", "/readyz")
    assert status == 503
    answer = json.loads(body)
    assert answer["ok"] is False
    assert [check["text"] for check in answer["checks"] if not check["ok"]] == ["12 s behind"]
    assert asked(endpoint, "GET", "/livez")[0] == 200, "alive and not ready are two things"


def test_figures_come_in_prometheus_text_form(endpoint: Endpoint) -> None:
    status, headers, body = asked(endpoint, "GET", "/metrics?x=1")
    assert status == 200
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert int(headers["Content-Length"]) == len(body)
    assert b'\nlifeline_log_position{partition="0"} 42.0\n' in body
    assert b"# TYPE lifeline_log_position gauge\n" in body


def test_head_gives_the_same_without_a_body(endpoint: Endpoint) -> None:
    for path in ("/livez", "/readyz"):
        got = asked(endpoint, "GET", path)
        status, headers, body = asked(endpoint, "HEAD", path)
        assert (status, body) == (got[0], b"")
        assert headers["Content-Length"] == str(len(got[2]))


@pytest.mark.parametrize("path", ["/", "/livez/", "/../etc/passwd", "/metrics/x", "/debug", "*"])
def test_there_is_no_other_path(endpoint: Endpoint, path: str) -> None:
    status, _, body = asked(endpoint, "GET", path)
    assert status == 404
    assert b"/livez, /readyz, /metrics" in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_changed_here(endpoint: Endpoint, method: str) -> None:
    status, headers, _ = asked(endpoint, method, "/livez")
    assert status == 405
    assert headers["Allow"] == "GET, HEAD"


def test_a_fault_in_the_figures_is_told_and_ends_nothing(
    endpoint: Endpoint, process: Process
) -> None:
    process.fault = "a secret of the inside"
    status, _, body = asked(endpoint, "GET", "/metrics")
    assert status == 500
    assert b"secret" not in body
    process.fault = ""
    assert asked(endpoint, "GET", "/metrics")[0] == 200


def test_callers_beyond_the_limit_are_turned_away_and_the_next_is_served(
    endpoint: Endpoint, process: Process
) -> None:
    with ExitStack() as open_sockets:
        for _ in range(MONITORING_CONNECTIONS):
            caller = socket.create_connection((endpoint.host, endpoint.port), timeout=WITHIN_S)
            open_sockets.enter_context(caller)  # says nothing and stays
        status, headers, body = asked(endpoint, "GET", "/livez")
        assert (status, headers["Retry-After"]) == (503, "1")
        assert b"too many callers" in body
    served = threading.Event()
    for _ in range(1_000):
        if asked(endpoint, "GET", "/livez")[0] == 200:
            served.set()
            break
    assert served.is_set(), "who went away has freed the place"


def test_a_caller_who_sends_nonsense_or_leaves_in_the_middle_does_no_harm(
    endpoint: Endpoint, process: Process
) -> None:
    for sent in (b"\x00\xff\r\n\r\n", b"GET", b"GET /metrics HTTP/1.0\r\n", b"G" * 100_000):
        with socket.create_connection((endpoint.host, endpoint.port), timeout=WITHIN_S) as caller:
            caller.sendall(sent)
    assert asked(endpoint, "GET", "/livez")[0] in (200, 503)


def test_a_slow_answer_holds_up_nobody_else(endpoint: Endpoint, process: Process) -> None:
    process.hold.clear()
    scrape = threading.Thread(target=asked, args=(endpoint, "GET", "/metrics"))
    scrape.start()
    assert asked(endpoint, "GET", "/livez")[0] == 200
    process.hold.set()
    scrape.join(WITHIN_S)
    assert not scrape.is_alive()


def test_an_address_that_is_taken_is_the_operators_to_mend(
    endpoint: Endpoint, process: Process
) -> None:
    with pytest.raises(SpecError, match=f"127.0.0.1:{endpoint.port}.*in use"):
        Endpoint(process, "engine", "127.0.0.1", endpoint.port)
    with pytest.raises(SpecError, match="cannot be used"):
        Endpoint(process, "engine", "192.0.2.1", 0)


def test_the_port_is_free_again_after_the_end(process: Process) -> None:
    first = Endpoint(process, "engine", "127.0.0.1", 0)
    first.start()
    first.stop()
    first.stop()
    again = Endpoint(process, "engine", "127.0.0.1", first.port)
    again.start()
    assert asked(again, "GET", "/livez")[0] == 200
    again.stop()


def test_an_address_of_ipv6_is_served(process: Process) -> None:
    with socket.socket(socket.AF_INET6) as probe:
        if probe.connect_ex(("::1", 1)) == errno.EADDRNOTAVAIL:
            pytest.skip("this machine has no IPv6 loopback")
    endpoint = Endpoint(process, "engine", "::1", 0)
    endpoint.start()
    assert asked(endpoint, "GET", "/livez")[0] == 200
    endpoint.stop()
