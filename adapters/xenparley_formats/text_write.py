"""What XM files and xl.cfg say in the same words, from fields of GuestConfig.

:class:`Sayer` gathers keys and values in the order in which a new file has them. What differs
without a note here is found by reading the text back (:mod:`native_same`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from xenparley.domain.config import (
    CharDevice,
    Clock,
    Extra,
    Graphics,
    GuestConfig,
    Input,
    Video,
)
from xenparley.domain.errors import InvalidInput
from xenparley.domain.identity import printable
from xenparley_formats.native_chars import char_text
from xenparley_formats.native_graphics import graphics_words
from xenparley_formats.native_run import Unreadable, Unsayable, WriteLog, shown
from xenparley_formats.native_view import implied_input
from xenparley_formats.native_words import cpu_list, number, to_mib
from xenparley_formats.text_document import Value
from xenparley_formats.text_items import nic_item, pci_item, usb_host_word, vfb_item, word
from xenparley_formats.text_keys import Dialect, inserted, item_key, parse_value
from xenparley_formats.text_read import FEATURES, INPUTS, TSC_MODES

__all__ = ["Sayer"]

# libvirt's words where a file says nothing
_DEFAULT_ACTIONS = {"on_poweroff": "destroy", "on_reboot": "restart", "on_crash": "restart"}
_LISTS = ("disk", "vif", "vfb", "pci", "usbdevice", "channel", "usbctrl", "usbdev")


class Sayer:
    """Keys and values of one guest."""

    def __init__(self, config: GuestConfig, dialect: Dialect, log: WriteLog) -> None:
        self.config = config
        self.dialect = dialect
        self.log = log
        self.hvm = config.virt == "hvm"
        self.values: dict[str, Value] = {}
        self.kept = [extra for extra in config.extras if extra.format == dialect.name]
        self._own = {extra.key for extra in self.kept}

    def put(self, key: str, value: str | int | None, *, default: bool = False) -> None:
        """Say a key; None says nothing. A ``default`` gives way to what was kept."""
        if value is None or (default and key in self._own):
            return
        self.values[key] = value

    def flag(self, key: str, value: bool | None, *, default: bool = False) -> None:
        """Say a switch as 1 or 0."""
        self.put(key, None if value is None else int(value), default=default)

    def items(self, key: str, found: list[str]) -> None:
        """Say a list of devices, if there is any."""
        if found:
            self.values[key] = list(found)

    def identity(self) -> None:
        """Say name, UUID and memory."""
        config, log = self.config, self.log
        self.put("name", config.name)
        self.put("uuid", config.uuid)
        for name, kib in (("currentMemory", config.memory_kib), ("memory", config.maximum_kib)):
            if kib % 1024:
                log.lose(name, f"{kib} KiB: memory counts in MiB here, it would be rounded up")
        self.put("maxmem", to_mib(config.maximum_kib))
        self.put("memory", to_mib(config.memory_kib))

    def cpus(self) -> None:
        """Say on which host CPUs the virtual ones may run."""
        vcpus, log = self.config.vcpus, self.log
        try:
            every = vcpus.cpuset or ""
            for text in (every, *(pin.cpuset for pin in vcpus.pins)):
                if text:
                    cpu_list(text)
        except Unreadable as exc:
            log.lose("vcpu/@cpuset", exc.message)
            return
        if not vcpus.pins:
            self.put("cpus", every or None)
            return
        pins = {pin.vcpu: pin.cpuset for pin in vcpus.pins}
        self.values["cpus"] = [pins.get(vcpu, every) for vcpu in range(max(pins) + 1)]

    def actions(self, names: tuple[str, ...]) -> None:
        """Say what happens when the guest ends."""
        for name in names:
            action = getattr(self.config, name)
            self.put(name, action, default=action == _DEFAULT_ACTIONS.get(name))

    def features(self, names: tuple[str, ...], *, always: tuple[str, ...]) -> None:
        """Say an hvm guest's features; those of ``always`` also when they are off."""
        said = {f.name: f.enabled for f in self.config.features if f.name in FEATURES}
        for name in names:
            if name in said or name in always:
                self.flag(name, said.get(name, False), default=name not in said)

    def clock(self, *, keeps: bool, tsc_words: bool) -> None:
        """Say the clock and an hvm guest's timers."""
        clock = self.config.clock or Clock()
        if self.hvm:
            self._timers(clock, tsc_words=tsc_words)
        base = clock.offset or "utc"
        seconds = 0
        if clock.adjustment not in (None, "reset"):
            try:
                seconds = number(clock.adjustment or "0")
            except Unreadable as exc:
                self.log.lose("clock/@adjustment", exc.message)
        if base == "variable":
            base = clock.basis or "utc"
        elif seconds:
            self.log.lose("clock/@adjustment", f"seconds off {shown(base)}")
        if base not in ("utc", "localtime"):
            self.log.lose("clock/@offset", f"a clock by {shown(base)}")
        if keeps and self.hvm:
            self.put("rtc_timeoffset", seconds if clock.offset == "variable" else 0, default=True)
        self.flag("localtime", base == "localtime", default=True)

    def _timers(self, clock: Clock, *, tsc_words: bool) -> None:
        for timer in clock.timers:
            if timer.name == "hpet" and timer.present is not None:
                self.flag("hpet", timer.present)
            elif timer.name == "tsc":
                for name, digit, mode in TSC_MODES:
                    if mode == timer.mode:
                        self.put("tsc_mode", name if tsc_words else int(digit))

    def displays(self, *, top: bool, vfb: bool, silent: bool) -> None:
        """Say displays: at the ``top`` a VNC and an SDL one, or as items of ``vfb``.

        ``silent`` says that there is none where there is none.
        """
        displays = list(enumerate(self.config.graphics, 1))
        spice = [g for _, g in displays if g.type == "spice" and self.dialect.name == "xl"]
        plain = [(n, g) for n, g in displays if not any(g is one for one in spice)]
        kinds = [graphics.type for _, graphics in plain]
        kept = any(e.format == self.dialect.name for _, g in plain for e in g.extras)
        if vfb and (not top or kept or len(set(kinds)) < len(kinds)):
            self._framebuffers(plain)
            return
        at: set[str] = set()
        for number_, graphics in plain:
            place = f"devices/graphics[{number_}]"
            if graphics.type not in ("vnc", "sdl") or graphics.type in at:
                self.log.lose(place, f"a display of type {shown(graphics.type)} at this place")
                continue
            at.add(graphics.type)
            self._top_words(graphics, place)
        if at or (top and (spice or silent)):
            for kind in ("sdl", "vnc"):
                self.flag(kind, kind in at, default=kind not in at)

    def _framebuffers(self, displays: list[tuple[int, Graphics]]) -> None:
        found = []
        for number_, graphics in displays:
            place = f"devices/graphics[{number_}]"
            how = partial(vfb_item, graphics, self.dialect.name, self.log, place)
            text = self.log.say(place, how)
            found += [text] if text is not None else []
        self.items("vfb", found)

    def _top_words(self, graphics: Graphics, place: str) -> None:
        for key, value in graphics_words(graphics, self.log, place):
            number_ = key in ("vncunused", "vncdisplay", "opengl")
            self.put(key, int(value) if number_ else value)

    def nics(self, *, ioemu: bool) -> None:
        """Say network interfaces."""
        found = []
        for number_, nic in enumerate(self.config.interfaces, 1):
            place = f"devices/interface[{number_}]"
            how = partial(
                nic_item, nic, self.dialect.name, self.log, place, hvm=self.hvm, ioemu=ioemu
            )
            text = self.log.say(place, how)
            found += [text] if text is not None else []
        self.items("vif", found)

    def pci(self) -> None:
        """Say PCI devices of the host."""
        found = []
        for number_, device in enumerate(self.config.pci, 1):
            place = f"devices/hostdev[pci][{number_}]"
            text = self.log.say(
                place, partial(pci_item, device, self.dialect.name, self.log, place)
            )
            found += [text] if text is not None else []
        self.items("pci", found)

    def ports(self, kind: str, devices: tuple[CharDevice, ...], *, most: int) -> None:
        """Say serial or parallel ports: one at port 0 as a word, more as a list."""
        words: dict[int, str] = {}
        taken = {char.port for char in devices}
        free = (number_ for number_ in range(len(devices) * 2 + 1) if number_ not in taken)
        for number_, char in enumerate(devices, 1):
            place = f"devices/{kind}[{number_}]"
            how: Callable[[], str] = partial(char_text, char.source)
            said = self.log.say(place, how)
            port = next(free) if char.port is None else char.port
            if said is None:
                continue
            if port in words or port >= most:
                self.log.lose(f"{place}/target", f"port {port}")
                continue
            words[port] = said
        if not words:
            self.put(kind, "none", default=True)
        elif set(words) == {0}:
            self.put(kind, words[0])
        else:
            self.values[kind] = [words.get(port, "none") for port in range(max(words) + 1)]

    def sounds(self) -> None:
        """Say sound cards."""
        cards = []
        for number_, sound in enumerate(self.config.sounds, 1):
            place = f"devices/sound[{number_}]"
            card = self.log.say(place, partial(word, sound.model))
            cards += [card] if card else []
        self.put("soundhw", ",".join(cards) or None)

    def usb_words(self, *, hosts: bool) -> list[str]:
        """Return emulated USB devices as words; ``hosts``: those of the host, too."""
        found = []
        for number_, device in enumerate(self.config.inputs, 1):
            if implied_input(device, hvm=self.hvm):
                continue
            if self.hvm and device.type in INPUTS and (device.bus or "usb") == "usb":
                found.append(device.type)
            else:
                self.log.lose(f"devices/input[{number_}]", _input(device))
        for number_, usb in enumerate(self.config.usb if hosts else (), 1):
            place = f"devices/hostdev[usb][{number_}]"
            said = self.log.say(place, partial(usb_host_word, usb))
            found += [said] if said is not None else []
        return found

    def video(self, implied: Callable[[Video], bool]) -> None:
        """Say the video card, unless it is the one that each guest has."""
        cards = [video for video in self.config.videos if not implied(video)]
        for card in cards[:1]:
            names = {None: None, "cirrus": "cirrus", "vga": "stdvga", "qxl": "qxl", "none": "none"}
            name = names.get(card.model)
            if not self.hvm or (name is None and card.model is not None):
                self.log.lose("devices/video", f"a video card of type {shown(card.model or '')}")
                return
            if self.dialect.name == "xl" and name not in (None, "cirrus"):
                self.put("vga", name)
            elif name == "stdvga":
                self.put("stdvga", 1)
            elif name not in (None, "cirrus"):
                self.log.lose("devices/video", f"a video card of type {shown(card.model or '')}")
                return
            if card.vram_kib is not None:
                self.put("videoram", to_mib(card.vram_kib))

    def pieces(self) -> None:
        """Say what was kept of this notation: whole keys, and items at their places."""
        at: dict[str, list[tuple[int, Value]]] = {}
        for extra in self.kept:
            place = printable(extra.key, limit=80)
            value = self.log.say(place, partial(_piece, extra, self.dialect))
            if value is None:
                continue
            item = item_key(extra.key)
            if item is not None and item[0] in _LISTS:
                at.setdefault(item[0], []).append((item[1], value))
            elif extra.key not in self.values:
                self.values[extra.key] = value
            elif self.values[extra.key] != value:
                self.log.lose(place, "the guest says something else there")
        for key, kept in at.items():
            held = self.values.get(key, [])
            self.values[key] = inserted(held if isinstance(held, list) else [held], kept)

    def checked(self) -> dict[str, Value]:
        """Return keys and values that the notation can hold; others are noted and left out."""
        found: dict[str, Value] = {}
        for key, value in self.values.items():
            try:
                self.dialect.literal(value)
            except InvalidInput as exc:
                self.log.lose(key, exc.message)
                continue
            found[key] = value
        return found


def _input(device: Input) -> str:
    return f"{shown(device.type)} on bus {shown(device.bus or '')}"


def _piece(extra: Extra, dialect: Dialect) -> Value:
    item = item_key(extra.key)
    key = extra.key if item is None else item[0]
    try:
        dialect.parse("", "extra").check_key(key)
    except InvalidInput as exc:
        raise Unsayable(exc.message) from exc
    value = parse_value(dialect, extra.text)
    if value is None:
        raise Unsayable("nothing")
    return value
