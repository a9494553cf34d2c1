"""xl.cfg and the model: the grammar of devices, what is kept, and what can't be said."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from support.abi_facts import need_facts
from support.corpus import corpus_dir, find_corpus
from xenparley.domain.config import Disk, DiskHost, DiskSource, Extra, GuestConfig, HostUsb
from xenparley.domain.errors import ConfigError, InvalidInput, Unrepresentable
from xenparley_formats import xl_format
from xenparley_formats.text_known import XL_KEYS
from xenparley_formats.xml_format import read_xml, write_xml

PV = 'name = "web"\nmemory = 256\nkernel = "/boot/vmlinuz"\n'
HVM = 'name = "web"\nmemory = 256\nbuilder = "hvm"\n'


def read(text: str, *, strict: bool = False) -> GuestConfig:
    return xl_format.read(text.encode(), source="web", strict=strict, options={}).config


def write(config: GuestConfig, *, lossy: bool = False) -> str:
    return xl_format.write(config, lossy=lossy, options={}).text


def refused(config: GuestConfig) -> list[str]:
    with pytest.raises(Unrepresentable) as caught:
        write(config)
    return [problem.place for problem in caught.value.problems]


def disk(text: str, *, hvm: bool = True) -> Disk:
    config = read(f"{HVM if hvm else PV}disk = [ '{text}' ]\n", strict=True)
    assert read(write(config)) == config
    return config.disks[0]


SEEDS = ["pv-bootloader", "pv-kernel", "hvm-bios", "hvm-kernel"] if find_corpus() else ["none"]


@pytest.mark.parametrize("name", SEEDS)
def test_a_seed_comes_back_as_the_same_guest(name: str) -> None:
    seed = read_xml((corpus_dir() / "seed" / f"{name}.xml").read_bytes()).config
    again = read(write(seed), strict=True)
    xml = write_xml(again).text
    assert read(write(read_xml(xml.encode()).config)) == again
    assert again.name == seed.name and again.memory_kib == seed.memory_kib
    assert [d.source.path for d in again.disks] == [d.source.path for d in seed.disks]
    assert [d.device for d in again.disks] == [d.device for d in seed.disks]
    assert [n.script for n in again.interfaces] == [n.script for n in seed.interfaces]
    assert [g.type for g in again.graphics] == [g.type for g in seed.graphics]
    for part in ("kernel", "initrd", "cmdline", "bootloader", "virt"):
        assert getattr(again.boot, part) == getattr(seed.boot, part)
    assert {f.name for f in again.features} == {f.name for f in seed.features}


def test_every_key_of_every_release_is_known() -> None:
    assert set(need_facts()["xl"]["xl_cfg_keys"]) <= XL_KEYS


@pytest.mark.parametrize("key", sorted(XL_KEYS - {"name", "memory", "maxmem", "builder", "type"}))
def test_a_known_key_is_understood_or_kept(key: str) -> None:
    base = "".join(x for x in HVM.splitlines(True) if not x.startswith(key))
    for line in (f'{key} = "1"\n', f"{key} = 1\n", f'{key} = [ "a=b", "c" ]\n'):
        config = read(base + line)
        assert read(write(config)) == config


def test_disks_by_position() -> None:
    assert disk("/dev/vg/a,raw,xvda,rw") == disk("/dev/vg/a,,xvda") == disk("/dev/vg/a,,xvda,w,")
    qcow = disk("/a.qcow2,qcow2,hdb,r")
    assert (qcow.format, qcow.readonly, qcow.bus, qcow.driver) == ("qcow2", True, "ide", "qemu")
    assert disk("/a.iso,,hdc,,devtype=cdrom").device == "cdrom"
    assert disk("/a.iso,,hdc:cdrom,r").device == disk("/a.iso,raw,hdc,r,cdrom").device == "cdrom"
    assert disk("/dev/a,raw,hda,w,backendtype=phy").source.type == "block"


def test_disks_by_name() -> None:
    one = disk(
        "format=vhd, vdev=xvda, access=r, script=block-x, backend=dd, target=/a,b=c", hvm=False
    )
    assert one.source.path == "/a,b=c"
    assert (one.format, one.script, one.backend_domain, one.bus) == ("vhd", "block-x", "dd", "xen")
    assert disk("vdev=hda,discard,target=/a").discard == "unmap"
    assert disk("vdev=hda,no-discard,target=/a").discard == "ignore"
    safe = disk("vdev=hda,direct-io-safe,target=/a")
    assert safe.extras == (Extra("xl", "direct-io-safe", "direct-io-safe"),)
    assert disk("vdev=hdc,devtype=cdrom,target=").source.path is None


def test_disks_with_the_prefixes_of_xm() -> None:
    phy = disk("phy:/dev/vg/a,xvda,w")
    assert (phy.driver, phy.source, phy.format) == (
        "phy",
        DiskSource(type="block", path="/dev/vg/a"),
        "raw",
    )
    assert disk("file:/a.img,hda,w").source.path == "/a.img"
    assert disk("tap:aio:/a.img,hda,w").format == "raw"
    assert disk("tap:qcow2:/a.img,hda,w").format == "qcow2"


def test_network_disks() -> None:
    one = disk(
        "vdev=hda,target=rbd:pool/a:auth_supported=none:mon_host=m\\\\:1\\\\;[2001\\\\:db8\\\\:\\\\:1]\\\\:2"
    )
    assert one.source.protocol == "rbd" and one.source.path == "pool/a"
    assert one.source.hosts == (DiskHost("m", port="1"), DiskHost("[2001:db8::1]", port="2"))
    for host in (DiskHost("a;b"), DiskHost("a", port="x"), DiskHost("a:b")):
        source = DiskSource(type="network", protocol="rbd", path="p/a", hosts=(host,))
        config = evolve(read(HVM), disks=(Disk(target="hda", driver="qemu", source=source),))
        assert refused(config)


@pytest.mark.parametrize(
    "text", ["", ",", "a,b,c,d,e", "target=", "/a,raw", "vdev=a,vdev=b", "/a,zip,hda"]
)
def test_a_disk_that_is_none_is_kept(text: str) -> None:
    config = read(HVM + f'disk = [ "{text}", "/b,,hdb" ]\n')
    assert [d.target for d in config.disks] == ["hdb"]
    assert xl_format.parse_xlcfg(write(config)).get("disk")[0] == text  # type: ignore[index]


@pytest.mark.parametrize(
    "path", ["/a,xvdb,w", '/a\'", "x', "/a\nb", " /a", "/a\\", "/ä", "/a]#", "/a "]
)
def test_no_path_reaches_out_of_its_disk(path: str) -> None:
    base = read(PV)
    one = Disk(target="xvda", source=DiskSource(path=path))
    config = evolve(base, disks=(one,))
    found = read(write(config, lossy=True))
    assert len(found.disks) <= 1
    assert evolve(found, disks=()) == base
    if found.disks and found.disks[0].source.path == path:
        assert write(config)
    else:
        assert refused(config)


def test_kinds_of_guests() -> None:
    assert read('type = "hvm"\nname = "a"\nmemory = 1\n').virt == "hvm"
    pvh = read('type = "pvh"\nbuilder = "hvm"\nname = "a"\nmemory = 1\nkernel = "/k"\n')
    assert pvh.virt == "pvh" and 'type = "pvh"' in write(pvh)
    with pytest.raises(ConfigError, match="line 1: type"):
        read('type = "x"\nname = "a"\nmemory = 1\n')
    with pytest.raises(ConfigError, match="memory"):
        read('name = "a"\n')


def test_the_kernels_arguments() -> None:
    split = read(PV + 'root = "/dev/xvda1"\nextra = "quiet"\n')
    assert (split.boot.root, split.boot.cmdline) == ("/dev/xvda1", "quiet")
    assert "cmdline" not in write(split)
    reading = xl_format.read(
        (PV + 'cmdline = "a"\nextra = "b"\n').encode(), source="web", options={}
    )
    assert reading.config.boot.cmdline == "a" and len(reading.warnings) == 1


def test_an_emulator_that_xl_would_not_find_is_an_override() -> None:
    usual = evolve(read(HVM), emulator="/usr/lib/xen/bin/qemu-system-i386")
    own = evolve(read(HVM), emulator="/opt/qemu")
    assert "device_model = " in write(usual) and "device_model_override = " in write(own)
    assert read(write(usual)) == usual and read(write(own)) == own


SPICE: dict[str, Any] = {
    "spicehost": '"0.0.0.0"',
    "spiceport": "6000",
    "spicedisable_ticketing": "1",
    "spiceagent_mouse": "0",
}


def test_devices_that_only_xl_has() -> None:
    text = HVM + "spice = 1\n" + "".join(f"{k} = {v}\n" for k, v in SPICE.items())
    text += 'usbctrl = [ "type=qusb,version=1,ports=4" ]\n'
    text += 'usbdev = [ "type=hostdev,hostbus=1,hostaddr=3,controller=0,port=2" ]\n'
    text += 'channel = [ "connection=socket,path=/run/x,name=a.b", "connection=pty,name=c" ]\n'
    text += 'pci = [ "01:00.0,permissive=1,msitranslate=0", "0001:02:03.4@5,seize=1" ]\n'
    text += "max_grant_frames = 64\ne820_host = 1\nserial = [ 'pty', 'none', 'null' ]\n"
    text += 'usbdevice = [ "tablet", "keyboard" ]\nusb = 1\nvga = "stdvga"\nvideoram = 32\n'
    config = read(text, strict=True)
    assert config.extras == ()
    assert (config.graphics[0].mouse_mode, config.graphics[0].port) == ("server", 6000)
    assert config.usb == (HostUsb(bus=1, device=3, mode="subsystem", guest_bus=0, guest_port=2),)
    assert [c.type for c in config.controllers] == ["usb", "xenbus"]
    assert [c.source.type for c in config.channels] == ["unix", "pty"]
    assert config.pci[0].permissive and config.pci[1].managed
    assert [s.port for s in config.serials] == [0, 2]
    assert config.videos[0].model == "vga" and config.videos[0].vram_kib == 32 * 1024
    assert read(write(config)) == config


def test_a_usb_device_by_its_ids_is_emulated() -> None:
    config = read(HVM + 'usb = 1\nusbdevice = "host:1d6b:0002"\n', strict=True)
    assert (config.usb[0].vendor, config.usb[0].product) == (0x1D6B, 2)
    assert read(write(config)) == config


def test_unknown_keys_are_kept_and_refused_when_strict() -> None:
    config = read(PV + "future = 017\nnestedhvm = 1\n")
    assert config.extras == (Extra("xl", "future", "15"), Extra("xl", "nestedhvm", "1"))
    assert read(write(config)) == config
    with pytest.raises(ConfigError, match="future"):
        read(PV + "future = 1\n", strict=True)


def test_an_extra_says_one_key_and_nothing_else() -> None:
    base = read(PV)
    for extra in (
        Extra("xl", "A", "1"),
        Extra("xl", "x", "1\ny = 2"),
        Extra("xl", "x", "1; y = 2"),
        Extra("xl", "name", '"other"'),
        Extra("xm", "x", "1"),
    ):
        config = evolve(base, extras=(extra,))
        assert refused(config)
        assert read(write(config, lossy=True)) == base


def test_wrong_options_are_refused() -> None:
    for options in ({"x": "y"}, {"secrets": "maybe"}):
        with pytest.raises(InvalidInput):
            xl_format.write(read(PV), options=options)
        with pytest.raises(InvalidInput):
            xl_format.read(PV.encode(), source="web", options=options)
