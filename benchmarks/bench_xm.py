"""A folder of 5,000 guests' files: the first look, and every look after it.

Run ``python benchmarks/bench_xm.py [FILES]``. The first look reads and parses each file; the next
ones only look at them. Times are CPU time, warm the best of several looks; printed are
milliseconds and the ratio. The limit: warm is at least 20 times faster.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from xenparley.domain.guest import Field
from xenparley.negotiation.capability import Role
from xenparley_xm.channel import XmChannel

LIMIT = 20.0
LOOKS = 7
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


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def main(arguments: list[str]) -> int:
    """Measure and print; 1 when the limit is not kept."""
    count = int(arguments[0]) if arguments else FILES
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(count):
            text = TEXT.format(number, number >> 8 & 255, number & 255)
            folder.joinpath(f"guest-{number}.cfg").write_text(text)
        # A file that was touched less than two seconds ago is read again.
        time.sleep(2.2)
        channel = XmChannel({"folder": name, "toolstack": "xm"})
        inventory = channel.port(Role.INVENTORY)

        def look() -> None:
            rows = inventory.list_defined(FIELDS, deadline=time.monotonic() + 600)
            assert len(rows) == count

        cold = _seconds(look)
        warm = min(_seconds(look) for _ in range(LOOKS))
        channel.close()
    ratio = cold / warm
    print(f"{count} files: cold {cold * 1e3:.0f} ms ({cold / count * 1e6:.0f} us a file)")
    print(f"warm {warm * 1e3:.1f} ms ({warm / count * 1e6:.1f} us a file)")
    print(f"{ratio:.0f} times faster, the limit is {LIMIT:.0f}")
    return 0 if ratio >= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
