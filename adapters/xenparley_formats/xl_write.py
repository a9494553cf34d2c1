"""GuestConfig to the keys of an xl.cfg."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from xenparley.domain.config import GuestConfig, Video
from xenparley_formats.native_run import WriteLog, shown
from xenparley_formats.native_same import implied_video
from xenparley_formats.native_words import boot_letters
from xenparley_formats.text_document import Value
from xenparley_formats.text_write import Sayer
from xenparley_formats.xl_devices import channel_item, say_controllers, spice, usb_item
from xenparley_formats.xl_disks import disk_item, floppy_words
from xenparley_formats.xl_read import ACTIONS, DIALECT, EVENING

__all__ = ["TARGET", "xl_values"]

TARGET = "an xl.cfg"
_MAX_PORTS = 64
_BIOS = {"efi": "ovmf", "bios": "seabios"}
#: Emulators that Xen and distributions install: xl finds its own without being told.
_EMULATORS = ("qemu-dm", "qemu-system-i386", "qemu-system-x86_64")
_FOLDERS = ("/usr/lib/xen/bin/", "/usr/lib64/xen/bin/", "/usr/local/lib/xen/bin/")


def xl_values(config: GuestConfig, *, log: WriteLog) -> dict[str, Value]:
    """Return the keys and values of an xl.cfg, in the order in which a new one has them.

    What can't be said is noted in ``log`` and left out.
    """
    say = Sayer(config, DIALECT, log)
    say.identity()
    vcpus = config.vcpus
    if vcpus.current is not None and vcpus.current < vcpus.maximum:
        say.put("maxvcpus", vcpus.maximum)
        say.put("vcpus", vcpus.current)
    else:
        say.put("vcpus", vcpus.maximum, default=vcpus.maximum == 1)
    say.cpus()
    say.put("cpu_weight", vcpus.weight)
    say.put("cap", vcpus.cap)
    say.put("pool", config.cpupool)
    _boot(config, say, log)
    if say.hvm:
        say.features(
            ("pae", "acpi", "apic", "hap", "viridian"), always=("pae", "acpi", "apic", "viridian")
        )
    _e820(config, say)
    say.clock(keeps=True, tsc_words=True)
    say.actions(ACTIONS)
    _emulator(config, say)
    _usb(config, say, log)
    say.displays(top=say.hvm, vfb=not say.hvm, silent=say.hvm)
    _spice(config, say, log)
    say.video(_implied(config))
    _items(config, say, log)
    if say.hvm:
        say.ports("parallel", config.parallels, most=1)
        say.ports("serial", config.serials, most=_MAX_PORTS)
        say.sounds()
    say.pieces()
    return say.checked()


def _implied(config: GuestConfig) -> Callable[[Video], bool]:
    return lambda video: implied_video(video, config, EVENING)


def _boot(config: GuestConfig, say: Sayer, log: WriteLog) -> None:
    boot = config.boot
    if boot.virt == "hvm":
        say.put("builder", "hvm")
    elif boot.virt == "pvh":
        say.put("type", "pvh")
    say.put("bootloader", boot.bootloader or None)
    say.put("bootloader_args", boot.bootloader_args or None)
    say.put("kernel", boot.kernel or None)
    say.put("ramdisk", boot.initrd or None)
    if boot.root:
        say.put("root", boot.root)
        say.put("extra", boot.cmdline or None)
    else:
        say.put("cmdline", boot.cmdline or None)
    if boot.virt != "hvm":
        if boot.virt == "pvh":
            say.put("firmware", boot.firmware or None)
        return
    _firmware(config, say, log)
    letters = log.say("os/boot", lambda: boot_letters(boot.devices))
    if letters or not boot.kernel:
        say.put("boot", letters or "c", default=not boot.devices)


def _firmware(config: GuestConfig, say: Sayer, log: WriteLog) -> None:
    boot = config.boot
    loader = boot.loader
    if boot.firmware is not None:
        if boot.firmware in _BIOS:
            say.put("bios", _BIOS[boot.firmware])
        else:
            log.lose("os/@firmware", f"firmware {shown(boot.firmware)}")
    if loader is None or not loader.path:
        return
    base = loader.path.rsplit("/", 1)[-1]
    if loader.type == "pflash":
        say.put("bios", "ovmf")
        if base != "ovmf.bin":
            say.put("bios_path_override", loader.path)
    elif base != "hvmloader":
        say.put("firmware_override", loader.path)


def _e820(config: GuestConfig, say: Sayer) -> None:
    for feature in config.features:
        for inner in feature.features if feature.name == "xen" else ():
            if inner.name == "e820_host":
                say.flag("e820_host", inner.enabled)


def _emulator(config: GuestConfig, say: Sayer) -> None:
    """Say the emulator. A usual one goes where libvirt says it, which xl since 4.2 ignores."""
    path = config.emulator
    if not path:
        return
    folder, name = path[: path.rfind("/") + 1], path.rsplit("/", 1)[-1]
    usual = folder in _FOLDERS and name in _EMULATORS
    say.put("device_model" if usual else "device_model_override", path)


def _usb(config: GuestConfig, say: Sayer, log: WriteLog) -> None:
    """Say emulated USB devices, and those of the host: by ids emulated, by place with pvusb."""
    by_ids = [usb for usb in config.usb if usb.bus is None or usb.device is None]
    words = say.usb_words(hosts=bool(by_ids) and say.hvm and len(by_ids) == len(config.usb))
    if words:
        say.put("usb", 1)
        if len(words) == 1:
            say.put("usbdevice", words[0])
        else:
            say.items("usbdevice", words)
    if by_ids and (not say.hvm or len(by_ids) != len(config.usb)):
        log.lose("devices/hostdev[usb]", "a USB device by its ids")


def _spice(config: GuestConfig, say: Sayer, log: WriteLog) -> None:
    said = False
    for number, graphics in enumerate(config.graphics, 1):
        if graphics.type != "spice":
            continue
        place = f"devices/graphics[{number}]"
        if said or not say.hvm:
            log.lose(place, "a display of type 'spice' at this place")
            continue
        spice(say, graphics, log, place)
        said = True


def _items(config: GuestConfig, say: Sayer, log: WriteLog) -> None:
    """Say disks, interfaces and other lists of devices."""
    lists: tuple[tuple[str, str, list[Callable[[str], str]]], ...] = (
        ("channel", "channel", [partial(_with, channel_item, c, log) for c in config.channels]),
        (
            "usbdev",
            "hostdev[usb]",
            [
                partial(_with, usb_item, usb, log)
                for usb in config.usb
                if usb.bus is not None and usb.device is not None
            ],
        ),
    )
    _disks(config, say, log)
    say.nics(ioemu=False)
    say.pci()
    say_controllers(say, config, log)
    for key, kind, makers in lists:
        found = []
        for number, make in enumerate(makers, 1):
            place = f"devices/{kind}[{number}]"
            text = log.say(place, partial(make, place))
            found += [text] if text is not None else []
        say.items(key, found)


def _disks(config: GuestConfig, say: Sayer, log: WriteLog) -> None:
    """Say disks; an hvm guest's floppies are words for its device model."""
    found, floppies = [], []
    for number, disk in enumerate(config.disks, 1):
        place = f"devices/disk[{number}]"
        if say.hvm and disk.device == "floppy":
            words = log.say(place, partial(floppy_words, disk))
            floppies += words or []
        else:
            text = log.say(place, partial(disk_item, disk, log, place))
            found += [text] if text is not None else []
    say.items("disk", found)
    say.items("device_model_args_hvm", floppies)


def _with(make: Callable[..., str], device: object, log: WriteLog, place: str) -> str:
    return make(device, log, place)
