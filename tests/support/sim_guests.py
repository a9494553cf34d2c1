"""Guests for tests of the simulated host."""

from __future__ import annotations

import time

from xenparley.domain.config import Boot, Disk, DiskSource, GuestConfig, Interface, Vcpus
from xenparley.domain.identity import GuestRef


def config(name="web", **changes):
    values = {
        "name": name,
        "memory_kib": 65536,
        "max_memory_kib": 131072,
        "vcpus": Vcpus(maximum=2),
        "boot": Boot(kernel="/boot/vmlinuz"),
        "disks": (
            Disk(target="xvda", source=DiskSource(path="/srv/web.img")),
            Disk(target="xvdb", device="cdrom"),
        ),
        "interfaces": (Interface(source="xenbr0"),),
    }
    return GuestConfig(**{**values, **changes})


def ref(domain):
    return GuestRef(domid=domain.domid, uuid=domain.handle, name=domain.name)


def soon(seconds=10.0):
    return time.monotonic() + seconds
