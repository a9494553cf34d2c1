"""XM files and the model: what is understood, what is kept, and what can't be said."""

from __future__ import annotations

import pytest
from attrs import evolve

from support.abi_facts import need_facts
from support.corpus import corpus_dir, find_corpus
from xenparley.domain.config import Disk, DiskSource, Extra, GuestConfig, Interface
from xenparley.domain.errors import ConfigError, InvalidInput, Unrepresentable
from xenparley_formats import xm_format
from xenparley_formats.text_known import XM_KEYS
from xenparley_formats.xml_format import read_xml, write_xml

PV = 'name = "web"\nmemory = 256\nkernel = "/boot/vmlinuz"\n'
HVM = 'name = "web"\nmemory = 256\nbuilder = "hvm"\nkernel = "/usr/lib/xen/boot/hvmloader"\n'


def read(text: str, version: int = 4, *, strict: bool = False) -> GuestConfig:
    options = {"xend-config-version": str(version)}
    return xm_format.read(text.encode(), source="web", strict=strict, options=options).config


def write(config: GuestConfig, version: int = 4, *, lossy: bool = False) -> str:
    options = {"xend-config-version": str(version)}
    return xm_format.write(config, lossy=lossy, options=options).text


def refused(config: GuestConfig, version: int = 4) -> list[str]:
    with pytest.raises(Unrepresentable) as caught:
        write(config, version)
    return [problem.place for problem in caught.value.problems]


SEEDS = ["pv-bootloader", "pv-kernel", "hvm-bios", "hvm-kernel"] if find_corpus() else ["none"]


@pytest.mark.parametrize("version", [1, 2, 3, 4])
@pytest.mark.parametrize("name", SEEDS)
def test_a_seed_comes_back_as_the_same_guest(name: str, version: int) -> None:
    seed = read_xml((corpus_dir() / "seed" / f"{name}.xml").read_bytes()).config
    if name == "hvm-kernel" and version < 4:
        # xm's key for it came with Xen 3.3
        assert "os/kernel" in refused(seed, version)
        return
    text = write(seed, version)
    again = read(text, version, strict=True)
    # what libvirt adds to the seed is said the second time
    xml = write_xml(again).text
    assert read(write(read_xml(xml.encode()).config, version), version) == again
    assert again.name == seed.name and again.memory_kib == seed.memory_kib
    assert [d.source.path for d in again.disks] == [d.source.path for d in seed.disks]
    assert [d.device for d in again.disks] == [d.device for d in seed.disks]
    assert [n.script for n in again.interfaces] == [n.script for n in seed.interfaces]
    assert [g.type for g in again.graphics] == [g.type for g in seed.graphics]
    for part in ("kernel", "initrd", "cmdline", "bootloader", "virt", "loader"):
        assert getattr(again.boot, part) == getattr(seed.boot, part)
    assert {f.name for f in again.features} == {f.name for f in seed.features}
    if seed.clock is not None:
        assert again.clock is not None
        assert "localtime" in (again.clock.offset, again.clock.basis)


def test_every_key_of_every_release_is_known() -> None:
    assert set(need_facts()["xend"]["xm_create_vars"]) <= XM_KEYS


@pytest.mark.parametrize("key", sorted(XM_KEYS - {"name", "memory", "maxmem", "builder"}))
def test_a_known_key_is_understood_or_kept(key: str) -> None:
    base = HVM if f"{key} =" not in HVM else PV
    said = [f'{key} = "1"\n', f"{key} = 1\n", f'{key} = [ "a=b", "c" ]\n']
    for line in said:
        if f"{key} =" in base:
            base = "".join(x for x in base.splitlines(True) if not x.startswith(key))
        config = read(base + line)
        again = read(write(config, lossy=True))
        assert again == config


def test_unknown_keys_are_kept_and_written_back() -> None:
    config = read(PV + 'future = [ "x", [ 1, 2 ] ]\nshadow_memory = 8\n')
    assert config.extras == (
        Extra("xm", "future", '[ "x", [ 1, 2 ] ]'),
        Extra("xm", "shadow_memory", "8"),
    )
    assert xm_format.parse_xm(write(config)).get("future") == ["x", [1, 2]]
    with pytest.raises(ConfigError, match="future"):
        read(PV + "future = 1\n", strict=True)
    assert read(PV + "shadow_memory = 8\n", strict=True).extras


def test_an_item_that_is_not_understood_keeps_its_place() -> None:
    config = read(PV + 'disk = [ "odd", "phy:/dev/a,xvda,w", "iscsi:x" ]\n')
    assert [disk.target for disk in config.disks] == ["xvda"]
    document = xm_format.parse_xm(write(config))
    assert document.get("disk") == ["odd", "phy:/dev/a,xvda,w", "iscsi:x"]


def test_names_and_defaults_of_xm() -> None:
    config = read('name = "a"\nkernel = "/k"\n')
    assert config.memory_kib == 128 * 1024 and config.vcpus.maximum == 1
    hvm = read('name = "a"\nbuilder = "hvm"\nkernel = "/l"\n')
    assert {f.name for f in hvm.features} == {"acpi", "apic", "pae"}
    assert hvm.boot.devices == ("hd",)


def test_boolean_and_tuple_values_are_ignored_as_xm_does() -> None:
    reading = xm_format.read((HVM + "pae = False\n").encode(), source="web", options={})
    assert "pae" in {feature.name for feature in reading.config.features}
    assert any("pae" in warning for warning in reading.warnings)


def test_virtual_cpus_of_both_times() -> None:
    old = read(PV + "vcpus = 4\nvcpu_avail = 3\n", 2)
    new = read(PV + "maxvcpus = 4\nvcpus = 2\n")
    assert old.vcpus == new.vcpus and (new.vcpus.maximum, new.vcpus.current) == (4, 2)
    assert "vcpu_avail = 3" in write(old, 3) and "maxvcpus = 4" in write(new)
    # which ones are online can't be told by their number
    assert read(PV + "vcpus = 4\nvcpu_avail = 5\n").extras[0].key == "vcpu_avail"


def test_pins_are_a_list() -> None:
    config = read(PV + 'vcpus = 2\ncpus = [ "1", "2-3" ]\n')
    assert [(pin.vcpu, pin.cpuset) for pin in config.vcpus.pins] == [(0, "1"), (1, "2-3")]
    assert xm_format.parse_xm(write(config)).get("cpus") == ["1", "2-3"]


@pytest.mark.parametrize(
    "path", ["/a,xvdb,w", "/a'\", 'x", "/a\n", " /a", "/a\\", "/ä", "/a\\x00b", "/a]#"]
)
def test_no_path_reaches_out_of_its_disk(path: str) -> None:
    disk = Disk(target="xvda", source=DiskSource(path=path))
    config = evolve(read(PV), disks=(disk,))
    text = write(config, lossy=True)
    found = read(text)
    assert len(found.disks) <= 1
    assert evolve(found, disks=()) == read(PV)
    if found.disks:
        assert found.disks[0].source.path == path
        assert write(config) == text
    else:
        assert refused(config) == ["devices/disk[1]"]


def test_a_password_is_never_in_a_message() -> None:
    config = read(PV + 'vfb = [ "type=vnc,vncpasswd=secret1" ]\n')
    bad = evolve(config, graphics=(evolve(config.graphics[0], password="secret2,x"),))
    with pytest.raises(Unrepresentable) as caught:
        write(bad)
    assert "secret" not in str(caught.value) and "secret" not in repr(config)
    hidden = xm_format.write(config, options={"secrets": "no"}).text
    assert "secret" not in hidden and "vnc" in hidden


def test_what_xm_has_no_word_for_is_listed() -> None:
    base = read(PV)
    config = evolve(
        base,
        title="a title",
        memory_kib=base.memory_kib + 1,
        max_memory_kib=base.memory_kib + 1,
        interfaces=(Interface(type="network", source="default"),),
        extras=(Extra("xml", "cpu", "<cpu/>"),),
    )
    places = refused(config)
    assert {"title", "memory", "currentMemory", "cpu", "devices/interface[1]/@type"} <= set(places)
    writing = xm_format.write(config, lossy=True, options={})
    assert len(writing.warnings) == len(places)


def test_an_extra_says_one_key_and_nothing_else() -> None:
    base = read(PV)
    for extra in (
        Extra("xm", "a b", "1"),
        Extra("xm", "import", "1"),
        Extra("xm", "x", "1\ny = 2"),
        Extra("xm", "x", "1; y = 2"),
        Extra("xm", "x", ""),
        Extra("xm", "x", "__import__('os')"),
        Extra("xm", "name", "'other'"),
    ):
        config = evolve(base, extras=(extra,))
        assert refused(config)
        assert read(write(config, lossy=True)) == base


def test_wrong_options_and_guests_are_refused() -> None:
    for options in ({"xend-config-version": "5"}, {"x": "y"}):
        with pytest.raises(InvalidInput):
            xm_format.read(PV.encode(), source="web", options=options)
        with pytest.raises(InvalidInput):
            xm_format.write(read(PV), options=options)
    with pytest.raises(InvalidInput):
        xm_format.config_to_xm(read(PV), version=0)
    for text, place in (("memory = 1\n", "name"), ('name = "a"\nmemory = 0\n', "memory")):
        with pytest.raises(ConfigError, match=place):
            read(text)
    with pytest.raises(ConfigError, match="line 3: builder"):
        read('name = "a"\nmemory = 1\nbuilder = "mini"\n')
    pvh = evolve(read(PV), boot=evolve(read(PV).boot, virt="pvh"))
    with pytest.raises(Unrepresentable, match="pvh"):
        write(pvh, lossy=True)


def test_a_display_in_both_styles() -> None:
    top = read(PV + "vnc = 1\nvncunused = 0\nvncdisplay = 3\n", 2)
    assert (top.graphics[0].port, top.graphics[0].autoport) == (5903, False)
    assert "vfb" not in write(top, 2) and "vfb" in write(top, 3)
    both = read(HVM + "vnc = 1\nsdl = 1\nvncunused = 1\n")
    assert [display.type for display in both.graphics] == ["vnc", "sdl"]
    assert read(write(both)) == both


def test_serial_ports_keep_their_numbers() -> None:
    config = read(HVM + 'serial = [ "none", "/dev/ttyS1", "pty" ]\n')
    assert [char.port for char in config.serials] == [1, 2]
    assert xm_format.parse_xm(write(config)).get("serial") == ["none", "/dev/ttyS1", "pty"]
    odd = read(HVM + 'serial = "tcp:a:b:c:d"\n')
    assert odd.serials == () and odd.extras[0].key == "serial"
    assert xm_format.parse_xm(write(odd)).get("serial") == "tcp:a:b:c:d"
