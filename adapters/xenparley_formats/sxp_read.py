"""xend's S-expressions of a guest to GuestConfig: what is defined and what xend answers."""

from __future__ import annotations

import re
from typing import Any

from attrs import evolve

from xenparley.domain.config import Boot, Disk, Extra, Graphics, GuestConfig, VcpuPin, Vcpus
from xenparley.domain.config.validate import MAX_VCPUS
from xenparley.domain.errors import InvalidInput
from xenparley.domain.identity import canonical_uuid, check_domid
from xenparley_formats.native_graphics import VNC_BASE, kind_of, parse_graphics
from xenparley_formats.native_run import ReadLog, Unreadable, shown
from xenparley_formats.native_view import libvirt_view
from xenparley_formats.native_words import (
    MAX_CPU,
    MIB,
    cpu_list,
    cpu_ranges,
    online_mask,
    online_of,
    whole,
)
from xenparley_formats.sxp_node import Taking, kept
from xenparley_formats.sxp_read_devices import (
    DISK_CLASSES,
    read_disk,
    read_nic,
    read_pci,
    read_vfb,
)
from xenparley_formats.sxp_read_image import read_clock, read_image
from xenparley_wire.sxp import Sexp
from xenparley_wire.sxp_tree import key_of

__all__ = ["VERSIONS", "VOLATILE", "config_from_sxp"]

#: ``xend_config_format``: 3.0.2 and older, 3.0.3, 3.0.4, 3.1 and later.
VERSIONS = (1, 2, 3, 4)
#: What a living guest is, not what it is to be: see :mod:`xenparley_formats.sxp_live`.
VOLATILE = (
    "state",
    "status",
    "cpu_time",
    "start_time",
    "up_time",
    "online_vcpus",
    "store_mfn",
    "console_mfn",
    "shutdown_reason",
)
# hvm was vmx before 3.0.2
_KINDS = {"linux": "pv", "hvm": "hvm", "vmx": "hvm"}
_MASK = re.compile(r"[0-9]{1,2500}", re.ASCII)
_MAX_MIB = 1 << 32


def config_from_sxp(
    tree: Sexp,
    *,
    version: int = 4,
    source: str = "<sxp>",
    strict: bool = False,
    log: ReadLog | None = None,
    as_libvirt: bool = True,
) -> GuestConfig:
    """Return the guest of a ``(domain ...)`` or ``(vm ...)`` expression.

    ``version`` is xend's ``xend_config_format``. What the model doesn't know is kept in
    ``extras`` (with ``strict`` it is a problem), what is only true of a living guest is left out.
    ``as_libvirt`` adds what libvirt's XML always says (:mod:`native_view`). Warnings go to
    ``log``. Raises ConfigError with every problem.
    """
    log = log or ReadLog(source, strict=strict)
    if not isinstance(tree, list) or key_of(tree) not in ("domain", "vm"):
        log.problem("", "not a (domain ...) or (vm ...)")
        log.check("invalid S-expression of a guest")
        return GuestConfig(name="")
    config = _Reader(tree, log, version).config()
    log.check("invalid S-expression of a guest")
    return libvirt_view(config, keeps_clock=version >= 4) if as_libvirt else config


class _Reader:
    """One guest. Each method takes its keys; the rest stays."""

    def __init__(self, tree: list[Sexp], log: ReadLog, version: int) -> None:
        self._log = log
        self._version = version
        self._top = Taking(tree, log, "")
        self._values: dict[str, Any] = {}
        self._extras: list[Extra] = []

    def config(self) -> GuestConfig:
        top, values = self._top, self._values
        top.drop(VOLATILE)
        name = top.text("name")
        if not name:
            self._log.problem("name", "a guest needs a name")
        values["name"] = name or ""
        values["uuid"] = top.word("uuid", _uuid)
        values["domid"] = top.word("domid", _domid)
        values["description"] = top.text("description") or None
        self._memory()
        values["vcpus"] = self._vcpus()
        for key in ("on_poweroff", "on_reboot", "on_crash"):
            values[key] = top.text(key) or None
        values["cpupool"] = top.text("pool_name") or None
        if top.peek("on_xend_start") in ("start", "ignore"):
            values["autostart"] = top.text("on_xend_start") == "start"
        style = self._image()
        self._devices(style)
        values["extras"] = (*self._extras, *values.get("extras", ()), *top.rest())
        return GuestConfig(**values)

    def _memory(self) -> None:
        start = self._top.word("memory", lambda text: whole(text, _MAX_MIB))
        most = self._top.word("maxmem", lambda text: whole(text, _MAX_MIB))
        start = start if start is not None else most
        if not start:
            self._log.problem("memory", "a guest needs memory")
            return
        self._values["memory_kib"] = start * MIB
        if most:
            # while xend balloons a guest its target may be above
            self._values["max_memory_kib"] = max(most, start) * MIB

    def _vcpus(self) -> Vcpus:
        top = self._top
        count = top.word("vcpus", lambda text: whole(text, MAX_VCPUS))
        if top.has("vcpus"):
            self._log.problem("vcpus", f"not a number of virtual CPUs up to {MAX_VCPUS}")
        if count == 0:
            self._log.doubt("vcpus", "no virtual CPU; read as one")
        maximum = count or 1
        current = None
        mask = top.peek("vcpu_avail")
        if mask and _MASK.fullmatch(mask):
            node = top.node("vcpu_avail")
            online = online_of(int(mask), maximum)
            current = online if online < maximum else None
            if node is not None and int(mask) & online_mask(maximum) != online_mask(online):
                self._extras.append(kept("vcpu_avail", node))
        cpuset, pins = self._cpus(maximum)
        return Vcpus(
            maximum=maximum,
            current=current,
            cpuset=cpuset,
            pins=pins,
            weight=top.word("cpu_weight", lambda text: whole(text, 65535)) or None,
            cap=top.word("cpu_cap", lambda text: whole(text, 65535)),
        )

    def _cpus(self, maximum: int) -> tuple[str | None, tuple[VcpuPin, ...]]:
        """Take ``(cpus '0-3')``, ``(cpus (0 1))`` or since 3.3 a list for each virtual CPU."""
        top = self._top
        node = top.node("cpus")
        if node is None or len(node) != 2 or node[1] == "":
            return None, ()
        said = node[1]
        try:
            if isinstance(said, str):
                cpu_list(said)
                return said, ()
            if all(isinstance(cpu, str) for cpu in said):
                return (_ranges(said) if said else None), ()
            sets = [_ranges(cpus) if cpus else None for cpus in said[:maximum]]
        except Unreadable as exc:
            self._log.doubt("cpus", exc.message)
            top.put_back(node)
            return None, ()
        if len(sets) == maximum and len(set(sets)) == 1:
            return sets[0], ()
        pins = [VcpuPin(vcpu=n, cpuset=cpus) for n, cpus in enumerate(sets) if cpus]
        return None, tuple(pins)

    def _image(self) -> dict[str, str]:
        top, values = self._top, self._values
        bootloader = top.text("bootloader")
        args = top.text("bootloader_args") or None
        node = top.node("image")
        boot = Boot(bootloader_args=args)
        image: Taking | None = None
        style: dict[str, str] = {}
        inner = node[1] if node is not None and len(node) > 1 else None
        if isinstance(inner, list) and (kind := key_of(inner)) is not None:
            if kind not in _KINDS:
                self._log.problem("image", f"unknown kind of image: {shown(kind)}")
            boot = evolve(boot, virt=_KINDS.get(kind, "pv"))
            image = Taking(inner, self._log, "image")
            boot, style = read_image(image, values, boot, version=self._version)
        hvm = boot.virt == "hvm"
        values["clock"] = read_clock(top, image, hvm=hvm)
        if image is not None:
            values["extras"] = (*values.get("extras", ()), *image.rest("image/"))
        if node is not None:
            for more in node[2:]:
                self._extras.append(kept("image+", more))
        # xend prints an empty bootloader where there is none
        if bootloader or (bootloader is not None and boot.kernel is None and not hvm):
            boot = evolve(boot, bootloader=bootloader)
        values["boot"] = boot
        return style

    def _devices(self, style: dict[str, str]) -> None:
        found: dict[str, list[Any]] = {"disks": [], "interfaces": [], "pci": [], "graphics": []}
        boots: list[Disk] = []
        keyboards: list[list[Sexp]] = []
        for number, node in enumerate(self._top.nodes("device"), 1):
            place = f"device[{number}]"
            inner = node[1] if len(node) == 2 else None
            kind = key_of(inner) if inner is not None else None
            if not isinstance(inner, list) or kind is None:
                self._extras.append(kept("device", node))
                continue
            place = f"{place}/{kind}"
            try:
                if kind in DISK_CLASSES:
                    disk = read_disk(inner, self._log, place)
                    bootable = any(extra.text == "(bootable 1)" for extra in disk.extras)
                    (boots if bootable else found["disks"]).append(disk)
                elif kind == "vif":
                    found["interfaces"].append(
                        read_nic(inner, self._log, place, version=self._version)
                    )
                elif kind == "pci":
                    functions, extras = read_pci(inner, self._log, place)
                    found["pci"] += functions
                    self._extras += extras
                elif kind == "vfb":
                    display = read_vfb(inner, self._log, place, style)
                    style = {}
                    found["graphics"].append(display)
                elif kind == "vkbd":
                    keyboards.append(node)
                else:
                    self._extras.append(kept(f"device/{kind}", node))
            except Unreadable as exc:
                self._log.doubt(place, exc.message)
                self._extras.append(kept(f"device/{kind}", node))
        for keyboard in keyboards:
            if not found["graphics"] or keyboard != _PLAIN_KEYBOARD:
                self._extras.append(kept("device/vkbd", keyboard))
        if style:
            found["graphics"] += self._old_style(style)
        found["disks"] = [*boots, *found["disks"], *self._values.pop("disks", ())]
        for name, devices in found.items():
            self._values[name] = tuple(devices)

    def _old_style(self, words: dict[str, str]) -> list[Graphics]:
        """Read a display that the image tells of.

        Before 3.0.3 nothing is said of its port: it is the domain's id above 5900.
        """
        try:
            display = parse_graphics(words, kind_of(words))
        except Unreadable as exc:
            self._log.doubt("image", exc.message)
            self._extras += [kept(f"image/{key}", [key, value]) for key, value in words.items()]
            return []
        domid = self._values.get("domid")
        if self._version == 1 and display.type == "vnc" and display.port == -1 and domid:
            display = evolve(display, port=VNC_BASE + domid, autoport=False)
        return [display]


_PLAIN_KEYBOARD: list[Sexp] = ["device", ["vkbd"]]


def _uuid(text: str) -> str:
    try:
        return canonical_uuid(text)
    except InvalidInput as exc:
        raise Unreadable(exc.message) from exc


def _domid(text: str) -> int:
    try:
        return check_domid(whole(text))
    except InvalidInput as exc:
        raise Unreadable(exc.message) from exc


def _ranges(cpus: Sexp) -> str:
    """Return a list of CPU numbers as ranges."""
    if not isinstance(cpus, list):
        raise Unreadable("not a list of CPUs")
    numbers = [cpu for cpu in cpus if isinstance(cpu, str) and cpu.isascii() and cpu.isdigit()]
    if len(numbers) != len(cpus):
        raise Unreadable("not a list of numbers of CPUs")
    return cpu_ranges(whole(cpu, MAX_CPU) for cpu in numbers)
