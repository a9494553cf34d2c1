"""Listing all guests with state, memory, CPUs, CPU time and *names* in a real dom0, side by side.

Usage, in dom0: ``python3 benchmarks/lab_listing.py [SECONDS] [GUESTS]``. Guests are made until
there are so many (20); after /lab/libvirt-up by libvirt, so that all see them. Every way is
measured in the same run, turn by turn, so that what slows the machine slows them all; each prints
median, fastest and number of rounds.

=========== ====================================================================================
ours        ``Host.list``: channels negotiated, rows joined, each field with its source
floor       one hypercall by libxenctrl and one pipelined burst of reads on XenStore's socket
hypercall   the hypercall of the floor alone; ``burst`` its burst alone
bindings    xen.lowlevel.xc and a read of each name by pyxs
libvirt     ``listAllDomains``, name and info of each
xl          the command ``xl list``
=========== ====================================================================================
"""

from __future__ import annotations

import ctypes
import importlib
import os
import socket
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import xenparley
from xenparley.domain.guest import Field

Way = Callable[[], int]
FIELDS = (
    *(Field.DOMID, Field.UUID, Field.NAME, Field.STATE, Field.REASON),
    *(Field.MEMORY, Field.VCPUS, Field.CPU_TIME),
)
READ = 2
HEADER = struct.Struct("<IIII")


class Info(ctypes.Structure):
    """xc_domaininfo_t of Xen 4.17, x86."""

    _fields_ = [
        ("domain", ctypes.c_uint16),
        ("pad1", ctypes.c_uint16),
        ("flags", ctypes.c_uint32),
        *((f"pages{number}", ctypes.c_uint64) for number in range(6)),
        ("cpu_time", ctypes.c_uint64),
        ("nr_online_vcpus", ctypes.c_uint32),
        ("max_vcpu_id", ctypes.c_uint32),
        ("ssidref", ctypes.c_uint32),
        ("handle", ctypes.c_uint8 * 16),
        ("cpupool", ctypes.c_uint32),
        ("rest", ctypes.c_uint8 * 16),
    ]


class Floor:
    """The least that can be done for such a listing, by hand."""

    def __init__(self) -> None:
        folders = [
            Path("/usr/lib/x86_64-linux-gnu"),
            Path("/usr/lib/xen-4.17/lib/x86_64-linux-gnu"),
        ]
        found = next(path for one in folders for path in sorted(one.glob("libxenctrl.so.*")))
        library = ctypes.CDLL(str(found))
        library.xc_interface_open.restype = ctypes.c_void_p
        library.xc_interface_open.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint]
        self._ask = library.xc_domain_getinfolist
        self._ask.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p]
        self._handle = library.xc_interface_open(None, None, 0)
        self._infos = (Info * 256)()
        self._link = socket.socket(socket.AF_UNIX)
        self._link.connect("/run/xenstored/socket")

    def rows(self) -> list[tuple[object, ...]]:
        """Return what one hypercall tells of every guest."""
        count = self._ask(self._handle, 0, 256, self._infos)
        return [
            (i.domain, i.flags, i.pages0, i.nr_online_vcpus, i.cpu_time, bytes(i.handle))
            for i in self._infos[:count]
        ]

    def names(self, domids: list[object]) -> list[str]:
        """Return the names, asked for in one burst."""
        paths = [f"/local/domain/{domid}/name\0".encode() for domid in domids]
        self._link.sendall(
            b"".join(HEADER.pack(READ, n, 0, len(p)) + p for n, p in enumerate(paths))
        )
        data = b""
        names: list[str] = []
        while len(names) < len(paths):
            while len(data) < 16 or len(data) < 16 + HEADER.unpack_from(data)[3]:
                data += self._link.recv(65536)
            end = 16 + HEADER.unpack_from(data)[3]
            names.append(data[16:end].decode())
            data = data[end:]
        return names


def ways(host: xenparley.Host) -> dict[str, Callable[[], Way]]:
    """Return how to prepare each way."""
    floor = Floor()

    def whole() -> int:
        rows = floor.rows()
        return len(list(zip(rows, floor.names([row[0] for row in rows]), strict=True)))

    def bindings() -> Way:
        sys.path.append("/usr/lib/xen-4.17/lib/python")
        xc = importlib.import_module("xen.lowlevel.xc").xc()
        client = importlib.import_module("pyxs").Client(unix_socket_path="/run/xenstored/socket")
        client.connect()

        def call() -> int:
            found = xc.domain_getinfo(0, 1024)
            return len([client.read(b"/local/domain/%d/name" % g["domid"]) for g in found])

        return call

    def libvirt() -> Way:
        connection = importlib.import_module("libvirt").open("xen:///system")
        return lambda: len([(d.name(), d.info()) for d in connection.listAllDomains()])

    def xl() -> Way:
        def call() -> int:
            done = subprocess.run(["xl", "list"], capture_output=True, check=True)
            return len(done.stdout.splitlines()) - 1

        return call

    ids = [row[0] for row in floor.rows()]
    return {
        "ours": lambda: lambda: len(host.list(FIELDS)),
        "floor": lambda: whole,
        "hypercall": lambda: lambda: len(floor.rows()),
        "burst": lambda: lambda: len(floor.names(ids)),
        "bindings": bindings,
        "libvirt": libvirt,
        "xl": xl,
    }


GUEST = """<domain type='xen'><name>listed{number:02}</name><memory unit='MiB'>4</memory>
<os><type>linux</type><kernel>/lab/guest/tiny.elf</kernel><cmdline>idle</cmdline></os></domain>"""


def populate(wanted: int) -> None:
    """Make tiny guests until there are so many; by libvirt if it is there: it sees only its own."""
    lines = subprocess.run(["xl", "list"], capture_output=True, check=True).stdout.splitlines()
    missing = wanted - (len(lines) - 2)
    if missing <= 0:
        return
    try:
        libvirt = importlib.import_module("libvirt")
    except ImportError:
        subprocess.run(["/lab/populate", str(missing)], check=True, capture_output=True)
        return
    connection = libvirt.open("xen:///system")
    for number in range(missing):
        paused = libvirt.VIR_DOMAIN_START_PAUSED if number % 2 else 0
        connection.createXML(GUEST.format(number=number), paused)


def main() -> None:
    """Measure and print."""
    limit = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    populate(int(sys.argv[2]) if len(sys.argv) > 2 else 20)
    with xenparley.connect("xen:///", timeout=60) as host:
        ready: dict[str, Way] = {}
        for name, make in ways(host).items():
            try:
                ready[name] = make()
                ready[name]()
            except Exception as exc:  # noqa: BLE001 - whatever way is missing is told, not measured
                ready.pop(name, None)
                print(f"{name:12} not here: {exc}")
        measure(ready, limit)


def measure(ready: dict[str, Way], limit: float) -> None:
    """Take turns until the time is over; print each way's times, and how they compare."""
    times: dict[str, list[float]] = {name: [] for name in ready}
    counts: dict[str, int] = {}
    end = time.monotonic() + limit
    while time.monotonic() < end:
        for name, way in ready.items():
            for _ in range(1 if name in ("xl", "libvirt", "bindings") else 10):
                start = time.perf_counter()
                counts[name] = way()
                times[name].append(time.perf_counter() - start)
    print(f"{os.uname().release}, {counts}")
    medians = {name: statistics.median(found) * 1000 for name, found in times.items()}
    for name, found in times.items():
        best = min(found) * 1000
        print(
            f"{name:12} median {medians[name]:9.3f} ms   best {best:9.3f} ms   "
            f"rounds {len(found):5}   {medians[name] / medians['ours']:7.2f} times ours"
        )
    best_ours, best_floor = min(times["ours"]), min(times["floor"])
    print(
        f"ours against the floor: {medians['ours'] / medians['floor']:.2f} by medians, "
        f"{best_ours / best_floor:.2f} by the fastest"
    )


if __name__ == "__main__":
    main()
