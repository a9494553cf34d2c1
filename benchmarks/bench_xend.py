"""Listing 500 guests through XenD, of each generation and through each of its doors.

Run with ``pytest benchmarks/bench_xend.py``. The number of requests is asserted: one, but where
xend tells a paused guest's state only by itself. The simulated XenD runs in this process, so its
own work counts too: it is measured by itself as well ("daemon").
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from xenparley.domain.config import Boot, GuestConfig, Vcpus
from xenparley.domain.guest import Field
from xenparley.negotiation.capability import Role
from xenparley.plugin.spi import ChannelContext
from xenparley.plugin.uri import parse_uri
from xenparley_sim import Hypervisor
from xenparley_sim.xend_generation import GENERATIONS, Generation
from xenparley_sim.xend_host import XendHost
from xenparley_sim.xend_server import XendServer
from xenparley_xend.channel import make

GUESTS = 500
ROUNDS = 5
#: Generation, door, how many guests are paused.
CASES = [
    (made_as, door, paused)
    for made_as in GENERATIONS
    for door, paused, has in (
        ("http", 0, True),
        ("http", 50, made_as.managed),
        ("xmlrpc", 50 if made_as.managed else 0, made_as.xmlrpc),
    )
    if has
]


@pytest.fixture
def hypervisor(request: Any) -> Iterator[Hypervisor]:
    made = Hypervisor()
    for number in range(GUESTS):
        config = GuestConfig(
            name=f"guest-{number}",
            memory_kib=65536,
            vcpus=Vcpus(maximum=2),
            boot=Boot(kernel="/boot/vmlinuz"),
        )
        made.create(config, paused=number < request.param)
    yield made
    made.close()


@pytest.mark.benchmark(group=f"listing {GUESTS} guests through XenD")
@pytest.mark.parametrize(
    ("made_as", "door", "hypervisor"),
    CASES,
    indirect=["hypervisor"],
    ids=[f"{made_as.release}-{door}-{paused} paused" for made_as, door, paused in CASES],
)
def test_list(
    benchmark: Any, request: Any, hypervisor: Hypervisor, made_as: Generation, door: str
) -> None:
    paused = request.node.callspec.params["hypervisor"]
    host = XendHost(hypervisor, made_as)
    # the path of a UNIX socket is short
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "xend"
        with XendServer(host, **{"http_path" if door == "http" else "xmlrpc_path": path}):
            settings = {"path": str(path), "protocol": door}
            channel = make(ChannelContext("xend", parse_uri("xend+unix:///x"), False, settings))
            inventory = channel.port(Role.INVENTORY)
            inventory.list_live([], domids=[0], deadline=time.monotonic() + 60)
            before = host.requests
            rows = benchmark.pedantic(
                lambda: inventory.list_live(list(Field), deadline=time.monotonic() + 60),
                rounds=ROUNDS,
            )
            requests = (host.requests - before) / ROUNDS
            channel.close()
    assert len(rows) == GUESTS + 1
    one = door == "xmlrpc" or not made_as.managed
    assert requests == (1 if one else 2 + paused)
    benchmark.extra_info["requests"] = requests


@pytest.mark.benchmark(group=f"listing {GUESTS} guests through XenD")
@pytest.mark.parametrize("hypervisor", [0], indirect=True)
def test_daemon(benchmark: Any, hypervisor: Hypervisor) -> None:
    host = XendHost(hypervisor, GENERATIONS[-1])
    shown = benchmark.pedantic(
        lambda: [host.shown(guest) for guest in host.listed("all")], rounds=ROUNDS
    )
    assert len(shown) == GUESTS + 1
