"""``(image (linux|hvm ...))`` and the clock as xend's S-expressions."""

from __future__ import annotations

import re
from functools import partial

from attrs import fields_dict

from xenparley.domain.config import Clock, Graphics, GuestConfig
from xenparley_formats.native_chars import char_text
from xenparley_formats.native_graphics import VNC_BASE, graphics_words
from xenparley_formats.native_run import WriteLog, shown, unsaid
from xenparley_formats.native_view import implied_input
from xenparley_formats.native_words import boot_letters, online_mask
from xenparley_formats.sxp_node import FORMAT
from xenparley_formats.sxp_read_image import FEATURES, INPUTS
from xenparley_formats.sxp_write_devices import in_image, write_drive
from xenparley_wire.sxp import Sexp

__all__ = ["Image", "clock_words", "old_style"]

_SECONDS = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_CARD = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)
_MAX_PORTS = 64
# what runs a guest is the host's own choice, whatever a document of libvirt says
_BOOT_SAID = frozenset(
    (
        "virt",
        "type_name",
        "arch",
        "machine",
        "loader",
        "kernel",
        "initrd",
        "cmdline",
        "root",
        "bootloader",
        "bootloader_args",
        "devices",
    )
)


def clock_words(
    config: GuestConfig, log: WriteLog, version: int
) -> tuple[bool, int | None, bool | None]:
    """Return whether the clock is local time, its offset in seconds and whether there is a HPET.

    An offset is of hvm guests since 3.1; None otherwise.
    """
    clock = config.clock or Clock()
    hvm = config.virt == "hvm"
    unsaid(log, "clock", clock, ("offset", "adjustment", "basis", "timers"), FORMAT)
    keeps = hvm and version >= 4
    base = clock.offset or "utc"
    if base == "variable":
        if not keeps:
            log.lose("clock/@offset", "a clock whose offset is kept")
        base = clock.basis or "utc"
    elif clock.basis not in (None, base):
        log.lose("clock/@basis", f"basis {shown(clock.basis)} of {shown(base)}")
    if base not in ("utc", "localtime"):
        log.lose("clock/@offset", f"a clock by {shown(base)}")
    seconds = 0
    said = clock.adjustment
    if said == "reset":
        if keeps:
            log.lose("clock/@adjustment", "a clock that starts anew: xend keeps it since 3.1")
    elif said is not None:
        if _SECONDS.fullmatch(said) is None:
            log.lose("clock/@adjustment", f"not seconds: {shown(said)}")
        else:
            seconds = int(said)
        if seconds and not keeps:
            log.lose("clock/@adjustment", "a clock set off")
    return base == "localtime", seconds if keeps else None, _hpet(clock, log, hvm=hvm)


def _hpet(clock: Clock, log: WriteLog, *, hvm: bool) -> bool | None:
    found: bool | None = None
    for number, timer in enumerate(clock.timers, 1):
        place = f"clock/timer[{number}]"
        if timer.name != "hpet" or not hvm or timer.present is None:
            log.lose(place, f"timer {shown(timer.name)}")
            continue
        unsaid(log, place, timer, ("name", "present"), FORMAT)
        found = timer.present
    return found


def old_style(config: GuestConfig, log: WriteLog, version: int) -> list[Sexp]:
    """Return a display's words as images have them; only the first of several has a place.

    Before 3.0.3 VNC is just on: its port is the domain's id above 5900.
    """
    found: list[Sexp] = []
    for number, graphics in enumerate(config.graphics, 1):
        place = f"devices/graphics[{number}]"
        if number > 1:
            log.lose(place, "a second display")
            continue
        unsaid(log, place, graphics, fields_dict(Graphics), FORMAT)
        words = graphics_words(graphics, log, place)
        if graphics.type not in ("vnc", "sdl"):
            continue
        found.append([graphics.type, "1"])
        if version == 1 and graphics.type == "vnc":
            _only_on(config, words, log, place)
        else:
            found += [[key, value] for key, value in words]
    return found


def _only_on(config: GuestConfig, words: list[tuple[str, str]], log: WriteLog, place: str) -> None:
    said = dict(words)
    auto = said.pop("vncunused", "1") == "1"
    display = said.pop("vncdisplay", None)
    if not auto and display != str(config.domid):
        log.lose(f"{place}/@port", f"which port above {VNC_BASE}")
    for key in said:
        log.lose(f"{place}/{key}", "before Xen 3.0.3 VNC is only switched on")


class Image:
    """The image of one guest, in libvirt's order."""

    def __init__(self, config: GuestConfig, log: WriteLog, version: int) -> None:
        self._config = config
        self._log = log
        self._version = version
        self._hvm = config.virt == "hvm"

    def parts(self) -> list[Sexp]:
        """Return what is inside ``(linux ...)`` or ``(hvm ...)``, without clock and displays."""
        config, boot = self._config, self._config.boot
        self._boot_losses()
        parts: list[Sexp] = []
        loader = boot.loader.path if boot.loader is not None else None
        if self._hvm and not boot.kernel:
            parts += [["kernel", loader]] if loader else []
        elif boot.kernel:
            parts.append(["kernel", boot.kernel])
        parts += [["ramdisk", boot.initrd]] if boot.initrd else []
        parts += [["root", boot.root]] if boot.root else []
        parts += [["args", boot.cmdline]] if boot.cmdline else []
        if self._hvm:
            if boot.kernel and loader:
                parts.append(["loader", loader])
            parts += self._hvm_parts()
        else:
            for number, feature in enumerate(config.features, 1):
                place = f"features/{feature.name}"
                self._log.lose(place, f"feature {number} of a paravirtualised guest")
        if config.emulator:
            if self._hvm or self._version >= 3:
                parts.append(["device_model", config.emulator])
            else:
                self._log.lose("devices/emulator", "an emulator of a paravirtualised guest")
        return parts

    def _boot_losses(self) -> None:
        boot, log = self._config.boot, self._log
        unsaid(log, "os", boot, _BOOT_SAID, FORMAT)
        if boot.loader is None:
            if self._hvm:
                log.lose("os/loader", "an hvm guest of xend needs the path of its loader")
            return
        if not self._hvm:
            log.lose("os/loader", "a loader of a paravirtualised guest")
        elif not boot.loader.path:
            log.lose("os/loader", "an hvm guest of xend needs the path of its loader")
        elif boot.loader.path == boot.kernel:
            log.lose("os/kernel", "a kernel that is the loader itself")
        if boot.loader.type not in (None, "rom"):
            log.lose("os/loader/@type", f"a loader of type {shown(boot.loader.type)}")
        unsaid(log, "os/loader", boot.loader, ("path", "type"), FORMAT)

    def _hvm_parts(self) -> list[Sexp]:
        config, log = self._config, self._log
        vcpus = config.vcpus
        parts: list[Sexp] = [["vcpus", str(vcpus.maximum)]]
        if vcpus.current is not None and vcpus.current < vcpus.maximum:
            parts.append(["vcpu_avail", str(online_mask(vcpus.current))])
        letters = log.say("os/boot", lambda: boot_letters(config.boot.devices))
        parts.append(["boot", letters or "c"])
        for number, disk in enumerate(config.disks, 1):
            key = in_image(disk, version=self._version, hvm=True)
            if key is not None:
                path = write_drive(disk, log, f"devices/disk[{number}]")
                parts += [[key, path]] if path is not None else []
        parts += self._features()
        parts.append(["usb", "1"])
        parts += self._inputs()
        parts.append(["parallel", self._ports("parallel", one=True)])
        parts.append(["serial", self._ports("serial", one=False)])
        cards = []
        for number, sound in enumerate(config.sounds, 1):
            place = f"devices/sound[{number}]"
            unsaid(log, place, sound, ("model",), FORMAT)
            if _CARD.fullmatch(sound.model) is None or sound.model == "all":
                log.lose(place, f"a sound card named {shown(sound.model)}")
            else:
                cards.append(sound.model)
        parts += [["soundhw", ",".join(cards)]] if cards else []
        return parts

    def _features(self) -> list[Sexp]:
        said: dict[str, str] = {}
        for feature in self._config.features:
            place = f"features/{feature.name}"
            if feature.name not in FEATURES or feature.state not in (None, "on", "off"):
                self._log.lose(place, f"feature {shown(feature.name)}")
                continue
            unsaid(self._log, place, feature, ("name", "state"), FORMAT)
            said[feature.name] = str(int(feature.enabled))
        return [[name, said[name]] for name in FEATURES if name in said]

    def _inputs(self) -> list[Sexp]:
        found: list[Sexp] = []
        for number, device in enumerate(self._config.inputs, 1):
            place = f"devices/input[{number}]"
            unsaid(self._log, place, device, ("type", "bus"), FORMAT)
            if implied_input(device, hvm=True):
                continue
            if device.type not in INPUTS or device.bus not in (None, "usb"):
                self._log.lose(place, f"{shown(device.type)} on bus {shown(device.bus or '')}")
                continue
            found.append(["usbdevice", device.type])
        return found

    def _ports(self, kind: str, *, one: bool) -> Sexp:
        """Return the words of serial or parallel ports, by port; one alone is an atom."""
        log = self._log
        words: dict[int, str] = {}
        for number, char in enumerate(getattr(self._config, f"{kind}s"), 1):
            place = f"devices/{kind}[{number}]"
            unsaid(log, place, char, ("source", "port", "tty", "target_type"), FORMAT)
            if char.target_type not in (None, kind, "isa", f"isa-{kind}"):
                log.lose(f"{place}/target", f"a port of type {shown(char.target_type)}")
            port = next(n for n in range(_MAX_PORTS * 2) if n not in words)
            port = port if char.port is None else char.port
            word = log.say(f"{place}/source", partial(char_text, char.source))
            if word is None:
                continue
            if port in words or port >= (1 if one else _MAX_PORTS):
                log.lose(f"{place}/target", f"port {port}")
                continue
            words[port] = word
        if not words:
            return "none"
        if set(words) == {0}:
            return words[0]
        return [words.get(port, "none") for port in range(max(words) + 1)]
