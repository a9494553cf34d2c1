"""Validation of configurations: everything that is wrong, each with its place."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings

from support.configs import configs
from xenparley.domain.config import (
    Boot,
    CharDevice,
    CharEndpoint,
    CharSource,
    Clock,
    Controller,
    Disk,
    DiskSource,
    Feature,
    Graphics,
    GuestConfig,
    HostPci,
    HostUsb,
    Input,
    Interface,
    PciAddress,
    Timer,
    VcpuPin,
    Vcpus,
)
from xenparley.domain.config.validate import check, validate
from xenparley.domain.errors import ConfigError

GOOD = GuestConfig(name="g", memory_kib=1024, boot=Boot(virt="hvm"))
FILE = DiskSource(path="/a")


def test_a_plain_guest_is_valid() -> None:
    assert validate(GOOD) == ()
    assert check(GOOD) is GOOD


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(configs())
def test_what_the_strategies_make_is_valid(config: GuestConfig) -> None:
    assert validate(config) == ()


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"name": ""}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": ".."}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"name": "\x1b]0;title\x07"}, "name"),
        ({"name": "x" * 10_240}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"uuid": "12"}, "uuid"),
        ({"uuid": "4DEA22B31D52D8F32516782E98AB3FA0"}, "uuid"),
        ({"domid": -1}, "@id"),
        ({"domid": 40_000}, "@id"),
        ({"title": "a\nb"}, "title"),
        ({"memory_kib": 0}, "memory"),
        ({"memory_kib": -5}, "memory"),
        ({"max_memory_kib": 1023}, "memory"),
        ({"memory_kib": 1 << 60}, "memory"),
        ({"vcpus": Vcpus(maximum=0)}, "vcpu"),
        ({"vcpus": Vcpus(maximum=2, current=3)}, "vcpu/@current"),
        ({"vcpus": Vcpus(cpuset="0-")}, "vcpu/@cpuset"),
        ({"vcpus": Vcpus(cpuset="3-1")}, "vcpu/@cpuset"),
        ({"vcpus": Vcpus(cpuset="^1")}, "vcpu/@cpuset"),
        ({"vcpus": Vcpus(cpuset="99999999")}, "vcpu/@cpuset"),
        ({"vcpus": Vcpus(cpuset="")}, "vcpu/@cpuset"),
        ({"vcpus": Vcpus(pins=(VcpuPin(vcpu=1, cpuset="0"),))}, "cputune/vcpupin[1]/@vcpu"),
        ({"vcpus": Vcpus(weight=0)}, "weight"),
        ({"vcpus": Vcpus(cap=70_000)}, "cap"),
        ({"boot": Boot()}, "os"),
        ({"boot": Boot(virt="pvh")}, "os"),
        ({"boot": Boot(virt="exe")}, "os/type"),
        ({"boot": Boot(virt="hvm", initrd="/i")}, "os/initrd"),
        ({"boot": Boot(virt="hvm", devices=("tape",))}, "os/boot[1]"),
        ({"boot": Boot(virt="hvm", devices=("hd", "hd"))}, "os/boot[2]"),
        ({"boot": Boot(virt="hvm", kernel="/k\0")}, "os/kernel"),
        ({"boot": Boot(kernel="/" + "k" * 4096)}, "os/kernel"),
        ({"boot": Boot(kernel="/k", cmdline="x" * 1024)}, "os/cmdline"),
        ({"features": (Feature(name="pae"), Feature(name="pae"))}, "features/pae"),
        ({"clock": Clock(offset="moon")}, "clock/@offset"),
        ({"clock": Clock(adjustment="soon")}, "clock/@adjustment"),
        ({"clock": Clock(timers=(Timer(name="a"), Timer(name="a")))}, "clock/timer[2]"),
        ({"on_crash": "explode"}, "on_crash"),
        ({"on_poweroff": "rename_restart"}, "on_poweroff"),
        ({"emulator": "/a\0"}, "devices/emulator"),
        ({"disks": (Disk(target="", source=FILE),)}, "devices/disk[1]/target"),
        ({"disks": (Disk(target="h da", source=FILE),)}, "devices/disk[1]/target"),
        ({"disks": (Disk(target="hda"),)}, "devices/disk[1]/source"),
        ({"disks": (Disk(target="hda", device="drum", source=FILE),)}, "devices/disk[1]/@device"),
        (
            {"disks": (Disk(target="hda", source=FILE), Disk(target="ioemu:hda", source=FILE))},
            "devices/disk[2]/target",
        ),
        ({"interfaces": (Interface(mac="00:11"),)}, "devices/interface[1]/mac"),
        ({"interfaces": (Interface(mac="01:00:5e:00:00:01"),)}, "devices/interface[1]/mac"),
        (
            {
                "interfaces": (
                    Interface(mac="00:16:3e:00:00:aa"),
                    Interface(mac="00:16:3E:00:00:AA"),
                )
            },
            "devices/interface[2]/mac",
        ),
        ({"interfaces": (Interface(target="a" * 16),)}, "devices/interface[1]/target"),
        ({"interfaces": (Interface(rate_kib_s=0),)}, "devices/interface[1]/bandwidth/outbound"),
        ({"serials": (CharDevice(source=CharSource(type="file")),)}, "devices/serial[1]/source"),
        ({"serials": (CharDevice(source=CharSource(type="tcp")),)}, "devices/serial[1]/source"),
        (
            {
                "parallels": (
                    CharDevice(source=CharSource(type="tcp", endpoints=(CharEndpoint(mode="x"),))),
                )
            },
            "devices/parallel[1]/source/@mode",
        ),
        (
            {"serials": (CharDevice(port=0), CharDevice(port=0))},
            "devices/serial[2]/target/@port",
        ),
        (
            {"channels": (CharDevice(target_name="c"), CharDevice(target_name="c"))},
            "devices/channel[2]/target/@name",
        ),
        ({"graphics": (Graphics(port=70_000),)}, "devices/graphics[1]/@port"),
        ({"graphics": (Graphics(port=5900), Graphics(port=5900))}, "devices/graphics[2]/@port"),
        ({"inputs": (Input(type="pedal"),)}, "devices/input[1]/@type"),
        (
            {"controllers": (Controller(type="usb", index=0), Controller(type="usb", index=0))},
            "devices/controller[2]",
        ),
        (
            {"pci": (HostPci(address=PciAddress(0, 256, 32, 8)),)},
            "devices/hostdev[1]/source/address",
        ),
        (
            {"pci": (HostPci(address=PciAddress()), HostPci(address=PciAddress()))},
            "devices/hostdev[2]",
        ),
        ({"usb": (HostUsb(bus=1),)}, "devices/hostdev[1]"),
        ({"usb": (HostUsb(bus=1, device=999),)}, "devices/hostdev[1]/source/device"),
        ({"description": "a\0b"}, "description"),
    ],
)
def test_what_is_wrong_is_found_with_its_place(change: dict[str, Any], place: str) -> None:
    problems = validate(evolve(GOOD, **change))
    assert place in [problem.place for problem in problems]
    with pytest.raises(ConfigError) as caught:
        check(evolve(GOOD, **change))
    assert caught.value.problems == problems
    assert "\x1b" not in str(caught.value)


def test_all_problems_are_found_at_once() -> None:
    config = GuestConfig(name="", uuid="x", on_crash="x", disks=(Disk(target=""),))
    places = {problem.place for problem in validate(config)}
    assert {"name", "uuid", "memory", "os", "on_crash", "devices/disk[1]/target"} <= places


def test_domain_0_needs_no_kernel() -> None:
    assert validate(GuestConfig(name="Domain-0", domid=0, memory_kib=1024)) == ()


def test_empty_drives_and_ports_that_the_host_chooses_are_fine() -> None:
    config = evolve(
        GOOD,
        disks=(Disk(target="hdc", device="cdrom"),),
        graphics=(Graphics(port=-1), Graphics(port=-1), Graphics(port=5900, autoport=True)),
    )
    assert validate(config) == ()


def test_many_problems_are_bounded() -> None:
    config = evolve(GOOD, disks=tuple(Disk(target="") for _ in range(20_000)))
    assert len(validate(config)) == 1001
