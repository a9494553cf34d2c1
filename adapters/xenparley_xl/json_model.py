"""libxl_domain_config, as xl prints it since 4.2, to the model.

Names are those of tools/libs/light/libxl_types.idl; newer releases add some, and leave out what
has its default value. What the model has no word for is dropped: nothing is ever written back
from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from xenparley.domain.errors import NotFound
from xenparley_xl.json_devices import (
    controller_of,
    disk_of,
    graphics_of,
    interface_of,
    pci_of,
    usb_of,
)

if TYPE_CHECKING:
    from xenparley.domain.config import Boot, CharDevice, Feature, GuestConfig, Vcpus

__all__ = ["config_of", "flag", "objects", "size", "text"]

#: libxl says -1 as 2^64-1 or 2^32-1 where nothing was said.
_UNSAID = 1 << 53
_BOOT = {"c": "hd", "d": "cdrom", "n": "network", "a": "fd"}


def text(held: dict[str, Any], key: str) -> str | None:
    """Return a text that isn't empty."""
    value = held.get(key)
    return value if isinstance(value, str) and value else None


def size(held: dict[str, Any], key: str) -> int | None:
    """Return a number that was said."""
    value = held.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _UNSAID:
        return None
    return value


def flag(held: dict[str, Any], key: str) -> bool | None:
    """Return a defbool, which is printed as text; None: its default."""
    value = held.get(key)
    if value in (True, "True"):
        return True
    return False if value in (False, "False") else None


def inner(held: dict[str, Any], *keys: str) -> dict[str, Any]:
    """Return the first of these that is an object; an empty one when none is."""
    for key in keys:
        value = held.get(key)
        if isinstance(value, dict):
            return value
    return {}


def objects(held: dict[str, Any], *keys: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of the lists with these keys."""
    for key in keys:
        value = held.get(key)
        if isinstance(value, list):
            yield from (item for item in value if isinstance(item, dict))


def config_of(held: dict[str, Any] | None, domid: int) -> GuestConfig:
    """Return the model of a ``config`` object. Raises NotFound when there is none."""
    from xenparley.domain.config import GuestConfig
    from xenparley.domain.identity import DOM0_HANDLE, canonical_uuid, is_uuid

    if held is None:
        raise NotFound(f"xl keeps no configuration of domain {domid}")
    create, build = inner(held, "c_info"), inner(held, "b_info")
    virt = text(create, "type") or text(build, "type") or "pv"
    if virt not in ("pv", "hvm", "pvh"):
        virt = "pv"
    if virt == "hvm" and flag(create, "pvh"):
        virt = "pvh"
    hvm = inner(build, "type.hvm", "u.hvm", "hvm") if virt == "hvm" else {}
    pv = inner(build, "type.pv", "u.pv", "pv") if virt == "pv" else {}
    uuid = text(create, "uuid")
    target, most = size(build, "target_memkb"), size(build, "max_memkb")
    return GuestConfig(
        name=text(create, "name") or f"domain-{domid}",
        uuid=canonical_uuid(uuid) if uuid and is_uuid(uuid) else (None if domid else DOM0_HANDLE),
        domid=domid,
        memory_kib=target or most or 0,
        max_memory_kib=most if most != target else None,
        vcpus=_vcpus(build),
        boot=_boot(virt, build, hvm, pv),
        features=tuple(_features(hvm or build, build)),
        clock=_clock(build),
        emulator=text(build, "device_model"),
        disks=tuple(disk_of(disk) for disk in objects(held, "disks") if text(disk, "vdev")),
        interfaces=tuple(interface_of(nic) for nic in objects(held, "nics")),
        pci=tuple(pci_of(device) for device in objects(held, "pcidevs")),
        controllers=tuple(controller_of(one) for one in objects(held, "usbctrls")),
        usb=tuple(usb for one in objects(held, "usbdevs") if (usb := usb_of(one)) is not None),
        graphics=tuple(graphics_of(hvm, list(objects(held, "vfbs")))),
        serials=tuple(_serials(hvm)),
        cpupool=text(create, "pool_name"),
        on_poweroff=_action(text(held, "on_poweroff")),
        on_reboot=_action(text(held, "on_reboot")),
        on_crash=_action(text(held, "on_crash")),
        on_watchdog=_action(text(held, "on_watchdog")),
        on_soft_reset=_action(text(held, "on_soft_reset")),
    )


def _action(word: str | None) -> str | None:
    return None if word is None else word.replace("_", "-")


def _vcpus(build: dict[str, Any]) -> Vcpus:
    from xenparley.domain.config import VcpuPin, Vcpus

    maximum = size(build, "max_vcpus") or 1
    online = build.get("avail_vcpus")
    current = len(online) if isinstance(online, list) and online else maximum
    pins = []
    affinities = build.get("vcpu_hard_affinity")
    for number, cpus in enumerate(affinities if isinstance(affinities, list) else []):
        if isinstance(cpus, list) and cpus and all(type(c) is int for c in cpus):
            pins.append(VcpuPin(vcpu=number, cpuset=",".join(map(str, cpus))))
    scheduling = inner(build, "sched_params")
    weight, cap = size(scheduling, "weight"), size(scheduling, "cap")
    return Vcpus(
        maximum=maximum,
        current=current if current < maximum else None,
        pins=tuple(pins),
        weight=weight or None,
        cap=cap or None,
    )


def _boot(virt: str, build: dict[str, Any], hvm: dict[str, Any], pv: dict[str, Any]) -> Boot:
    from xenparley.domain.config import Boot

    def said(key: str) -> str | None:
        # Up to 4.9 they were in the union of the kind of guest.
        return text(build, key) or text(pv, key) or text(hvm, key)

    arguments = build.get("bootloader_args") or pv.get("bootloader_args")
    words = [a for a in arguments if isinstance(a, str)] if isinstance(arguments, list) else []
    bios = text(hvm, "bios")
    return Boot(
        virt=virt,
        kernel=said("kernel"),
        initrd=said("ramdisk"),
        cmdline=said("cmdline"),
        bootloader=said("bootloader"),
        bootloader_args=" ".join(words) or None,
        firmware="efi" if bios == "ovmf" else None,
        devices=tuple(_BOOT[letter] for letter in text(hvm, "boot") or "" if letter in _BOOT),
    )


def _features(hvm: dict[str, Any], build: dict[str, Any]) -> Iterator[Feature]:
    from xenparley.domain.config import Feature

    for name in ("pae", "apic", "acpi", "hap", "viridian"):
        told = flag(hvm, name)
        if told is None:
            told = flag(build, name)
        if told is not None:
            yield Feature(name=name, state=None if told else "off")


def _clock(build: dict[str, Any]) -> Any:
    from xenparley.domain.config import Clock

    local = flag(build, "localtime")
    return None if local is None else Clock(offset="localtime" if local else "utc")


def _serials(hvm: dict[str, Any]) -> Iterator[CharDevice]:
    from xenparley.domain.config import CharDevice, CharSource

    listed = hvm.get("serial_list")
    words = listed if isinstance(listed, list) else [hvm.get("serial")]
    for word in words:
        if isinstance(word, str) and word:
            kind = word.partition(":")[0]
            if kind in ("pty", "null", "stdio", "vc"):
                yield CharDevice(source=CharSource(type=kind))
            elif word.startswith("/dev/"):
                yield CharDevice(source=CharSource(type="dev", path=word))
