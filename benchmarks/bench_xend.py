"""Listing 500 guests through XenD. Usage: ``python benchmarks/bench_xend.py``.

For each generation and door: the number of requests (asserted), the bytes of the answers, and
milliseconds of the whole listing, best and median, against the simulated XenD in this process
(its own work is counted too, and measured by itself as "daemon").
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

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


def measure(made_as: Generation, door: str, paused: int) -> None:
    """Measure and print one line."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "xend"
        hypervisor = Hypervisor()
        for number in range(GUESTS):
            config = GuestConfig(
                name=f"guest-{number}",
                memory_kib=65536,
                vcpus=Vcpus(maximum=2),
                boot=Boot(kernel="/boot/vmlinuz"),
            )
            hypervisor.create(config, paused=number < paused)
        host = XendHost(hypervisor, made_as)
        paths = {"http_path" if door == "http" else "xmlrpc_path": path}
        with XendServer(host, **paths):
            context = ChannelContext(
                "xend",
                parse_uri("xend+unix:///x"),
                False,
                {"path": str(path), "protocol": door},
            )
            channel = make(context)
            inventory = channel.port(Role.INVENTORY)
            inventory.list_live([], domids=[0], deadline=time.monotonic() + 60)
            times = []
            for _ in range(ROUNDS):
                before = host.requests
                start = time.perf_counter()
                rows = inventory.list_live(list(Field), deadline=time.monotonic() + 60)
                times.append((time.perf_counter() - start) * 1e3)
                assert len(rows) == GUESTS + 1
                requests = host.requests - before
                if door == "xmlrpc" or not made_as.managed:
                    assert requests == 1
                else:
                    assert requests == 2 + paused
            start = time.perf_counter()
            for guest in host.listed("all"):
                host.shown(guest)
            daemon = (time.perf_counter() - start) * 1e3
            channel.close()
        hypervisor.close()
    print(
        f"Xen {made_as.release:6} {door:6} {paused:3} paused: {requests:3} requests, "
        f"best {min(times):7.1f}, median {statistics.median(times):7.1f} ms (daemon {daemon:.1f})"
    )


def main() -> None:
    """Measure every generation and door."""
    for made_as in GENERATIONS:
        measure(made_as, "http", 0)
        if made_as.managed:
            measure(made_as, "http", 50)
        if made_as.xmlrpc:
            measure(made_as, "xmlrpc", 50 if made_as.managed else 0)


if __name__ == "__main__":
    main()
