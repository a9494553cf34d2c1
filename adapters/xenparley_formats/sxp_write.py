"""GuestConfig to xend's S-expression ``(vm ...)``, for each ``xend_config_format``."""

from __future__ import annotations

from xenparley.domain.config import GuestConfig
from xenparley.domain.config.validate import MAX_VCPUS
from xenparley.domain.errors import InvalidInput, Problem, Unrepresentable
from xenparley_formats.native_run import WriteLog, shown, unsaid
from xenparley_formats.native_view import implied_console, implied_input
from xenparley_formats.sxp_extras import pieces
from xenparley_formats.sxp_node import FORMAT
from xenparley_formats.sxp_read import VERSIONS, VOLATILE
from xenparley_formats.sxp_standin import stand_in
from xenparley_formats.sxp_write_devices import (
    in_image,
    write_disk,
    write_graphics,
    write_nic,
    write_pci,
)
from xenparley_formats.sxp_write_guest import actions, bootloader, policy, sizes
from xenparley_formats.sxp_write_image import Image, clock_words, old_style
from xenparley_wire.sxp import MAX_DEPTH, Sexp
from xenparley_wire.sxp_tree import child, key_of

__all__ = ["TARGET", "config_to_sxp"]

TARGET = "an S-expression of xend's format {}"
# domid is the last life's; what else is left out here is looked at piece by piece below
_SAID = frozenset(
    (
        "name",
        "uuid",
        "domid",
        "description",
        "memory_kib",
        "max_memory_kib",
        "vcpus",
        "boot",
        "features",
        "clock",
        "on_poweroff",
        "on_reboot",
        "on_crash",
        "emulator",
        "disks",
        "interfaces",
        "serials",
        "parallels",
        "consoles",
        "inputs",
        "graphics",
        "sounds",
        "pci",
        "balloon",
        "cpupool",
        "autostart",
    )
)
_MANY = ("device", "usbdevice")
_NEVER = ("domid", *VOLATILE)


def config_to_sxp(
    config: GuestConfig, *, version: int = 4, log: WriteLog | None = None
) -> list[Sexp]:
    """Return ``(vm ...)`` as xend of a ``xend_config_format`` takes it, in libvirt's order.

    With ``log`` what can't be said is noted there and left out, else it raises Unrepresentable
    with all of it. A PVH guest, and text that no bytes stand for, raise it in any case.
    """
    if version not in VERSIONS:
        raise InvalidInput(f"xend's configuration formats are 1 to 4, not {version}")
    target = TARGET.format(version)
    if config.virt not in ("pv", "hvm"):
        raise Unrepresentable(target, [Problem("os/type", f"a {config.virt} guest")])
    vcpus = config.vcpus
    if not (1 <= vcpus.maximum <= MAX_VCPUS and config.vcpus_online >= 1):
        raise Unrepresentable(target, [Problem("vcpu", f"not 1 to {MAX_VCPUS} virtual CPUs")])
    notes = log or WriteLog(target)
    tree = _Writer(config, notes, version).tree()
    _check_atoms(tree, target)
    if log is None:
        notes.check(lossy=False)
    return tree


def _check_atoms(tree: list[Sexp], target: str) -> None:
    """Refuse text that can't be sent: NULs, and characters that no bytes stand for."""
    stack: list[tuple[str, list[Sexp], int]] = [("", tree, 1)]
    while stack:
        place, node, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise Unrepresentable(target, [Problem(place, f"nested deeper than {MAX_DEPTH}")])
        for item in node:
            if isinstance(item, list):
                key = key_of(item)
                below = f"{place}/{key}".lstrip("/") if key and depth < 9 else place
                stack.append((below, item, depth + 1))
                continue
            wrong = "a NUL character" if "\0" in item else None
            if wrong is None and not item.isascii():
                try:
                    item.encode("utf-8", "surrogateescape")
                except UnicodeEncodeError:
                    wrong = "characters that no bytes stand for"
            if wrong is not None:
                raise Unrepresentable(target, [Problem(place, wrong)])


class _Writer:
    """One guest's expression."""

    def __init__(self, config: GuestConfig, log: WriteLog, version: int) -> None:
        self._config = config
        self._log = log
        self._version = version
        self._hvm = config.virt == "hvm"
        self._pieces = pieces(config.extras, log, "")
        self._late: list[tuple[str, Sexp]] = []
        self._defaults = self._default_paths()

    def tree(self) -> list[Sexp]:
        config = self._config
        unsaid(self._log, "", config, _SAID, FORMAT)
        top: list[Sexp] = ["vm", ["name", config.name]]
        top += sizes(config, self._log, self._version)
        top += [["uuid", config.uuid]] if config.uuid else []
        top += [["description", config.description]] if config.description else []
        top += bootloader(config, self._log)
        top += actions(config, self._log)
        top += policy(config, self._log, self._version)
        local, seconds, hpet = clock_words(config, self._log, self._version)
        clock: Sexp = ["localtime", str(int(local))]
        image = self._image(seconds, hpet, clock)
        top += [["image", image]] if image is not None else []
        top.append(clock)
        top += self._devices()
        self._consoles()
        return self._with_pieces(top)

    def _image(self, seconds: int | None, hpet: bool | None, clock: Sexp) -> Sexp | None:
        config = self._config
        parts = Image(config, self._log, self._version).parts()
        parts += [["hpet", str(int(hpet))]] if hpet is not None else []
        if self._hvm or self._version < 3:
            parts += old_style(config, self._log, self._version)
        if self._version >= 4:
            parts += [["rtc_timeoffset", str(seconds)]] if seconds is not None else []
            parts.append(clock)
        parts = self._merged(parts, "image/")
        if not parts and config.boot.bootloader is not None:
            return None
        return ["hvm" if self._hvm else "linux", *parts]

    def _devices(self) -> list[Sexp]:
        config, log, version = self._config, self._log, self._version
        found: list[Sexp] = []
        for number, disk in enumerate(config.disks, 1):
            if in_image(disk, version=version, hvm=self._hvm) is None:
                place = f"devices/disk[{number}]"
                node = write_disk(disk, log, place, version=version, hvm=self._hvm)
                found += [["device", node]] if node is not None else []
        for number, nic in enumerate(config.interfaces, 1):
            place = f"devices/interface[{number}]"
            vif = write_nic(nic, log, place, version=version, hvm=self._hvm)
            found.append(["device", vif])
        if config.pci:
            places = [f"devices/hostdev[{number}]" for number in range(1, len(config.pci) + 1)]
            block = write_pci(config.pci, log, places)
            block += [tree for key, tree in self._pieces if key.startswith("device/pci/")]
            found.append(["device", block])
        found += self._displays()
        if not self._hvm:
            self._pv_ports()
        return found

    def _displays(self) -> list[Sexp]:
        """Return frame buffers: of paravirtualised guests since 3.0.4.

        An hvm guest's display is in its image; xend's own device for it is written back.
        """
        if self._version < 3:
            return []
        found: list[Sexp] = []
        for number, graphics in enumerate(self._config.graphics, 1):
            kept = any(extra.format == FORMAT for extra in graphics.extras)
            if self._hvm and (number > 1 or not kept):
                continue
            # the image has noted an hvm guest's losses
            log = WriteLog("") if self._hvm else self._log
            node = write_graphics(graphics, log, f"devices/graphics[{number}]")
            found += [["device", node]] if node is not None else []
        if found and not self._hvm and not any(key == "device/vkbd" for key, _ in self._pieces):
            found.insert(0, ["device", ["vkbd"]])
        return found

    def _pv_ports(self) -> None:
        """Note ports and input devices that only hvm guests have."""
        config, log = self._config, self._log
        for kind in ("serial", "parallel"):
            for number, _ in enumerate(getattr(config, f"{kind}s"), 1):
                log.lose(f"devices/{kind}[{number}]", f"a {kind} port of a paravirtualised guest")
        for number, device in enumerate(config.inputs, 1):
            place = f"devices/input[{number}]"
            unsaid(log, place, device, ("type", "bus"), FORMAT)
            if not (config.graphics and implied_input(device, hvm=False)):
                log.lose(place, f"{shown(device.type)} of a paravirtualised guest")
        for number, sound in enumerate(config.sounds, 1):
            log.lose(f"devices/sound[{number}]", f"{shown(sound.model)} of a paravirtualised guest")

    def _consoles(self) -> None:
        """Note consoles other than the one that each guest has."""
        for number, console in enumerate(self._config.consoles, 1):
            place = f"devices/console[{number}]"
            known = ("source", "target_type", "port", "target_name", "tty")
            unsaid(self._log, place, console, known, FORMAT)
            if number > 1 or not implied_console(self._config, console):
                self._log.lose(place, "a console other than the one that the guest has anyway")

    def _merged(self, said: list[Sexp], prefix: str) -> list[Sexp]:
        """Return the parts with the pieces of that place.

        A piece replaces what is only said by default. One beside something that the model says
        waits for :func:`stand_in`.
        """
        result = list(said)
        known = {key_of(node): number for number, node in enumerate(result)}
        for path, tree in self._pieces:
            key = path.removeprefix(prefix)
            if not path.startswith(prefix) or "/" in key or key in ("device", "image+"):
                continue
            if key not in known or key in _MANY:
                if prefix or key not in _NEVER:
                    result.append(tree)
                else:
                    self._log.lose(path, "no part of a definition")
            elif path in self._defaults:
                result[known[key]] = tree
            else:
                self._late.append((path, tree))
        return result

    def _with_pieces(self, top: list[Sexp]) -> list[Sexp]:
        """Return the whole with the pieces of the top level and further devices."""
        merged = [top[0], *self._merged(top[1:], "")]
        for key, tree in self._pieces:
            if key == "image+":
                image = child(merged, "image")
                if image is None:
                    self._log.lose("image", "what stood beside an image")
                else:
                    image.append(tree)
            elif key_of(tree) == "device":
                merged.append(tree)
        return stand_in(merged, self._late, self._version)

    def _default_paths(self) -> set[str]:
        """Name the parts that are said although the model says nothing of them."""
        config = self._config
        said = {
            "image/boot": config.boot.devices,
            "image/serial": config.serials,
            "image/parallel": config.parallels,
            "image/usb": (),
            "image/localtime": config.clock,
            "image/rtc_timeoffset": config.clock,
            "localtime": config.clock,
        }
        return {path for path, value in said.items() if not value}
