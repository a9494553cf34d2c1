"""Words that SXP, XM files and xl.cfg share: each is read back as written, or refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xenparley.domain.config import (
    CharEndpoint,
    CharSource,
    Disk,
    DiskSource,
    Graphics,
    Interface,
    PciAddress,
)
from xenparley_formats.native_chars import char_text, parse_char
from xenparley_formats.native_disks import (
    mode_text,
    parse_mode,
    parse_target,
    parse_uname,
    plain_target,
    uname_text,
)
from xenparley_formats.native_graphics import graphics_words, kind_of, parse_graphics
from xenparley_formats.native_nics import nic_words, parse_nic
from xenparley_formats.native_run import Unreadable, Unsayable, WriteLog
from xenparley_formats.native_words import (
    boot_devices,
    boot_letters,
    cpu_list,
    cpu_ranges,
    number,
    online_mask,
    online_of,
    parse_credit,
    parse_pci,
    parse_rate,
    rate_text,
    to_mib,
)

TEXT = st.text(max_size=12)


@pytest.mark.parametrize(
    "word",
    [
        "none",
        "pty",
        "null",
        "stdio",
        "vc",
        "/dev/ttyS1",
        "file:/a,b:c",
        "pipe:/p",
        "tcp:localhost:9999",
        "tcp:localhost:9999,server,nowait",
        "telnet:h:1,server,nowait",
        "tcp:[2001:db8::1]:80",
        "udp:a:1@b:2",
        "udp:a:1",
        "udp::",
        "unix:/s",
        "unix:/s,server,nowait",
    ],
)
def test_character_devices_are_read_and_written(word: str) -> None:
    assert char_text(parse_char(word)) == word


@pytest.mark.parametrize(
    "word",
    ["", "tcp:h", "tcp:h:1,exec=/bin/sh", "unix:", "file:", "mon:x", "tcp:a:b:c", "udp:1@2", "x:y"],
)
def test_malformed_character_devices(word: str) -> None:
    with pytest.raises(Unreadable):
        parse_char(word)


@pytest.mark.parametrize(
    "source",
    [
        CharSource(type="unix", path="/s,server"),
        CharSource(type="dev", path="ttyS0"),
        CharSource(type="spicevmc"),
        CharSource(type="file", path="/f", append=True),
        CharSource(type="tcp", endpoints=(CharEndpoint(host="h,server", service="1"),)),
        CharSource(type="tcp", endpoints=(CharEndpoint(host="h", service="1,x"),)),
        CharSource(type="tcp", endpoints=(CharEndpoint(), CharEndpoint())),
        CharSource(type="tcp", endpoints=(CharEndpoint(),), protocol="tls"),
        CharSource(type="udp", endpoints=(CharEndpoint(), CharEndpoint())),
    ],
)
def test_character_devices_that_have_no_word(source: CharSource) -> None:
    with pytest.raises(Unsayable):
        char_text(source)


@given(TEXT, TEXT, st.sampled_from(["connect", "bind"]))
def test_an_address_comes_back_or_is_refused(host: str, service: str, mode: str) -> None:
    source = CharSource(
        type="tcp",
        endpoints=(CharEndpoint(mode=mode, host=host or None, service=service or None),),
        protocol="raw",
    )
    try:
        word = char_text(source)
    except Unsayable:
        return
    assert parse_char(word) == source


@given(TEXT)
def test_any_character_device_is_read_or_refused(word: str) -> None:
    try:
        source = parse_char(word)
    except Unreadable:
        return
    assert parse_char(char_text(source)) == source


@pytest.mark.parametrize(
    ("uname", "driver", "form", "kind"),
    [
        ("file:/p:q", "file", None, "file"),
        ("phy:/dev/x", "phy", None, "block"),
        ("tap:aio:/p", "tap", "raw", "file"),
        ("tap:qcow:/p", "tap", "qcow", "file"),
        ("tap2:vhd:/p", "tap2", "vhd", "file"),
        ("iscsi:iqn.x", "iscsi", None, "file"),
    ],
)
def test_sources_of_disks(uname: str, driver: str, form: str | None, kind: str) -> None:
    source = parse_uname(uname)
    assert (source.driver, source.format, source.type) == (driver, form, kind)
    disk = Disk(
        target="xvda",
        source=DiskSource(type=source.type, path=source.path),
        driver=source.driver,
        format=source.format,
    )
    assert uname_text(disk) == uname


def test_special_sources() -> None:
    assert parse_uname("tap2:tapdisk:aio:/p") == parse_uname("tap2:aio:/p")
    assert parse_uname("tap:aio:/p", tap2=True).driver == "tap2"
    assert parse_uname("/dev/x", bare=True).type == "block"
    relative = Disk(target="xvda", source=DiskSource(type="block", path="vg/x"))
    assert uname_text(relative) == "phy:/dev/vg/x"
    assert uname_text(Disk(target="hdc", device="cdrom")) is None
    for wrong in ("/p", "file:", "tap:odd:/p", "a b:/p", ":/p"):
        with pytest.raises(Unreadable):
            parse_uname(wrong)
    for source, driver in (
        (DiskSource(type="network", path="x", protocol="rbd"), None),
        (DiskSource(path="/p"), "a:b"),
    ):
        with pytest.raises(Unsayable):
            uname_text(Disk(target="xvda", source=source, driver=driver))
    with pytest.raises(Unsayable):
        uname_text(Disk(target="xvda", source=DiskSource(path="/p"), format="qcow2"))


def test_targets_and_modes() -> None:
    assert parse_target("ioemu:hda") == ("hda", None)
    assert parse_target("hdc:cdrom") == ("hdc", "cdrom")
    assert parse_target("hdc:cdrom", suffix=False) == ("hdc:cdrom", None)
    for wrong in ("", ":cdrom", "a b"):
        with pytest.raises(Unreadable):
            parse_target(wrong)
    for wrong in ("", "a,b", "a:b", "a b"):
        with pytest.raises(Unsayable):
            plain_target(wrong)
    modes = {"r": (True, False), "ro": (True, False), "w": (False, False), "rw": (False, False)}
    modes |= {"w!": (False, True), "!": (False, True)}
    assert {word: parse_mode(word) for word in modes} == modes
    with pytest.raises(Unreadable):
        parse_mode("x")
    assert mode_text(Disk(target="a", shareable=True)) == "w!"
    with pytest.raises(Unsayable):
        mode_text(Disk(target="a", transient=True))


@given(st.sets(st.integers(0, 16383), min_size=1, max_size=40))
def test_cpu_lists(cpus: set[int]) -> None:
    assert set(cpu_list(cpu_ranges(cpus))) == cpus


def test_cpu_lists_as_people_write_them() -> None:
    assert cpu_ranges(cpu_list("0-3, ^2,7")) == "0-1,3,7"
    for wrong in ("", "3-1", "x", "^0", "0-99999", "1,,2"):
        with pytest.raises(Unreadable):
            cpu_list(wrong)


def test_masks() -> None:
    assert [online_mask(n) for n in (1, 2, 64)] == [1, 3, (1 << 64) - 1]
    assert online_of(5, 4) == 2 and online_of(0, 4) == 1 and online_of((1 << 99) - 1, 4) == 4


def test_numbers() -> None:
    assert [number(t) for t in ("12", "0x1f", "-3", "256.0", " 7 ")] == [12, 31, -3, 256, 7]
    for wrong in ("", "1e5", "1_0", "٣", "0x", "--1"):
        with pytest.raises(Unreadable):
            number(wrong)
    assert to_mib(1025) == 2


@given(st.integers(1, 0xFFFFFFFF), st.none() | st.integers(1, 0xFFFFFFFF))
def test_rates_come_back(rate: int, interval: int | None) -> None:
    assert parse_rate(rate_text(rate, interval)) == (rate, interval)


def test_rates_as_people_write_them() -> None:
    assert parse_rate("10MB/s@20ms") == (10240, 20000)
    assert parse_rate("10Mb/s") == (1280, None)
    assert parse_rate("1GB/s@1s") == (1 << 20, 1_000_000)
    assert parse_credit("62500,50000") == (1250, 50000)
    for wrong in ("10", "0KB/s", "9B/s", "10MB/s@", "10MB/s@0us", "999999GB/s", "x"):
        with pytest.raises(Unreadable):
            parse_rate(wrong)
    for wrong in ("1,0", "0,5", "1", "1,2,3"):
        with pytest.raises(Unreadable):
            parse_credit(wrong)


def test_pci_addresses_and_boot_orders() -> None:
    assert parse_pci("0001:0c:1b.2") == PciAddress(1, 0x0C, 0x1B, 2)
    assert parse_pci("c:1.0") == PciAddress(0, 0x0C, 1, 0)
    assert str(parse_pci("1:2:3.4")) == "0001:02:03.4"
    for wrong in ("", "1:2", "0:0:20.0", "0:0:0.8", "g:0:0.0"):
        with pytest.raises(Unreadable):
            parse_pci(wrong)
    assert boot_letters(boot_devices("dcna")) == "dcna"
    with pytest.raises(Unreadable):
        boot_devices("cx")
    with pytest.raises(Unsayable):
        boot_letters(("usb",))


NIC = Interface(source="br0", mac="00:16:3e:00:00:01", script="vif-bridge", model="e1000")


@pytest.mark.parametrize(
    "nic",
    [
        NIC,
        Interface(type="ethernet", script="vif-route", ips=("192.0.2.1", "2001:db8::1")),
        Interface(source=None, script="vif-bridge"),
        Interface(source="br0", model="netfront", target="web0", backend_domain="net"),
        Interface(source="br0", rate_kib_s=100, rate_interval_us=50000),
    ],
)
def test_interfaces_come_back(nic: Interface) -> None:
    log = WriteLog("test")
    assert parse_nic(dict(nic_words(nic, log, "nic", hvm=True, ioemu=True))) == nic
    assert log.problems == []


@pytest.mark.parametrize(
    "nic",
    [
        Interface(type="hostdev"),
        Interface(type="ethernet", source="eth0"),
        Interface(type="ethernet", script="vif-bridge"),
        Interface(source=None, script="/own"),
        Interface(source="br0", ips=("a b",)),
        Interface(source="br0", rate_interval_us=5),
        Interface(source="br0", backend_domain="0"),
    ],
)
def test_interfaces_that_have_no_words(nic: Interface) -> None:
    log = WriteLog("test")
    nic_words(nic, log, "nic", hvm=False, ioemu=False)
    assert len(log.problems) == 1


@pytest.mark.parametrize(
    "words",
    [
        {"vncunused": "1"},
        {"vncunused": "0", "vncdisplay": "7", "vnclisten": "::", "vncpasswd": "p", "keymap": "de"},
        {"vncunused": "1", "vncdisplay": "59635"},
    ],
)
def test_displays_come_back(words: dict[str, str]) -> None:
    log = WriteLog("test")
    assert dict(graphics_words(parse_graphics(words, "vnc"), log, "g")) == words
    assert log.problems == []


def test_other_displays() -> None:
    sdl = parse_graphics({"display": ":1", "xauthority": "/x", "opengl": "1"}, "sdl")
    log = WriteLog("test")
    assert graphics_words(sdl, log, "g") == [
        ("display", ":1"),
        ("xauthority", "/x"),
        ("opengl", "1"),
    ]
    assert [kind_of(words) for words in ({"sdl": "1"}, {"type": "sdl"}, {})] == [
        "sdl",
        "sdl",
        "vnc",
    ]
    with pytest.raises(Unreadable):
        parse_graphics({"vncdisplay": "59636"}, "vnc")
    low: Any = Graphics(type="vnc", port=80)
    graphics_words(low, log, "g")
    assert [problem.place for problem in log.problems] == ["g/@port"]
