"""EPANET moved by hand gives what EPANET gives when it is left alone, and what a hand calculates."""

from __future__ import annotations

import ctypes
import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest

from lifeline.engine.errors import InvariantError
from lifeline.simulators import epanet
from lifeline.simulators.epanet import EMITTER, FLOW, HEAD, PRESSURE, QUALITY, Epanet
from lifeline.simulators.water_district import emitter

HOUR_S = 3600
# Fields of a period in EPANET's binary results, its manual appendix C.5: 4 of nodes, 8 of links.
NODE_FIELDS, LINK_FIELDS = 4, 8
# Four mean reaction rates, the number of periods, a flag and a magic number.
EPILOG = 28


def network_file(name: str) -> Path:
    """One of EPANET's published examples, as wntr ships it."""
    spec = importlib.util.find_spec("wntr")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "library" / "networks" / f"{name}.inp"


def own_results(
    folder: Path, name: str
) -> tuple[list[str], list[str], np.ndarray, np.ndarray, np.ndarray]:
    """EPANET's whole run: names of nodes and links; heads, qualities, flows by (period, index)."""
    lib, project = epanet._library(), ctypes.c_uint64()
    lib.EN_createproject(ctypes.byref(project))
    out = folder / "results"
    files = (str(network_file(name)), str(folder / "report"), str(out))
    assert lib.EN_runproject(project, *(f.encode() for f in files), None) < 100
    lib.EN_deleteproject(project)
    raw = out.read_bytes()
    count = np.frombuffer(raw, np.int32, 15)
    nodes, links = int(count[2]), int(count[4])
    at = 60 + 3 * 80 + 2 * 260 + 2 * 32
    names = [raw[at + 32 * i : at + 32 * (i + 1)].split(b"\0")[0].decode() for i in range(nodes)]
    at += 32 * nodes
    pipes = [raw[at + 32 * i : at + 32 * (i + 1)].split(b"\0")[0].decode() for i in range(links)]
    periods = int(np.frombuffer(raw[-12:], np.int32)[0])
    width = NODE_FIELDS * nodes + LINK_FIELDS * links
    table = np.frombuffer(raw[-EPILOG - 4 * width * periods : -EPILOG], np.float32)
    table = table.reshape(periods, width)
    head, quality = table[:, nodes : 2 * nodes], table[:, 3 * nodes : 4 * nodes]
    return names, pipes, head, quality, table[:, 4 * nodes : 4 * nodes + links]


@pytest.mark.parametrize("name", ["Net1", "Net3"])
def test_stepped_by_hand_it_gives_its_own_results(tmp_path: Path, name: str) -> None:
    """Heads within 10⁻⁵, flows within 10⁻⁴ of the largest, quality within 10⁻³ of it (single precision
    in the file, hours and days of decay, tracing, controls and pumps)."""
    names, pipes, head, quality, flow = own_results(tmp_path, name)
    net = Epanet(network_file(name).read_text())
    nodes, links = [net.node(n) for n in names], [net.link(p) for p in pipes]
    period = 0
    while True:
        now = net.solve()
        if now % HOUR_S == 0:
            heads = np.array([net.of_node(n, HEAD) for n in nodes])
            flows = np.array([net.of_link(p, FLOW) for p in links])
            told = np.array([net.of_node(n, QUALITY) for n in nodes])
            assert np.abs(heads - head[period]).max() < 1e-5 * np.abs(head).max()
            assert np.abs(flows - flow[period]).max() < 1e-4 * np.abs(flow).max()
            assert np.abs(told - quality[period]).max() < 1e-3 * np.abs(quality).max()
            period += 1
        if net.move(HOUR_S) == 0:
            break
    assert period == len(head) > 24


ONE_PIPE = """[JUNCTIONS]
 A 0 0
[RESERVOIRS]
 R 40
[PIPES]
 P R A 1000 200 120 0 Open
[OPTIONS]
 Units LPS
 Headloss H-W
 Quality None
 Accuracy 0.0000001
[TIMES]
 Duration 24:00
[END]
"""


def test_a_leak_is_an_orifice_at_the_end_of_a_pipe() -> None:
    """Q = Cd A √(2 g h), and 40 − h is Hazen–Williams' loss of that Q: within 10⁻⁴ of both."""
    net = Epanet(ONE_PIPE)
    net.set_node(net.node("A"), EMITTER, emitter(50.0))
    net.solve()
    head, flow = net.of_node(net.node("A"), PRESSURE), net.of_link(net.link("P"), FLOW)
    area = math.pi / 4 * 0.05**2
    assert flow == pytest.approx(1000 * 0.6 * area * math.sqrt(2 * 9.80665 * head), rel=1e-4)
    loss = 10.67 * (flow / 1000) ** 1.852 / (120**1.852 * 0.2**4.871) * 1000
    assert 40.0 - head == pytest.approx(loss, rel=2e-3)
    assert flow > 15.0


def test_a_network_that_cannot_be_read_is_refused_with_epanet_s_code() -> None:
    with pytest.raises(InvariantError, match="error 2"):
        Epanet("[JUNCTIONS]\n A 0 0\n[PIPES]\n P A B 1 1 1\n[END]\n")
