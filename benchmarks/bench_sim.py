"""How the simulated host's costs grow with the number of guests.

``python benchmarks/bench_sim.py [COUNT]`` defines and starts guests in a file and prints the time
per guest of each step for a tenth of them and for all (10,000 when not said). Flat means that the
two columns are alike.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from xenparley.domain.config import Boot, Disk, DiskSource, GuestConfig, Interface, Vcpus
from xenparley.domain.guest import Field
from xenparley.negotiation.capability import Role
from xenparley_sim import HostFacts, Hypervisor, SimChannel

FIELDS = tuple(Field)


def config(number: int) -> GuestConfig:
    return GuestConfig(
        name=f"guest-{number}",
        uuid=f"00000000-0000-4000-8000-{number:012x}",
        memory_kib=65536,
        vcpus=Vcpus(maximum=2),
        boot=Boot(kernel="/boot/vmlinuz"),
        disks=(Disk(target="xvda", source=DiskSource(path=f"/srv/{number}.img")),),
        interfaces=(
            Interface(source="xenbr0", mac=f"00:16:3e:00:{number >> 8:02x}:{number & 255:02x}"),
        ),
    )


def measure(folder: Path, count: int) -> dict[str, float]:
    """Return microseconds per guest of each step."""
    facts = HostFacts(memory_kib=1 << 40, cpus=64)
    host = Hypervisor(str(folder / f"{count}.sim"), facts=facts)
    channel = SimChannel(host, owns=True)
    deadline = time.monotonic() + 3600
    definitions = channel.port(Role.DEFINITIONS)
    lifecycle = channel.port(Role.LIFECYCLE)
    inventory = channel.port(Role.INVENTORY)
    took: dict[str, float] = {}

    def timed(step, calls, times=count):
        began = time.perf_counter()
        result = calls()
        took[step] = (time.perf_counter() - began) / times * 1e6
        return result

    refs = timed(
        "define", lambda: [definitions.define(config(n), deadline=deadline) for n in range(count)]
    )
    timed("start", lambda: [lifecycle.start(r, paused=False, deadline=deadline) for r in refs])
    rows = timed("list living", lambda: inventory.list_live(FIELDS, deadline=deadline))
    timed("list defined", lambda: inventory.list_defined(FIELDS, deadline=deadline))
    assert len(rows) == count + 1
    some = rows[1 :: max(1, count // 500)]
    for word, find in (
        ("find by id", lambda row: {"domid": row.domid}),
        ("find by uuid", lambda row: {"uuid": row.uuid}),
        ("find by name", lambda row: {"name": row.values[Field.NAME]}),
    ):
        found = timed(
            word,
            lambda find=find: [
                inventory.find_live(FIELDS, deadline=deadline, **find(row)) for row in some
            ],
            len(some),
        )
        assert all(len(each) == 1 for each in found)
    channel.close()
    return took


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        small, large = measure(Path(folder), count // 10), measure(Path(folder), count)
    print(f"{'microseconds per guest':24}{count // 10:>10}{count:>10}")
    for step, micros in small.items():
        print(f"{step:24}{micros:10.1f}{large[step]:10.1f}")


if __name__ == "__main__":
    main()
