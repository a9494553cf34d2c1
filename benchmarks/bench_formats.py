"""What reading, writing and changing XM files and xl.cfg costs: 2,000 different files of each.

Run with ``pytest benchmarks/bench_formats.py``. Times are CPU time of a pass over all files; the
first row is Python's own parser compiling the same text, the first half of what xm did with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
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


def _change_xm(data: bytes) -> None:
    document = xm_format.parse_xm(data)
    config = xm_format.config_from_xm(document)
    xm_format.apply_to_xm(document, evolve(config, memory_kib=config.memory_kib // 2))


def _write_xm(data: bytes) -> None:
    config = xm_format.read(data, source="bench", options={}).config
    xm_format.write(config, options={})


WORK: dict[str, tuple[bool, Callable[[bytes], object]]] = {
    "Python compiles them": (False, lambda data: compile(data, "bench", "exec")),
    "xm: parsed, layout kept": (False, xm_format.parse_xm),
    "xm: read as guests": (False, lambda data: xm_format.read(data, source="b", options={})),
    "xm: read, written anew": (False, _write_xm),
    "xm: read, memory changed": (False, _change_xm),
    "xl: read as guests": (True, lambda data: xl_format.read(data, source="b", options={})),
}


@pytest.mark.benchmark(group=f"{COUNT} files", timer=time.process_time)
@pytest.mark.parametrize("what", WORK)
def test_files(benchmark: Any, what: str) -> None:
    xl, work = WORK[what]
    documents = _documents(xl=xl)

    def all_of_them() -> object:
        for data in documents:
            last = work(data)
        return last

    result = benchmark.pedantic(all_of_them, rounds=3)
    if "read as" in what:
        assert result.config.name == f"guest{COUNT - 1}"
