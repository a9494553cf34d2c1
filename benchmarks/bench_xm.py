"""A folder of 5,000 guests' files: the first look, and every look after it.

Run with ``pytest benchmarks/bench_xm.py``. The first look (cold) reads and parses each file; the
next ones (warm) only look at them. Times are CPU time; the ratio, in brackets, is to be 20 at
least.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from xenparley.domain.guest import Field
from xenparley.negotiation.capability import Role
from xenparley_xm.channel import XmChannel

FILES = 5000
#: An ordinary guest's file, comments and all.
TEXT = """\
# Guest {0}, made by hand
kernel = "/boot/vmlinuz-2.6.18-xenU"
ramdisk = "/boot/initrd-2.6.18-xenU.img"
memory = 256
maxmem = 512
name = "guest-{0}"
uuid = "6b6e5a3a-7d0c-4d4e-9f5a-{0:012x}"
vcpus = 2
vif = [ 'mac=00:16:3e:00:{1:02x}:{2:02x}, bridge=xenbr0' ]
disk = [ 'phy:/dev/vg/guest-{0},xvda,w', 'phy:/dev/vg/swap-{0},xvdb,w' ]
root = "/dev/xvda ro"   # ext3
extra = "4 console=xvc0"
on_reboot = 'restart'
on_crash = 'restart'
"""
FIELDS = (Field.UUID, Field.NAME, Field.MEMORY, Field.MAX_MEMORY, Field.VCPUS, Field.VIRT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("xen")
    for number in range(FILES):
        text = TEXT.format(number, number >> 8 & 255, number & 255)
        made.joinpath(f"guest-{number}.cfg").write_text(text)
    # A file that was touched less than two seconds ago is read again.
    time.sleep(2.2)
    return made


@pytest.mark.timeout(600)
@pytest.mark.benchmark(group=f"a folder of {FILES} files", timer=time.process_time)
@pytest.mark.parametrize("state", ["cold", "warm"])
def test_look(benchmark: Any, folder: Path, state: str) -> None:
    channels: list[XmChannel] = []

    def fresh() -> None:
        if state == "cold" or not channels:
            channels.append(XmChannel({"folder": str(folder), "toolstack": "xm"}))

    def look() -> int:
        inventory = channels[-1].port(Role.INVENTORY)
        return len(inventory.list_defined(FIELDS, deadline=time.monotonic() + 600))

    if state == "warm":
        fresh()
        look()
    rounds = 2 if state == "cold" else 9
    assert benchmark.pedantic(look, setup=fresh, rounds=rounds) == FILES
    for channel in channels:
        channel.close()
