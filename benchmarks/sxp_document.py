"""A document of S-expressions as a host with many guests would send it."""

from __future__ import annotations

import random
import uuid

from xenparley_wire.sxp import Sexp

__all__ = ["guest", "host_of"]


def guest(number: int, chance: random.Random) -> list[Sexp]:
    """Return one guest as xend 4.1 lists it: name, UUIDs, addresses, paths and times its own."""

    def unique() -> str:
        return str(uuid.UUID(int=chance.getrandbits(128), version=4))

    mac = ":".join(["00", "16", "3e", *(f"{chance.randrange(256):02x}" for _ in range(3))])
    return [
        "domain",
        ["domid", str(number)],
        ["cpu_weight", "256"],
        ["cpu_cap", "0"],
        ["on_crash", "restart"],
        ["uuid", unique()],
        ["bootloader_args", ""],
        ["vcpus", str(chance.choice([1, 2, 4, 8]))],
        ["name", f"guest-{number:04}"],
        ["on_poweroff", "destroy"],
        ["on_reboot", "restart"],
        ["cpus", [[]]],
        ["description", ""],
        ["bootloader", ""],
        ["maxmem", str(chance.choice([512, 1024, 4096]))],
        ["memory", str(chance.choice([512, 1024, 4096]))],
        ["shadow_memory", "9"],
        ["features", ""],
        ["on_xend_start", "ignore"],
        ["on_xend_stop", "ignore"],
        ["start_time", f"{1.3e9 + chance.random() * 1e7:.2f}"],
        ["cpu_time", f"{chance.random() * 1e5:.9f}"],
        ["online_vcpus", "1"],
        [
            "image",
            [
                "hvm",
                ["kernel", ""],
                ["loader", "/usr/lib/xen/boot/hvmloader"],
                ["device_model", "/usr/lib/xen/bin/qemu-dm"],
                ["vncunused", "1"],
                ["xen_platform_pci", "1"],
                ["boot", "c"],
                ["rtc_timeoffset", str(chance.randrange(100))],
                ["serial", "pty"],
                ["localtime", "0"],
                ["notes", ["SUSPEND_CANCEL", "1"]],
            ],
        ],
        ["status", "2"],
        ["state", chance.choice(["-b----", "r-----", "--p---"])],
        ["store_mfn", str(chance.randrange(1 << 20))],
        ["device", ["vif", ["bridge", "xenbr0"], ["mac", mac], ["uuid", unique()]]],
        ["device", ["console", ["protocol", "vt100"], ["location", "2"], ["uuid", unique()]]],
        [
            "device",
            [
                "tap",
                ["uname", f"tap:aio:/srv/guests/guest {number:04}/disk=0.img"],
                ["driver", "paravirtualised"],
                ["mode", "w"],
                ["dev", "hda:disk"],
                ["uuid", unique()],
                ["bootable", "1"],
            ],
        ],
    ]


def host_of(guests: int) -> list[Sexp]:
    """Return the answer for a host with so many guests; the same at every call."""
    chance = random.Random(4)
    return [guest(number, chance) for number in range(guests)]
