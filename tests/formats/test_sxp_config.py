"""Guests as xend's S-expressions: versions, devices, losses, odd spellings, hostile text."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from xenparley.domain.config import (
    Boot,
    Clock,
    Disk,
    DiskSource,
    Extra,
    Feature,
    Graphics,
    GuestConfig,
    HostPci,
    Input,
    Interface,
    Loader,
    PciAddress,
    Sound,
    VcpuPin,
    Vcpus,
)
from xenparley.domain.errors import ConfigError, InvalidInput, ParseError, Unrepresentable
from xenparley.domain.runstate import RunFlags, ShutdownReason
from xenparley_formats import sxp_format
from xenparley_formats.sxp_live import live_domain
from xenparley_formats.sxp_read import config_from_sxp
from xenparley_formats.sxp_write import config_to_sxp
from xenparley_formats.sxp_write_devices import device_to_sxp
from xenparley_wire.sxp import dumps, loads

PV = GuestConfig(name="g", memory_kib=65536, boot=Boot(kernel="/k"))
HVM = GuestConfig(
    name="g", memory_kib=65536, boot=Boot(virt="hvm", loader=Loader(path="/l"), devices=("hd",))
)


def text(config: GuestConfig, version: int = 4, **more: Any) -> str:
    return sxp_format.write(config, options={"xend-config-version": str(version)}, **more).text


def read(document: str, version: int = 4, **more: Any) -> GuestConfig:
    return sxp_format.read(
        document.encode(), source="g.sxp", options={"xend-config-version": str(version)}, **more
    ).config


def places(config: GuestConfig, version: int) -> list[str]:
    with pytest.raises(Unrepresentable) as caught:
        text(config, version)
    return [problem.place for problem in caught.value.problems]


def test_the_cdrom_of_each_version() -> None:
    cd = Disk(target="hdc", device="cdrom", source=DiskSource(path="/cd.iso"), readonly=True)
    config = evolve(HVM, disks=(Disk(target="hda", source=DiskSource(path="/d")), cd))
    first = text(config, 1)
    assert "(cdrom /cd.iso)" in first and "(dev ioemu:hda)" in first and "hdc" not in first
    for version in (2, 3, 4):
        later = text(config, version)
        assert "(dev hda:disk)" in later and "(dev hdc:cdrom)" in later
        assert "(cdrom" not in later
    other = evolve(config, disks=(evolve(cd, target="hdd"),))
    assert places(other, 1) == ["devices/disk[1]/target"]
    assert "(dev hdd:cdrom)" in text(other, 2)


def test_the_display_of_each_version() -> None:
    shown = Graphics(type="vnc", port=5907, listen="0.0.0.0", password="pw", keymap="de")
    config = evolve(PV, graphics=(shown,))
    assert places(config, 1) == [
        "devices/graphics[1]/@port",
        "devices/graphics[1]/vnclisten",
        "devices/graphics[1]/vncpasswd",
        "devices/graphics[1]/keymap",
    ]
    assert "(vnc 1) (vncunused 0) (vncdisplay 7)" in text(config, 2)
    assert "(device (vkbd)) (device (vfb (type vnc) (vncunused 0) (vncdisplay 7)" in text(config, 3)
    hvm = text(evolve(HVM, graphics=(shown,)), 3)
    assert "vfb" not in hvm and "(vnc 1) (vncunused 0)" in hvm


def test_the_clock_of_each_version() -> None:
    local = evolve(HVM, clock=Clock(offset="localtime"))
    assert text(local, 3).count("(localtime 1)") == 1
    assert text(local, 4).count("(localtime 1)") == 2
    kept = evolve(HVM, clock=Clock(offset="variable", adjustment="-3600", basis="localtime"))
    assert "(rtc_timeoffset -3600) (localtime 1)" in text(kept, 4)
    assert read(text(kept, 4)).clock == kept.clock
    assert set(places(kept, 3)) == {"clock/@offset", "clock/@adjustment"}
    zone = Clock(offset="timezone", timezone="Europe/Vienna")
    assert places(evolve(PV, clock=zone), 4) == ["clock/timezone", "clock/@offset"]


def test_emulated_cards_are_told_before_31_only() -> None:
    nic = Interface(source="br0", mac="00:16:3e:00:00:01", model="e1000", script="vif-bridge")
    config = evolve(HVM, interfaces=(nic,))
    assert "(model e1000) (type ioemu)" in text(config, 3)
    assert "ioemu" not in text(config, 4)
    front = evolve(HVM, interfaces=(evolve(nic, model="netfront"),))
    assert "(type netfront)" in text(front, 4) and "model" not in text(front, 4)
    assert read(text(front, 4)).interfaces[0].model == "netfront"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"title": "t"}, "title"),
        ({"memory_kib": 65537}, "currentMemory"),
        ({"on_reboot": "soft-reset"}, "on_reboot"),
        ({"on_watchdog": "destroy"}, "on_watchdog"),
        ({"sounds": (Sound(model="sb16"),)}, "devices/sound[1]"),
        ({"inputs": (Input(type="tablet", bus="usb"),)}, "devices/input[1]"),
        ({"features": (Feature(name="acpi"),)}, "features/acpi"),
        ({"disks": (Disk(target="xvda", source=DiskSource(path="/d"), cache="none"),)}, "cache"),
        ({"disks": (Disk(target="xvda", source=DiskSource(path="/d"), transient=True),)}, "disk"),
        ({"interfaces": (Interface(type="network", source="default"),)}, "interface[1]/@type"),
        ({"pci": (HostPci(address=PciAddress(), managed=True),)}, "@managed"),
        ({"graphics": (Graphics(type="spice"),)}, "devices/graphics[1]/@type"),
        ({"extras": (Extra("xml", "cpu", "<cpu/>"),)}, "cpu"),
        ({"vcpus": Vcpus(placement="auto")}, "vcpu/@placement"),
    ],
)
def test_what_cant_be_said_is_listed_and_lossy_leaves_it_out(
    change: dict[str, Any], place: str
) -> None:
    config = evolve(PV, **change)
    found = places(config, 4)
    assert any(place in one for one in found)
    writing = sxp_format.write(config, lossy=True, options={})
    assert len(writing.warnings) == len(found)
    assert read(writing.text).name == "g"


def test_a_pvh_guest_is_refused_in_any_case() -> None:
    config = evolve(PV, boot=Boot(virt="pvh", kernel="/k"))
    with pytest.raises(Unrepresentable):
        text(config, lossy=True)


def test_nothing_that_a_text_holds_leaves_its_atom() -> None:
    nasty = "a')(image (hvm (kernel '/evil'))) #\\' \"\n(x"
    config = evolve(PV, description=nasty, boot=Boot(kernel=nasty, cmdline=nasty))
    back = read(text(config))
    assert (back.description, back.boot) == (nasty, config.boot)
    with pytest.raises(Unrepresentable, match="NUL"):
        text(evolve(PV, description="a\0b"))
    with pytest.raises(Unrepresentable, match="bytes"):
        text(evolve(PV, description="\ud800"))
    raw = "/caf\udce9"
    assert (
        config_from_sxp(
            loads(text(evolve(PV, description=raw)).encode("utf-8", "surrogateescape"))
        ).description
        == raw
    )


def test_a_piece_is_no_way_into_the_document() -> None:
    for key, piece in [
        ("on_xend_stop", "(name other)"),
        ("on_xend_stop", "(on_xend_stop ignore) (name other)"),
        ("domid", "(domid 3)"),
        ("image/kernel", "(kernel /evil)"),
        ("device/vtpm", "(name other)"),
    ]:
        config = evolve(PV, extras=(Extra("sxp", key, piece),))
        writing = sxp_format.write(config, lossy=True, options={})
        back = read(writing.text)
        assert (back.name, back.domid, back.boot.kernel) == ("g", None, "/k")


def test_unknown_keys_are_kept_and_strict_refuses_them() -> None:
    document = (
        "(vm (name g) (memory 64) (vcpus 4) (vcpu_avail 5) (shadow_memory 8)"
        " (on_xend_stop shutdown) (image (linux (kernel /k) (superpages 1)))"
        " (device (vtpm (instance 1)))"
        " (device (vbd (uuid abc) (dev xvda:disk) (uname phy:/dev/x) (mode rw) (bootable 1))))"
    )
    config = read(document)
    assert config.vcpus.current == 2
    written = text(config)
    for piece in (
        "(vcpu_avail 5)",
        "(shadow_memory 8)",
        "(on_xend_stop shutdown)",
        "(superpages 1)",
        "(device (vtpm (instance 1)))",
        "(uuid abc)",
        "(mode rw)",
    ):
        assert piece in written
    # a piece that says something else than the changed guest gives way
    changed = text(evolve(config, vcpus=evolve(config.vcpus, current=3)))
    assert "(vcpu_avail 7)" in changed and "(vcpu_avail 5)" not in changed
    with pytest.raises(ConfigError) as caught:
        read(document, strict=True)
    assert {p.place for p in caught.value.problems} >= {
        "g.sxp: shadow_memory",
        "g.sxp: image/superpages",
        "g.sxp: device[2]/vbd/uuid",
    }


def test_all_sound_cards_stay_all() -> None:
    config = read("(vm (name g) (memory 64) (image (hvm (kernel /l) (soundhw all))))")
    assert [sound.model for sound in config.sounds] == ["sb16", "es1370"]
    assert "(soundhw all)" in text(config)
    assert "(soundhw sb16)" in text(evolve(config, sounds=config.sounds[:1]))


def test_an_unreadable_word_is_kept_with_a_warning() -> None:
    document = (
        b"(vm (name g) (memory 64) (cpu_weight heavy)"
        b" (image (hvm (kernel /l) (serial tcp:nonsense)))"
        b" (device (vbd (dev hda) (uname nothing) (mode w))))"
    )
    reading = sxp_format.read(document, source="g.sxp", options={})
    assert [w.split(":")[1].strip() for w in reading.warnings] == [
        "cpu_weight",
        "image/serial",
        "device[1]/vbd",
    ]
    written = text(reading.config)
    assert "(cpu_weight heavy)" in written and "(serial tcp:nonsense)" in written
    assert "(uname nothing)" in written


def test_pins_are_said_since_31() -> None:
    pins = (VcpuPin(vcpu=0, cpuset="0-1"), VcpuPin(vcpu=1, cpuset="3"))
    config = evolve(PV, vcpus=Vcpus(maximum=3, pins=pins))
    assert "(cpus ((0 1) (3) ()))" in text(config)
    assert read(text(config)).vcpus.pins == pins
    assert places(config, 3) == ["cputune"]


def test_what_old_releases_do_anyway_is_no_loss() -> None:
    free = evolve(PV, autostart=False, vcpus=Vcpus(cap=0))
    assert "cap" not in text(free, 2) and "on_xend_start" not in text(free, 2)
    assert "(cpu_cap 0) (on_xend_start ignore)" in text(free, 3)
    assert places(evolve(PV, autostart=True, vcpus=Vcpus(cap=50)), 2) == ["cap", "autostart"]


def test_the_disk_to_boot_from_comes_first() -> None:
    config = read(
        "(domain (name g) (memory 64) (bootloader /b)"
        "(device (vbd (dev xvdb)(uname file:/b)(mode w)))"
        "(device (vbd (dev xvda)(uname file:/a)(mode w)(bootable 1))))"
    )
    assert [disk.target for disk in config.disks] == ["xvda", "xvdb"]


def test_devices_for_hot_plug() -> None:
    disk = Disk(target="xvdb", source=DiskSource(path="/d"), driver="tap2", format="raw")
    assert dumps(device_to_sxp(disk)) == "(tap2 (dev xvdb) (uname tap2:aio:/d) (mode w))"
    nic = Interface(source="br0", script="vif-bridge", mac="00:16:3e:00:00:01")
    assert dumps(device_to_sxp(nic, version=3, hvm=True)) == (
        "(vif (mac 00:16:3e:00:00:01) (bridge br0) (script vif-bridge) (type ioemu))"
    )
    pci = HostPci(address=PciAddress(0, 1, 0x13, 2))
    assert dumps(device_to_sxp(pci, state="Initialising")) == (
        "(pci (dev (domain 0x0000) (bus 0x01) (slot 0x13) (func 0x2)) (state Initialising))"
    )
    floppy = Disk(target="fda", device="floppy", source=DiskSource(path="/f"))
    with pytest.raises(Unrepresentable):
        device_to_sxp(floppy, hvm=True)
    cdrom = Disk(target="hdc", device="cdrom", source=DiskSource(path="/c"))
    with pytest.raises(Unrepresentable):
        device_to_sxp(cdrom, version=1, hvm=True)
    assert dumps(device_to_sxp(cdrom, version=2, hvm=True)).startswith("(vbd (dev hdc:cdrom)")
    with pytest.raises(InvalidInput):
        device_to_sxp(Sound(model="sb16"))  # type: ignore[arg-type]


def test_errors_name_their_place() -> None:
    with pytest.raises(ParseError) as caught:
        read("(vm (name 'g")
    assert caught.value.offset == 10 and "g.sxp: byte 10" in str(caught.value)
    with pytest.raises(ConfigError) as refused:
        read("(vm (uuid x))")
    assert [p.place for p in refused.value.problems] == ["g.sxp: name", "g.sxp: memory"]
    with pytest.raises(ConfigError):
        read("(node (name g))")
    for options in ({"xend-config-version": "5"}, {"version": "4"}):
        with pytest.raises(InvalidInput):
            sxp_format.write(PV, options=options)
    with pytest.raises(InvalidInput):
        config_to_sxp(PV, version=0)


def test_what_libvirts_reader_forgives_is_a_warning() -> None:
    document = b"(vm (name g) (memory 64) (image (linux (kernel /k))"
    reading = sxp_format.read(document, source="g.sxp", options={})
    assert reading.config.boot.kernel == "/k"
    assert len(reading.warnings) == 1 and "libvirt" in reading.warnings[0]
    with pytest.raises(ParseError):
        sxp_format.read(document, source="g.sxp", strict=True, options={})


def test_passwords_are_left_out_when_asked() -> None:
    config = evolve(
        PV,
        graphics=(Graphics(type="vnc", password="s3cret"),),
        extras=(Extra("sxp", "device/vtpm", "(device (vtpm (vncpasswd s3cret)))"),),
    )
    assert text(config).count("s3cret") == 2
    shown = sxp_format.write(config, options={"secrets": "no"}).text
    assert "s3cret" not in shown and "(vtpm)" in shown
    assert "s3cret" not in repr(read(text(config)))


def test_the_life_of_a_guest() -> None:
    live = live_domain(
        loads(
            "(domain (domid 7) (name g) (uuid 596a5d2171f48fb2e068e2386a5c413e) (memory 256)"
            " (maxmem 512) (vcpus 2) (online_vcpus 1) (cpu_time 21.397345341) (up_time 5.5)"
            " (start_time 1250626179.35) (state --p-c-) (status 5) (store_mfn 262434)"
            " (console_mfn 262433) (on_xend_start start) (image (hvm (kernel /l)))"
            " (device (vif (mac 00:16:3E:00:00:01) (backend 0) (uuid u1)))"
            " (device (vbd (dev ioemu:hda) (backend 3))))"
        )
    )
    assert live.flags == RunFlags.PAUSED | RunFlags.SHUTDOWN
    assert live.shutdown_reason is ShutdownReason.CRASH and live.status == "crashed"
    assert live.cpu_time_ns == 21397345341 and live.start_time == 1250626179.35
    assert (live.memory_kib, live.maxmem_kib) == (262144, 524288)
    assert (live.store_mfn, live.console_mfn, live.online_vcpus) == (262434, 262433, 1)
    assert live.alive and live.hvm and live.on_xend_start == "start"
    assert [(d.kind, d.target, d.uuid, d.backend) for d in live.devices] == [
        ("vif", "00:16:3e:00:00:01", "u1", "0"),
        ("vbd", "hda", None, "3"),
    ]
    odd = live_domain(loads("(domain (name g) (cpu_time x) (status 99) (state ) (domid z))"))
    assert (odd.cpu_time_ns, odd.status, odd.flags, odd.domid, odd.alive) == (
        None,
        None,
        None,
        None,
        False,
    )
    with pytest.raises(ConfigError):
        live_domain(loads("(domain (domid 3))"))


def test_the_format_is_registered() -> None:
    from xenparley_formats import plugin

    names: list[str] = []

    class Registrar:
        def format(self, spec: Any) -> None:
            names.append(spec.name)
            assert spec.name != "sxp" or spec.suffixes == (".sxp", ".sexpr")

    plugin.xenparley_register(Registrar())  # type: ignore[arg-type]
    assert "sxp" in names


@pytest.mark.parametrize(
    "piece",
    [
        "(device (vbd (dev xvda)))" * 20000,
        "(bogus 1)" * 20000,
        "(cpus (" + "(0 1)" * 20000 + "))",
        "(cpus '" + "0-16383," * 20000 + "1')",
        "(vcpu_avail 5)" * 20000,
        "(image (hvm (kernel /l) (serial (" + "pty " * 20000 + "))))",
        "(image (hvm (kernel /l)" + "(usbdevice x)" * 20000 + "(boot zz)(boot c)))",
        "(device (pci " + "(dev (slot 0x1))" * 20000 + "))",
        "(" * 390 + ")" * 390,
    ],
    ids=lambda piece: f"{piece[:20]}...",
)
def test_large_documents_end(piece: str) -> None:
    config = read(f"(vm (name g) (memory 64) (vcpus 4) {piece})")
    try:
        text(config, lossy=True)
    except Unrepresentable as exc:
        assert "nested deeper" in str(exc)


def test_numbers_that_would_exhaust_memory_are_refused() -> None:
    for vcpus in (
        Vcpus(maximum=10**18),
        Vcpus(maximum=4, current=-(10**9)),
        Vcpus(maximum=0),
    ):
        with pytest.raises(Unrepresentable):
            text(evolve(PV, vcpus=vcpus), lossy=True)
    with pytest.raises(ConfigError):
        read("(vm (name g) (memory 64) (vcpus 999999))")
    pins = tuple(VcpuPin(vcpu=n, cpuset="0-16383") for n in range(8192))
    assert places(evolve(PV, vcpus=Vcpus(maximum=8192, pins=pins)), 4) == ["cputune"]
