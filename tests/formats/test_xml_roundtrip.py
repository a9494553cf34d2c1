"""Any guest to XML and back; what the model doesn't know; what XML can't say."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings

from support.configs import configs
from support.level import examples
from support.xml_documents import document, missing_from
from xenparley.domain.config import (
    CharDevice,
    CharEndpoint,
    CharSource,
    Disk,
    DiskSource,
    Extra,
    Feature,
    Graphics,
    GuestConfig,
)
from xenparley.domain.errors import ConfigError, InvalidInput, Unrepresentable
from xenparley_formats import xml_format
from xenparley_formats.xml_format import read_xml, write_xml

SLOW = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@SLOW
@given(configs())
def test_any_guest_comes_back(config: GuestConfig) -> None:
    text = write_xml(config).text
    again = read_xml(text.encode()).config
    assert again == config
    assert write_xml(again).text == text


@pytest.mark.heavy
@settings(SLOW, max_examples=examples(200))
@given(configs(most=3))
def test_any_guest_comes_back_at_length(config: GuestConfig) -> None:
    assert read_xml(write_xml(config).text.encode()).config == config


@SLOW
@given(configs(extras=False))
def test_a_guest_without_extras_is_read_strictly(config: GuestConfig) -> None:
    known = tuple(f for f in config.features if f.name != "future-one")
    known = tuple(evolve(f, features=()) for f in known)
    config = evolve(config, features=known)
    assert read_xml(write_xml(config).text.encode(), strict=True).config == config


FOREIGN = b"""<!-- kept: before --><?editor mode?>
<domain type='xen' xmlns:v='urn:v' v:level='3'>
  <name>g<!-- in a text --></name><memory>1024</memory><vcpu>1</vcpu>
  <metadata><v:app id='7'><deep/>text &amp; more</v:app></metadata>
  <cpu mode='host-passthrough'/>
  <os><type future='1'>hvm</type><boot dev='hd' since='9'/><smbios mode='host'/></os>
  <features><acpi/><hyperv><relaxed state='on'/><spinlocks retries='8191'/></hyperv></features>
  <clock offset='utc'><timer name='tsc' frequency='5'/></clock>
  <cputune><shares>2048</shares><vcpupin vcpu='0' cpuset='1' x='y'/></cputune>
  <devices>
    <disk type='file'><driver name='qemu' io='native'/><source/><target dev='hda'/>
      <iotune><read_bytes_sec>1</read_bytes_sec></iotune></disk>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
    <hostdev type='scsi'><source/></hostdev>
    stray text
    <v:gpu/>
  </devices>
  <v:commandline><v:arg value='-x'/></v:commandline>
</domain>
<!-- kept: after -->"""


def test_what_the_model_does_not_know_survives() -> None:
    config = read_xml(FOREIGN).config
    text = write_xml(config).text
    assert missing_from(text, FOREIGN) == []
    assert "kept: before" in text and "kept: after" in text and "<?editor mode?>" in text
    assert read_xml(text.encode()).config == config
    assert write_xml(read_xml(text.encode()).config).text == text


def test_strict_lists_what_it_does_not_know() -> None:
    with pytest.raises(ConfigError) as caught:
        read_xml(FOREIGN, source="f", strict=True)
    said = "\n".join(map(str, caught.value.problems))
    for word in (
        "metadata", "cpu", "os/type/@future", "os/boot/@since", "os/smbios", "shares", "iotune",
        "timer/@frequency", "driver/@io", "rng", "hostdev", "stray text", "gpu", "commandline",
    ):  # fmt: skip
        assert word in said


def test_pieces_of_other_notations_travel_along() -> None:
    extra = Extra("sxp", "device/weird", "(weird ('a<b' \r\n))")
    config = evolve(read_xml(document()).config, extras=(extra,))
    text = write_xml(config).text
    assert read_xml(text.encode(), strict=True).config == config


@pytest.mark.parametrize(
    ("unit", "kib"),
    [
        ("", 2048), ("b", 2), ("bytes", 2), ("k", 2048), ("K", 2048), ("KiB", 2048),
        ("KB", 2000), ("M", 2048 << 10), ("MiB", 2048 << 10), ("MB", 2_000_000),
        ("G", 2048 << 20), ("GiB", 2048 << 20), ("T", 2048 << 30),
    ],
)  # fmt: skip
def test_units_of_memory(unit: str, kib: int) -> None:
    said = f" unit='{unit}'" if unit else ""
    data = document().replace(b"<memory>1024", f"<memory{said}>2048".encode())
    assert read_xml(data).config.memory_kib == kib


def test_memory_that_is_no_whole_kib_is_rounded_up_with_a_warning() -> None:
    reading = read_xml(document().replace(b"<memory>1024", b"<memory unit='b'>1025"))
    assert reading.config.memory_kib == 2
    assert "rounded up" in reading.warnings[0]


def test_too_much_memory_is_a_problem() -> None:
    data = document().replace(b"<memory>1024", b"<memory unit='E'>9999999999")
    with pytest.raises(ConfigError, match="memory"):
        read_xml(data)


def test_memory_and_current_memory() -> None:
    config = read_xml(document("<currentMemory unit='KiB'>512</currentMemory>")).config
    assert (config.memory_kib, config.max_memory_kib) == (512, 1024)


def test_old_spellings() -> None:
    data = document("<clock sync='localtime'/>", "<console tty='/dev/pts/5'/>")
    config = read_xml(data, strict=True).config
    assert config.clock is not None and config.clock.offset == "localtime"
    assert config.consoles[0].tty == "/dev/pts/5"
    with pytest.raises(ConfigError, match="sync"):
        read_xml(document("<clock sync='localtime' offset='utc'/>"))


def test_uuid_with_and_without_dashes() -> None:
    plain = read_xml(document("<uuid>4DEA22B31D52D8F32516782E98AB3FA0</uuid>")).config
    assert plain.uuid == "4dea22b3-1d52-d8f3-2516-782e98ab3fa0"


def test_nothing_is_added_at_reading() -> None:
    config = read_xml(document(devices="<disk device='cdrom'><target dev='xvda'/></disk>")).config
    assert config.disks[0].bus is None
    assert config.disks[0].readonly is False
    assert config.uuid is None and config.clock is None and config.balloon is None


def test_passwords_are_left_out_on_request() -> None:
    config = evolve(
        read_xml(document()).config,
        graphics=(Graphics(password="hush"),),
        extras=(Extra("xml", "v", "<v><w passwd='hush'/></v>"),),
    )
    assert write_xml(config).text.count("hush") == 2
    assert "hush" not in write_xml(config, secrets=False).text
    assert "hush" not in xml_format.write(config, options={"secrets": "no"}).text


@pytest.mark.parametrize("bad", ["a\x00b", "\x1b[31m", "\ud800", "\uffff"])
def test_text_that_xml_cannot_hold_is_refused_with_its_place(bad: str) -> None:
    config = evolve(read_xml(document()).config, emulator=f"/{bad}")
    with pytest.raises(Unrepresentable) as caught:
        write_xml(config)
    assert [p.place for p in caught.value.problems] == ["devices/emulator"]
    writing = write_xml(config, lossy=True)
    assert len(writing.warnings) == 1
    assert read_xml(writing.text.encode()).config.emulator is not None


@pytest.mark.parametrize(
    "extra",
    [
        Extra("xml", "name", "<name>other</name>"),
        Extra("xml", "v", "<v/><w/>"),
        Extra("xml", "v", "</domain><domain>"),
        Extra("xml", "v", "<!DOCTYPE v []><v/>"),
        Extra("xml", "v", "<v"),
        Extra("xml", "v", "text"),
        Extra("xml", "v", "<v/>" + "\x00"),
        Extra("xml", "@type", "kvm"),
        Extra("xml", "@a b", "1"),
        Extra("xml", "@xmlns", "urn:x"),
        Extra("xml", "@a", "\x00"),
        Extra("xml", "!comment", "a --> <name>x</name> <!-- b"),
        Extra("xml", "?", "<?x?><name>y</name><?z?>"),
        Extra("xml", "?", "<?xml version='1.0'?>"),
    ],
)
def test_a_piece_cannot_break_out_of_its_place(extra: Extra) -> None:
    config = evolve(read_xml(document()).config, extras=(extra,))
    with pytest.raises(Unrepresentable):
        write_xml(config)
    written = write_xml(config, lossy=True)
    assert written.warnings
    again = read_xml(written.text.encode()).config
    assert again.name == "g"


def test_what_only_another_type_can_say_is_refused() -> None:
    base = read_xml(document()).config
    disk = Disk(target="hda", source=DiskSource(type="file", path="/a", protocol="rbd"))
    char = CharDevice(source=CharSource(type="pty", endpoints=(CharEndpoint(host="h"),)))
    for config in (evolve(base, disks=(disk,)), evolve(base, serials=(char,))):
        with pytest.raises(Unrepresentable, match="type"):
            write_xml(config)


@pytest.mark.parametrize("name", ["a b", "", "<x", "0a", "é:"])
def test_a_feature_that_is_no_element_is_refused(name: str) -> None:
    config = evolve(read_xml(document()).config, features=(Feature(name=name),))
    with pytest.raises(Unrepresentable):
        write_xml(config)


def test_the_attribute_of_an_element_that_is_gone_is_a_warning() -> None:
    config = read_xml(document().replace(b"<type>", b"<boot dev='hd' x='1'/><type>")).config
    config = evolve(config, boot=evolve(config.boot, devices=()))
    writing = write_xml(config)
    assert "boot[1]/@x" in writing.warnings[0]


def test_unknown_options_are_refused() -> None:
    config = read_xml(document()).config
    with pytest.raises(InvalidInput, match="secrets"):
        xml_format.write(config, options={"secret": "no"})
    with pytest.raises(InvalidInput):
        xml_format.write(config, options={"secrets": "maybe"})
    with pytest.raises(InvalidInput):
        xml_format.read(document(), source="x", options={"a": "b"})
