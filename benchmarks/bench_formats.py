"""What reading, writing and changing XM files and xl.cfg costs: 2,000 different files of each.

Run ``python benchmarks/bench_formats.py``. Times are CPU time of one pass; printed are
microseconds for a file, and the ratio to compiling the same text with Python's own parser, which
is the first half of what xm did with it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from attrs import evolve

from xenparley_formats import xl_format, xm_format

COUNT = 2000
XM = """\
# guest number {n}
import_dir = "/var/lib/xen/images"
name = "guest{n}"
uuid = "00c0ffee-0000-4000-8000-{n:012d}"
memory = 512
maxmem = 1024
vcpus = 2
builder = "hvm"
kernel = "/usr/lib/xen/boot/hvmloader"
boot = "dc"
pae = 1; acpi = 1; apic = 1
device_model = "/usr/lib/xen/bin/qemu-dm"
disk = [ "phy:/dev/vg/guest{n},hda,w", # root
         "file:" + import_dir + "/data{n}.img,hdb,w",
         "file:/images/boot.iso,hdc:cdrom,r" ]
vif = [ "mac=00:16:3e:00:{a:02x}:{b:02x},bridge=xenbr0,script=vif-bridge,model=e1000" ]
vnc = 1
vncunused = 1
serial = "pty"
on_crash = "restart"
shadow_memory = 8
"""


def _documents(*, xl: bool) -> list[bytes]:
    texts = [XM.format(n=n, a=n >> 8, b=n & 255) for n in range(COUNT)]
    if xl:
        texts = [text.replace('"file:" + import_dir + "', '"file:/images') for text in texts]
    return [text.encode() for text in texts]


def _each(work: Callable[[bytes], object], documents: list[bytes]) -> float:
    start = time.process_time()
    for data in documents:
        work(data)
    return (time.process_time() - start) * 1e6 / len(documents)


def _change_xm(data: bytes) -> None:
    document = xm_format.parse_xm(data)
    config = xm_format.config_from_xm(document)
    xm_format.apply_to_xm(document, evolve(config, memory_kib=config.memory_kib // 2))


def _write_xm(data: bytes) -> None:
    config = xm_format.read(data, source="bench", options={}).config
    xm_format.write(config, options={})


def main() -> int:
    """Measure and print."""
    xm, xl = _documents(xl=False), _documents(xl=True)
    print(f"{COUNT} files of {len(xm[0])} bytes each")
    bare = _each(lambda data: compile(data, "bench", "exec"), xm)
    rows = [
        ("Python compiles them", bare),
        ("xm: parsed, layout kept", _each(xm_format.parse_xm, xm)),
        ("xm: read as guests", _each(lambda d: xm_format.read(d, source="b", options={}), xm)),
        ("xm: read, written anew", _each(_write_xm, xm)),
        ("xm: read, memory changed", _each(_change_xm, xm)),
        ("xl: read as guests", _each(lambda d: xl_format.read(d, source="b", options={}), xl)),
    ]
    for name, micro in rows:
        print(f"{name:26} {micro:9.1f} us {micro / bare:7.2f} times")
    return 0


if __name__ == "__main__":
    sys.exit(main())
