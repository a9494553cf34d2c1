"""Long property runs over XM files and xl.cfg as formats: equal or refused, never anything else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.configs import configs
from support.level import examples
from xenparley.domain.config import GuestConfig
from xenparley.domain.errors import ConfigError, InvalidInput, ParseError, Unrepresentable
from xenparley_formats import xl_format, xm_format
from xenparley_formats.native_same import evened
from xenparley_formats.xl_read import EVENING
from xenparley_formats.xm_read import evening

pytestmark = pytest.mark.heavy

LONG = settings(max_examples=examples(30), suppress_health_check=list(HealthCheck), deadline=None)
FORMS: list[Any] = [
    *(pytest.param(xm_format, {"xend-config-version": v}, id=f"xm-{v}") for v in "1234"),
    pytest.param(xl_format, {}, id="xl"),
]


def even(config: GuestConfig, options: dict[str, str]) -> GuestConfig:
    version = options.get("xend-config-version")
    if version is None:
        return evened(config, EVENING, "xl")
    return evened(config, evening(int(version)), "xm")


def back(form: Any, text: str, options: dict[str, str]) -> GuestConfig:
    data = text.encode("utf-8", "surrogateescape")
    config: GuestConfig = form.read(data, source="guest", options=options).config
    return config


@pytest.mark.parametrize(("form", "options"), FORMS)
@LONG
@given(config=configs())
def test_any_guest_comes_back_equal_or_is_refused(
    form: Any, options: dict[str, str], config: GuestConfig
) -> None:
    try:
        text = form.write(config, options=options).text
    except Unrepresentable as exc:
        assert exc.problems
        return
    assert even(back(form, text, options), options) == even(config, options)


@pytest.mark.parametrize(("form", "options"), FORMS)
@LONG
@given(config=configs())
def test_what_could_be_said_is_said_without_loss_the_second_time(
    form: Any, options: dict[str, str], config: GuestConfig
) -> None:
    if config.virt == "pvh" and form is xm_format:
        return
    lossy = form.write(config, lossy=True, options=options)
    found = back(form, lossy.text, options)
    again = form.write(found, lossy=True, options=options)
    # an hvm guest of xm needs a loader, and the first text may have had to leave it out
    assert [w for w in again.warnings if "loader" not in w] == []
    assert back(form, again.text, options) == found


LINES = [
    'name = "a"', "memory = 64", 'builder = "hvm"', 'kernel = "/k"', 'loader = "/l"',
    'type = "pvh"', "vcpus = 3", "maxvcpus = 4", "vcpu_avail = 3", 'cpus = [ "1", "2" ]',
    'disk = [ "phy:sda,hda,w", "tap:aio:/a,xvda,w!", ",hdc:cdrom,r" ]',
    'disk = [ "/a,,hda,r,script=x", "vdev=hdb,target=/b,c", "/a,qcow2,hdc,cdrom" ]',
    'vif = [ "", "mac=00:16:3e:00:00:01,rate=1MB/s@20ms,ip=1.2.3.4", "x", "type=ioemu,a=b" ]',
    'vfb = [ "vnc=1,vncdisplay=3", "type=sdl,display=:0", "keymap=de,vncpasswd=x" ]',
    'pci = [ "01:00.0", "0000:01:00.1@7,permissive=1", "*" ]', 'serial = [ "pty", "none" ]',
    'usbdevice = [ "tablet", "host:1.2" ]', "usb = 1", 'soundhw = "sb16,es1370"', "vnc = 1",
    "sdl = 1", 'boot = "cdx"', "hpet = 0", 'tsc_mode = "native"', "tsc_mode = 3", "localtime = 1",
    "rtc_timeoffset = 3600", "stdvga = 1", "videoram = 16", 'vga = "qxl"', "spice = 1",
    "spiceport = 6000", 'usbctrl = [ "ports=4" ]', 'usbdev = [ "hostbus=1,hostaddr=2" ]',
    'channel = [ "connection=pty,name=x" ]', "max_grant_frames = 3", 'on_crash = "x"',
    'cdrom = "/c.iso"', 'fda = "/f"', 'device_model_args_hvm = [ "-fda", "/f" ]', 'bios = "ovmf"',
    'extra = "e"', 'root = "r"', 'cmdline = "c"', "future = [ [ 1 ], 'x' ]", "e820_host = 0",
]  # fmt: skip


@pytest.mark.parametrize(("form", "options"), FORMS)
@LONG
@given(lines=st.lists(st.sampled_from(LINES), max_size=16), noise=st.text(max_size=3))
def test_any_document_is_a_guest_or_a_typed_error(
    form: Any, options: dict[str, str], lines: list[str], noise: str
) -> None:
    text = "\n".join(['name = "g"', "memory = 32", *lines, noise]) + "\n"
    try:
        config = back(form, text, options)
    except (ParseError, ConfigError):
        return
    written = form.write(config, lossy=True, options=options)
    assert [w for w in written.warnings if "loader" not in w] == []
    assert back(form, written.text, options) == config


@pytest.mark.parametrize(("form", "options"), FORMS)
@LONG
@given(data=st.binary(max_size=200))
def test_any_bytes_are_a_guest_or_a_typed_error(
    form: Any, options: dict[str, str], data: bytes
) -> None:
    try:
        form.read(data, source="guest", options=options)
    except InvalidInput as exc:
        assert exc.message


@pytest.mark.parametrize(("form", "options"), FORMS)
@LONG
@given(
    lines=st.lists(st.sampled_from(LINES), max_size=10, unique=True),
    config=configs(extras=False, most=1),
)
def test_any_guest_is_patched_into_any_document(
    form: Any, options: dict[str, str], lines: list[str], config: GuestConfig
) -> None:
    version = {"version": int(options["xend-config-version"])} if options else {}
    parse = form.parse_xm if version else form.parse_xlcfg
    read = form.config_from_xm if version else form.config_from_xl
    apply = form.apply_to_xm if version else form.apply_to_xl
    if config.virt == "pvh" and version:
        return
    document = parse("\n".join(['name = "g"', "memory = 32  # MiB", "# end", *lines, ""]))
    try:
        read(document, **version)
    except ConfigError:
        return
    text = form.write(config, lossy=True, options=options).text
    wanted = back(form, text, options)
    apply(document, wanted, lossy=True, **version)
    found = read(document, **version)
    assert (found.name, found.memory_kib) == (wanted.name, wanted.memory_kib)
    assert found.disks == wanted.disks and found.interfaces == wanted.interfaces
    assert document.render().count("#") >= text.count("#")
