"""How the simulated host's costs grow with the number of guests.

Run with ``pytest benchmarks/bench_sim.py``. 1,000 guests are defined, started, listed and looked
up in one file, 10,000 in another. Flat is a ratio of 10 for the first four, and of 1 for look-ups.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from xenparley.domain.config import Boot, Disk, DiskSource, GuestConfig, Interface, Vcpus
from xenparley.domain.guest import Field
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import Role
from xenparley_sim import HostFacts, Hypervisor, SimChannel

FIELDS = tuple(Field)
COUNTS = (1000, 10_000)


def soon() -> float:
    return time.monotonic() + 3600


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


@pytest.fixture(scope="module", params=COUNTS)
def guests(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guests]:
    facts = HostFacts(memory_kib=1 << 40, cpus=64)
    path = tmp_path_factory.mktemp("sim") / "host.sim"
    channel = SimChannel(Hypervisor(str(path), facts=facts), owns=True)
    yield Guests(channel, request.param)
    channel.close()


class Guests:
    """A simulated host in a file, and how many guests it is to have."""

    def __init__(self, channel: SimChannel, count: int) -> None:
        self.count = count
        self.definitions = channel.port(Role.DEFINITIONS)
        self.lifecycle = channel.port(Role.LIFECYCLE)
        self.inventory = channel.port(Role.INVENTORY)
        self.refs: list[GuestRef] = []
        self.some: list[Any] = []

    def define(self) -> int:
        self.refs = [self.definitions.define(config(n), deadline=soon()) for n in range(self.count)]
        return len(self.refs)

    def start(self) -> int:
        return len([self.lifecycle.start(r, paused=False, deadline=soon()) for r in self.refs])

    def list_living(self) -> int:
        rows = self.inventory.list_live(FIELDS, deadline=soon())[1:]
        self.some = rows[:: max(1, self.count // 500)]
        return len(rows)

    def list_defined(self) -> int:
        return len(self.inventory.list_defined(FIELDS, deadline=soon()))

    def find(self, key: Callable[[Any], dict[str, Any]]) -> int:
        """Look up some 500 of them, one by one."""
        some = self.some
        found = [self.inventory.find_live(FIELDS, deadline=soon(), **key(row)) for row in some]
        assert all(len(each) == 1 for each in found)
        return len(some)

    def find_by_id(self) -> int:
        return self.find(lambda row: {"domid": row.domid})

    def find_by_uuid(self) -> int:
        return self.find(lambda row: {"uuid": row.uuid})

    def find_by_name(self) -> int:
        return self.find(lambda row: {"name": row.values[Field.NAME]})


# In this order: each step needs the ones before.
STEPS = ("define", "start", "list_living", "list_defined")
LOOKS = ("find_by_id", "find_by_uuid", "find_by_name")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("step", STEPS + LOOKS)
def test_step(benchmark: Any, guests: Guests, step: str) -> None:
    benchmark.group = f"{step}: a tenth of the guests, and all"
    done = benchmark.pedantic(getattr(guests, step), rounds=1)
    assert done == (min(guests.count, 500) if step in LOOKS else guests.count)
    benchmark.extra_info["microseconds a guest"] = benchmark.stats.stats.min / done * 1e6
