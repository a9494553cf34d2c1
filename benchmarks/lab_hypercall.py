"""Listing all guests with their state in a real dom0: through us, and through everybody else.

Usage, in dom0: ``python3 benchmarks/lab_hypercall.py [SECONDS]``. Prints one line for each way
that is there: median, fastest and number of rounds. Every way is measured in the same run, turn
by turn, so that what slows the machine slows them all.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from xenparley.domain.guest import Field
from xenparley.negotiation.capability import Role
from xenparley_hypercall.channel import HypercallChannel

Way = Callable[[], int]
FIELDS = (Field.UUID, Field.STATE, Field.REASON, Field.MEMORY, Field.VCPUS, Field.CPU_TIME)


def ours() -> Way:
    """The channel's list_live, as the planner calls it: rows with decoded state."""
    channel = HypercallChannel()
    inventory = channel.port(Role.INVENTORY)

    def call() -> int:
        return len(inventory.list_live(FIELDS, deadline=time.monotonic() + 10))

    return call


def ours_raw() -> Way:
    """The session's listing: typed records."""
    from xenparley_hypercall.session import connect

    session = connect(time.monotonic() + 10)

    def call() -> int:
        return len(
            session.run(session.reader.listing, deadline=time.monotonic() + 10, operation="list")
        )

    return call


def binding() -> Way:
    """xen.lowlevel.xc, Xen's own binding in C."""
    sys.path.append("/usr/lib/xen-4.17/lib/python")
    xc = importlib.import_module("xen.lowlevel.xc").xc()
    return lambda: len(xc.domain_getinfo(0, 1024))


class Info(ctypes.Structure):
    """xc_domaininfo_t of Xen 4.17, x86."""

    _fields_ = [
        ("domain", ctypes.c_uint16),
        ("pad1", ctypes.c_uint16),
        ("flags", ctypes.c_uint32),
        *(
            (name, ctypes.c_uint64)
            for name in (
                "tot_pages",
                "max_pages",
                "outstanding_pages",
                "shr_pages",
                "paged_pages",
                "shared_info_frame",
                "cpu_time",
            )
        ),
        ("nr_online_vcpus", ctypes.c_uint32),
        ("max_vcpu_id", ctypes.c_uint32),
        ("ssidref", ctypes.c_uint32),
        ("handle", ctypes.c_uint8 * 16),
        ("cpupool", ctypes.c_uint32),
        ("rest", ctypes.c_uint8 * 16),
    ]


def libxenctrl() -> Way:
    """libxenctrl called through ctypes, every record's fields read."""
    folders = [Path("/usr/lib/x86_64-linux-gnu"), Path("/usr/lib/xen-4.17/lib/x86_64-linux-gnu")]
    found = next(path for folder in folders for path in sorted(folder.glob("libxenctrl.so.*")))
    library = ctypes.CDLL(str(found))
    library.xc_interface_open.restype = ctypes.c_void_p
    library.xc_interface_open.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint]
    listing = library.xc_domain_getinfolist
    listing.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p]
    handle = library.xc_interface_open(None, None, 0)
    infos = (Info * 256)()

    def call() -> int:
        count = listing(handle, 0, 256, infos)
        rows = [
            (i.domain, i.flags, i.tot_pages, i.nr_online_vcpus, i.cpu_time, bytes(i.handle))
            for i in infos[:count]
        ]
        return len(rows)

    return call


def libvirt() -> Way:
    """libvirt-python: listAllDomains and the info of each."""
    module = importlib.import_module("libvirt")
    connection = module.open("xen:///system")
    return lambda: sum(1 for domain in connection.listAllDomains() if domain.info())


def xl() -> Way:
    """The command xl list."""

    def call() -> int:
        done = subprocess.run(["xl", "list"], capture_output=True, check=True)
        return len(done.stdout.splitlines()) - 1

    return call


def main() -> None:
    """Measure and print."""
    limit = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    ways: dict[str, Way] = {}
    for make in (ours, ours_raw, libxenctrl, binding, libvirt, xl):
        try:
            ways[make.__name__] = make()
            ways[make.__name__]()
        except Exception as exc:  # noqa: BLE001 - whatever way is missing is told, not measured
            ways.pop(make.__name__, None)
            print(f"{make.__name__:12} not here: {exc}")
    times: dict[str, list[float]] = {name: [] for name in ways}
    counts: dict[str, int] = {}
    end = time.monotonic() + limit
    while time.monotonic() < end:
        for name, way in ways.items():
            for _ in range(1 if name in ("xl", "libvirt") else 20):
                start = time.perf_counter()
                counts[name] = way()
                times[name].append(time.perf_counter() - start)
    print(f"{os.uname().release}, {counts}")
    for name, found in times.items():
        median = statistics.median(found) * 1000
        best = min(found) * 1000
        print(f"{name:12} median {median:9.3f} ms   best {best:9.3f} ms   rounds {len(found)}")
    reference = statistics.median(times["ours"])
    for name, found in times.items():
        print(f"{name:12} {statistics.median(found) / reference:8.2f} times ours")


if __name__ == "__main__":
    main()
