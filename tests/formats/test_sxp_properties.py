"""Any configuration comes back from S-expressions equal, or is refused with all its losses."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.configs import configs
from support.level import examples
from support.normal import normal
from xenparley.domain.config import GuestConfig, Loader
from xenparley.domain.errors import ConfigError, InvalidInput, ParseError, Unrepresentable
from xenparley_formats import sxp_format
from xenparley_wire.sxp import dumps

VERSIONS = st.sampled_from([1, 2, 3, 4])
FEW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck))


def plain(config: GuestConfig) -> GuestConfig:
    """Leave out what no version of xend can say, so that the rest is looked at."""
    boot = config.boot
    loader = Loader(path="/usr/lib/xen/boot/hvmloader") if boot.virt == "hvm" else None
    return evolve(
        config,
        title=None,
        memory_kib=config.memory_kib // 1024 * 1024 + 1024,
        max_memory_kib=None,
        vcpus=evolve(config.vcpus, placement=None, cap=None),
        boot=evolve(boot, loader=loader, nvram=None, firmware=None, menu=None),
        features=tuple(
            f for f in config.features if boot.virt == "hvm" and f.name in ("acpi", "pae", "hap")
        ),
        on_watchdog=None,
        on_soft_reset=None,
        on_reboot="restart",
        on_poweroff="preserve",
        clock=config.clock and evolve(config.clock, timezone=None, timers=()),
        disks=tuple(
            evolve(d, cache=None, discard=None, script=None, transient=False, format=None, bus=None)
            for d in config.disks
            if d.source.type in ("file", "block") and d.source.path
        ),
        controllers=(),
        interfaces=tuple(
            evolve(n, type="bridge", source=n.source or "br0", driver=None)
            for n in config.interfaces
        ),
        serials=tuple(evolve(c, target_name=None) for c in config.serials)
        if boot.virt == "hvm"
        else (),
        parallels=(),
        consoles=(),
        channels=(),
        inputs=tuple(evolve(i, bus="usb") for i in config.inputs if boot.virt == "hvm"),
        graphics=tuple(
            evolve(
                g,
                type="vnc",
                tls_port=None,
                listens=(),
                xauth=None,
                display=None,
                default_mode=None,
                gl=None,
                mouse_mode=None,
                fullscreen=None,
                clipboard=None,
                filetransfer=None,
            )
            for g in config.graphics[:1]
        ),
        videos=(),
        sounds=config.sounds if boot.virt == "hvm" else (),
        pci=tuple(evolve(p, managed=False, driver=None, permissive=None) for p in config.pci),
        usb=(),
        balloon=None,
        cpupool=None,
        autostart=None,
    )


def check(config: GuestConfig, version: int, *, strict: bool = True) -> bool:
    """Write, read, compare. Returns whether it could be said."""
    options = {"xend-config-version": str(version)}
    try:
        text = sxp_format.write(config, options=options).text
    except Unrepresentable as exc:
        assert exc.problems and all(problem.message for problem in exc.problems)
        return False
    data = text.encode("utf-8", "surrogateescape")
    reading = sxp_format.read(data, source="test", strict=strict, options=options)
    assert normal(reading.config, version) == normal(config, version)
    again = sxp_format.write(reading.config, options=options).text
    assert (
        sxp_format.read(
            again.encode("utf-8", "surrogateescape"), source="test", options=options
        ).config
        == reading.config
    )
    return True


def lossy(config: GuestConfig, version: int) -> None:
    """What is left after losses is said without any."""
    options = {"xend-config-version": str(version)}
    try:
        first = sxp_format.write(config, lossy=True, options=options)
    except Unrepresentable:
        return
    data = first.text.encode("utf-8", "surrogateescape")
    left = sxp_format.read(data, source="test", options=options).config
    # an hvm guest without its loader is no guest of xend
    whole = left.virt == "pv" or left.boot.loader is not None
    assert check(left, version, strict=False) is whole


GUESTS = st.one_of(configs(extras=False, virt="pv"), configs(extras=False, virt="hvm"))


@FEW
@given(GUESTS.map(plain), VERSIONS)
def test_a_guest_comes_back_equal_or_is_refused(config: GuestConfig, version: int) -> None:
    check(config, version)
    lossy(config, version)


@pytest.mark.heavy
@MANY
@given(GUESTS.map(plain), VERSIONS)
def test_many_guests_come_back_equal_or_are_refused(config: GuestConfig, version: int) -> None:
    check(config, version)


@pytest.mark.heavy
@MANY
@given(configs(), VERSIONS)
def test_any_guest_comes_back_equal_or_is_refused(config: GuestConfig, version: int) -> None:
    check(config, version, strict=False)
    lossy(config, version)


WORDS = st.sampled_from(
    [
        "domain",
        "vm",
        "name",
        "memory",
        "maxmem",
        "vcpus",
        "vcpu_avail",
        "cpus",
        "uuid",
        "image",
        "linux",
        "hvm",
        "kernel",
        "loader",
        "boot",
        "serial",
        "parallel",
        "device",
        "vbd",
        "tap",
        "tap2",
        "vif",
        "vfb",
        "vkbd",
        "pci",
        "dev",
        "uname",
        "mode",
        "bridge",
        "mac",
        "rate",
        "bootable",
        "usbdevice",
        "soundhw",
        "localtime",
        "rtc_timeoffset",
        "vnc",
        "vncdisplay",
        "vncunused",
        "sdl",
        "args",
        "bootloader",
        "status",
        "state",
        "domid",
        "1",
        "0",
        "-1",
        "64",
        "0x10",
        "1.5",
        "10MB/s",
        "1,1",
        "phy:/x",
        "tap:aio:/x",
        "hda:disk",
        "hdc:cdrom",
        "w",
        "r",
        "w!",
        "pty",
        "none",
        "tcp::1",
        "udp:a:1@b:2",
        "unix:/x,server",
        "00:16:3e:00:00:01",
        "x",
        "()",
    ]
)
ATOMS = st.one_of(WORDS, WORDS, st.text(max_size=8))
TREES = st.recursive(ATOMS, lambda inner: st.lists(inner, max_size=5), max_leaves=40)


def guest(parts: list[Any]) -> list[Any]:
    return ["vm", ["name", "g"], ["memory", "64"], *parts]


def read_anything(data: bytes, version: int) -> None:
    """Read what may be a guest; what was understood once is understood the same ever after."""
    options = {"xend-config-version": str(version)}

    def again(config: GuestConfig) -> GuestConfig:
        text = sxp_format.write(config, lossy=True, options=options).text
        data = text.encode("utf-8", "surrogateescape")
        return sxp_format.read(data, source="test", options=options).config

    try:
        config = sxp_format.read(data, source="test", options=options).config
        first = again(config)
    except (ParseError, ConfigError, Unrepresentable):
        return
    second = again(first)
    assert again(second) == second


@FEW
@given(st.lists(TREES, max_size=8), VERSIONS)
def test_any_expression_is_a_guest_or_an_error(parts: list[Any], version: int) -> None:
    try:
        text = dumps(guest(parts))
    except InvalidInput:
        return
    read_anything(text.encode("utf-8", "surrogateescape"), version)


@pytest.mark.heavy
@MANY
@given(st.lists(TREES, max_size=8), VERSIONS)
def test_many_expressions_are_guests_or_errors(parts: list[Any], version: int) -> None:
    try:
        text = dumps(guest(parts))
    except InvalidInput:
        return
    read_anything(text.encode("utf-8", "surrogateescape"), version)


@pytest.mark.heavy
@MANY
@given(
    st.one_of(st.binary(), st.text(st.characters(exclude_categories=["Cs"])).map(str.encode)),
    VERSIONS,
)
def test_any_bytes_are_a_guest_or_an_error(data: bytes, version: int) -> None:
    read_anything(data, version)
