"""Simulated hosts of every release for the tests, and guests for them."""

from __future__ import annotations

import time
from contextlib import contextmanager

from xenparley.domain.config import Boot, Disk, DiskSource, GuestConfig, Interface, Vcpus
from xenparley_sim import SimulatedXen, Timing

__all__ = ["CONFIG", "QUICK", "eventually", "only", "simulated"]

QUICK = Timing(obey=0.01, linger=0.005, dying=0.002, balloon_kib_s=1 << 30)
#: A guest that every release and toolstack takes.
CONFIG = GuestConfig(
    name="web",
    uuid="0f4e1d2c-3b5a-4978-8c6d-7e8f90a1b2c3",
    memory_kib=64 * 1024,
    max_memory_kib=128 * 1024,
    vcpus=Vcpus(maximum=2),
    boot=Boot(virt="pv", kernel="/boot/vmlinuz-guest"),
    disks=(Disk(target="xvda", source=DiskSource(path="/var/lib/xen/images/web.img")),),
    interfaces=(Interface(source="xenbr0", mac="00:16:3e:00:00:07"),),
)


def simulated(release, **more):
    """Return a host whose guests are quick."""
    more.setdefault("timing", QUICK)
    return SimulatedXen(release, **more)


@contextmanager
def only(xen, *channels, **more):
    """Connect to a simulated host by these channels alone."""
    with xen.connect(channels=channels, **more) as host:
        yield host


def eventually(question, seconds=10.0):
    """Ask until the answer is true, and return it; the last one when it never is."""
    until = time.monotonic() + seconds
    while not (answer := question()) and time.monotonic() < until:
        time.sleep(0.005)
    return answer
