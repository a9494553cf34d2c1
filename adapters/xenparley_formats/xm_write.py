"""GuestConfig to the keys of an XM file."""

from __future__ import annotations

from functools import partial

from xenparley.domain.config import Disk, GuestConfig
from xenparley.domain.errors import Problem, Unrepresentable
from xenparley_formats.native_disks import mode_text, plain_target, uname_text
from xenparley_formats.native_run import Unsayable, WriteLog, shown
from xenparley_formats.native_same import implied_video
from xenparley_formats.native_words import boot_letters, online_mask
from xenparley_formats.text_document import Value
from xenparley_formats.text_items import word
from xenparley_formats.text_write import Sayer
from xenparley_formats.xm_read import DIALECT, evening

__all__ = ["TARGET", "disk_item", "xm_values"]

TARGET = "an XM file of xend's format {}"
_MAX_PORTS = 64


def xm_values(config: GuestConfig, *, version: int, log: WriteLog) -> dict[str, Value]:
    """Return the keys and values of an XM file, in the order in which a new one has them.

    What can't be said is noted in ``log`` and left out; a kind of guest that xend never had
    raises Unrepresentable.
    """
    if config.virt not in ("pv", "hvm"):
        raise Unrepresentable(
            TARGET.format(version), [Problem("os/type", f"a {config.virt} guest")]
        )
    return _Writer(config, version, log).values()


class _Writer:
    def __init__(self, config: GuestConfig, version: int, log: WriteLog) -> None:
        self.config = config
        self.version = version
        self.log = log
        self.say = Sayer(config, DIALECT, log)
        self.hvm = config.virt == "hvm"

    def values(self) -> dict[str, Value]:
        say, config, version = self.say, self.config, self.version
        say.identity()
        self._vcpus()
        say.cpus()
        say.put("cpu_weight", config.vcpus.weight)
        say.put("cpu_cap", self._since(config.vcpus.cap, 3, "cap"))
        say.put("pool", self._since(config.cpupool, 4, "cpupool"))
        self._boot()
        if self.hvm:
            newer = ("hap", "viridian") if version >= 3 else ()
            always = ("viridian",) if version >= 4 else ()
            say.features(("pae", "acpi", "apic", *newer), always=("pae", "acpi", "apic", *always))
        say.clock(keeps=version >= 4, tsc_words=False)
        say.actions(("on_poweroff", "on_reboot", "on_crash"))
        say.put("device_model", config.emulator)
        say.put("description", self._since(config.description, 4, "description"))
        if config.autostart is not None:
            word_ = "start" if config.autostart else "ignore"
            say.put("on_xend_start", self._since(word_, 3, "autostart"))
        self._usb()
        say.displays(top=self.hvm or version < 3, vfb=version >= 3, silent=False)
        say.video(lambda video: implied_video(video, config, evening(version)))
        self._disks()
        say.nics(ioemu=version < 4)
        say.pci()
        if self.hvm:
            say.ports("parallel", config.parallels, most=1)
            say.ports("serial", config.serials, most=_MAX_PORTS)
            say.sounds()
        say.pieces()
        return say.checked()

    def _since(self, value: str | int | None, version: int, place: str) -> str | int | None:
        """Return the value if this version of xend has a word for it."""
        if value is None or self.version >= version:
            return value
        self.log.lose(place, f"xend has no such word before its format {version}")
        return None

    def _vcpus(self) -> None:
        vcpus = self.config.vcpus
        current = vcpus.current
        if current is None or current >= vcpus.maximum:
            self.say.put("vcpus", vcpus.maximum, default=vcpus.maximum == 1)
        elif self.version >= 4:
            self.say.put("maxvcpus", vcpus.maximum)
            self.say.put("vcpus", current)
        else:
            self.say.put("vcpus", vcpus.maximum)
            self.say.put("vcpu_avail", online_mask(current))

    def _boot(self) -> None:
        say, boot, log = self.say, self.config.boot, self.log
        if not self.hvm:
            for key, value in (
                ("bootloader", boot.bootloader),
                ("bootargs", boot.bootloader_args),
                ("kernel", boot.kernel),
                ("ramdisk", boot.initrd),
                ("root", boot.root),
                ("extra", boot.cmdline),
            ):
                say.put(key, value or None)
            return
        say.put("builder", "hvm")
        loader = boot.loader.path if boot.loader is not None else None
        if not loader:
            log.lose("os/loader", "an hvm guest of xm needs the path of its loader")
        if boot.kernel and self.version < 4:
            log.lose("os/kernel", "xm boots hvm guests from a kernel since Xen 3.3")
        elif boot.kernel:
            say.put("kernel", boot.kernel)
            say.put("loader", loader or None)
            say.put("ramdisk", boot.initrd or None)
            say.put("root", boot.root or None)
            say.put("extra", boot.cmdline or None)
        if not (boot.kernel and self.version >= 4):
            say.put("kernel", loader or None)
        letters = log.say("os/boot", lambda: boot_letters(boot.devices))
        if letters or not boot.kernel:
            say.put("boot", letters or "c", default=not boot.devices)

    def _usb(self) -> None:
        words = self.say.usb_words(hosts=self.hvm)
        if words:
            self.say.put("usb", 1)
            self.say.put("usbdevice", words[0])
        for text in words[1:]:
            self.log.lose("devices", f"a second USB device: {shown(text)}")

    def _disks(self) -> None:
        found = []
        for number, disk in enumerate(self.config.disks, 1):
            place = f"devices/disk[{number}]"
            cdrom = self.version == 1 and disk.device == "cdrom" and self._has_key(disk)
            if self.hvm and (disk.device == "floppy" or cdrom):
                self._drive(disk, place)
                continue
            hvm = self.hvm and self.version == 1
            text = self.log.say(place, partial(disk_item, disk, prefix="ioemu:" if hvm else ""))
            found += [text] if text is not None else []
        self.say.items("disk", found)

    def _has_key(self, disk: Disk) -> bool:
        """Say whether the key ``cdrom`` can say a drive; another is said like a disk."""
        target = disk.target.removeprefix("ioemu:")
        said = bool(disk.source.path) and disk.source.type in ("file", "block")
        return target == "hdc" and said and "cdrom" not in self.say.values

    def _drive(self, disk: Disk, place: str) -> None:
        """Say a floppy, or a CD-ROM before 3.0.3, which have keys of their own."""
        key = disk.target.removeprefix("ioemu:") if disk.device == "floppy" else "cdrom"
        if key not in ("fda", "fdb", "cdrom") or key in self.say.values:
            self.log.lose(f"{place}/target", f"a drive named {shown(disk.target)}")
        elif not disk.source.path or disk.source.type not in ("file", "block"):
            self.log.lose(f"{place}/source", "an empty drive, or no file or device in it")
        else:
            self.say.put(key, disk.source.path)


def disk_item(disk: Disk, *, prefix: str = "") -> str:
    """Write an item of ``disk``. Raises Unsayable."""
    if disk.device not in ("disk", "cdrom"):
        raise Unsayable(f"a drive of kind {shown(disk.device)}")
    target = word(plain_target(disk.target))
    cdrom = disk.device == "cdrom"
    uname = uname_text(disk) if disk.source.path else None
    if uname is None and not cdrom:
        raise Unsayable("a disk without a source")
    suffix = ":cdrom" if cdrom else ""
    parts = [word(uname or ""), f"{prefix}{target}{suffix}", mode_text(disk)]
    if disk.backend_domain is not None:
        parts.append(word(disk.backend_domain))
    return ",".join(parts)
