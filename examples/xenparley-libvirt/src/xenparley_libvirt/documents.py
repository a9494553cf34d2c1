"""libvirt's ``<domain>`` document, as far as this adapter goes.

What the document says beyond it stays there when a guest is redefined; what a configuration says
beyond it is refused.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable

from attrs import fields

from xenparley.domain import errors
from xenparley.domain.config import Boot, Disk, DiskSource, GuestConfig, Interface, Vcpus

__all__ = ["read", "written"]

#: A document larger than this is nobody's guest.
LIMIT = 4 << 20
_UNITS = {"b": 1, "bytes": 1, "k": 1 << 10, "kib": 1 << 10, "m": 1 << 20, "mib": 1 << 20}
_UNITS |= {"g": 1 << 30, "gib": 1 << 30, "kb": 10**3, "mb": 10**6, "gb": 10**9}
_VIRT = {"xen": "pv", "linux": "pv", "hvm": "hvm", "xenpvh": "pvh"}
_OS_TYPES = {"pv": "xen", "hvm": "hvm", "pvh": "xenpvh"}
_BOOT = ("kernel", "initrd", "cmdline")
_ACTIONS = ("on_poweroff", "on_reboot", "on_crash")
_SOURCES = {"file": "file", "block": "dev"}
_LINKS = {"bridge": "bridge", "network": "network"}


def read(text: str) -> GuestConfig:
    """Return the configuration. ProtocolError: it is no domain's document."""
    if len(text) > LIMIT:
        raise errors.ProtocolError(f"a document of {len(text)} characters")
    try:
        root = ET.fromstring(text)  # noqa: S314 - libvirt wrote it; expat bounds its entities
        memory = _kib(root.find("memory"))
        current = root.find("currentMemory")
        vcpu = root.find("vcpu")
        now = None if vcpu is None else vcpu.get("current")
        return GuestConfig(
            name=root.findtext("name") or "",
            uuid=root.findtext("uuid"),
            memory_kib=memory if current is None else _kib(current),
            max_memory_kib=memory,
            vcpus=Vcpus(
                maximum=int(vcpu.text or "1") if vcpu is not None else 1,
                current=None if now is None else int(now),
                cpuset=None if vcpu is None else vcpu.get("cpuset"),
            ),
            boot=_boot(root),
            on_poweroff=root.findtext("on_poweroff"),
            on_reboot=root.findtext("on_reboot"),
            on_crash=root.findtext("on_crash"),
            disks=tuple(_disk(e) for e in root.iterfind("devices/disk")),
            interfaces=tuple(_interface(e) for e in root.iterfind("devices/interface")),
        )
    except (ET.ParseError, ValueError, KeyError) as exc:
        raise errors.ProtocolError(f"libvirt's document makes no sense: {exc!r}") from exc


def _kib(element: ET.Element | None) -> int:
    if element is None:
        return 0
    size = int(element.text or "0") * _UNITS[element.get("unit", "KiB").lower()]
    return -(-size // 1024)


def _boot(root: ET.Element) -> Boot:
    return Boot(
        virt=_VIRT.get(root.findtext("os/type") or "xen", "hvm"),
        kernel=root.findtext("os/kernel"),
        initrd=root.findtext("os/initrd"),
        cmdline=root.findtext("os/cmdline"),
        bootloader=root.findtext("bootloader"),
        devices=tuple(e.get("dev", "") for e in root.iterfind("os/boot")),
    )


def _disk(element: ET.Element) -> Disk:
    kind = element.get("type", "file")
    source, target, driver = (element.find(tag) for tag in ("source", "target", "driver"))
    path = None if source is None else source.get(_SOURCES.get(kind, "name"))
    return Disk(
        target="" if target is None else target.get("dev", ""),
        device=element.get("device", "disk"),
        source=DiskSource(type=kind, path=path),
        bus=None if target is None else target.get("bus"),
        driver=None if driver is None else driver.get("name"),
        format=None if driver is None else driver.get("type"),
        readonly=element.find("readonly") is not None,
    )


def _interface(element: ET.Element) -> Interface:
    kind = element.get("type", "bridge")
    source, mac, model, script = (element.find(t) for t in ("source", "mac", "model", "script"))
    return Interface(
        type=kind,
        source=None if source is None else source.get(_LINKS.get(kind, "dev")),
        mac=None if mac is None else mac.get("address"),
        model=None if model is None else model.get("type"),
        script=None if script is None else script.get("path"),
    )


def written(config: GuestConfig, domain_type: str, before: str | None = None) -> str:
    """Return the document, made from the one that libvirt has where there is one.

    Unrepresentable: the configuration says more than this adapter can write.
    """
    _refuse(config)
    root = ET.Element("domain") if before is None else ET.fromstring(before)  # noqa: S314
    root.set("type", domain_type)
    root.attrib.pop("id", None)
    _text(root, "name", config.name)
    _text(root, "uuid", config.uuid)
    _text(root, "memory", str(config.maximum_kib)).set("unit", "KiB")
    _text(root, "currentMemory", str(config.memory_kib)).set("unit", "KiB")
    vcpu = _text(root, "vcpu", str(config.vcpus.maximum))
    for key, value in (("current", config.vcpus.current), ("cpuset", config.vcpus.cpuset)):
        vcpu.attrib.pop(key, None)
        if value is not None:
            vcpu.set(key, str(value))
    _text(root, "bootloader", config.boot.bootloader)
    place = _part(root, "os")
    _text(place, "type", _OS_TYPES[config.virt])
    for tag in _BOOT:
        _text(place, tag, getattr(config.boot, tag))
    for element in place.findall("boot"):
        place.remove(element)
    for device in config.boot.devices:
        ET.SubElement(place, "boot", dev=device)
    for tag in _ACTIONS:
        _text(root, tag, getattr(config, tag))
    devices = _part(root, "devices")
    _replace(devices, "disk", [(d.target, d) for d in config.disks])
    _replace(devices, "interface", [(i.mac, i) for i in config.interfaces])
    return ET.tostring(root, encoding="unicode")


def _refuse(config: GuestConfig) -> None:
    """Name everything that the document written here would not say."""
    plain = GuestConfig(
        name=config.name,
        uuid=config.uuid,
        domid=config.domid,
        memory_kib=config.memory_kib,
        max_memory_kib=config.max_memory_kib,
        vcpus=Vcpus(
            maximum=config.vcpus.maximum, current=config.vcpus.current, cpuset=config.vcpus.cpuset
        ),
        boot=Boot(
            virt=config.boot.virt,
            kernel=config.boot.kernel,
            initrd=config.boot.initrd,
            cmdline=config.boot.cmdline,
            bootloader=config.boot.bootloader,
            devices=config.boot.devices,
        ),
        on_poweroff=config.on_poweroff,
        on_reboot=config.on_reboot,
        on_crash=config.on_crash,
        disks=tuple(
            Disk(
                target=d.target,
                device=d.device,
                source=DiskSource(type=d.source.type, path=d.source.path),
                bus=d.bus,
                driver=d.driver,
                format=d.format,
                readonly=d.readonly,
            )
            for d in config.disks
        ),
        interfaces=tuple(
            Interface(type=i.type, source=i.source, mac=i.mac, model=i.model, script=i.script)
            for i in config.interfaces
        ),
        autostart=config.autostart,
    )
    more = [
        f.name for f in fields(GuestConfig) if getattr(plain, f.name) != getattr(config, f.name)
    ]
    problems = [errors.Problem(name, "says more than this adapter can write") for name in more]
    problems += [
        errors.Problem(f"disk {d.target}", f"a source of type {d.source.type}")
        for d in config.disks
        if d.source.type not in _SOURCES
    ]
    problems += [
        errors.Problem(f"interface {i.mac}", f"an interface of type {i.type}")
        for i in config.interfaces
        if i.type not in _LINKS
    ]
    if config.virt not in _OS_TYPES:
        problems.append(errors.Problem("boot.virt", f"no kind of guest: {config.virt}"))
    if problems:
        raise errors.Unrepresentable("libvirt", problems)


def _replace(
    devices: ET.Element, tag: str, wanted: Iterable[tuple[str | None, Disk | Interface]]
) -> None:
    """Have these devices only; those that were there keep what the model doesn't know."""
    before = {_key(element): element for element in devices.findall(tag)}
    for element in devices.findall(tag):
        devices.remove(element)
    for key, device in wanted:
        known = before.get(key) if key else None
        kept = ET.Element(tag) if known is None else known
        if isinstance(device, Disk):
            _write_disk(kept, device)
        else:
            _write_interface(kept, device)
        devices.append(kept)


def _key(element: ET.Element) -> str | None:
    part, name = ("target", "dev") if element.tag == "disk" else ("mac", "address")
    found = element.find(part)
    return None if found is None else found.get(name)


def _write_disk(element: ET.Element, disk: Disk) -> None:
    element.set("type", disk.source.type)
    element.set("device", disk.device)
    _attributes(element, "driver", name=disk.driver, type=disk.format)
    path = {"file": None, "dev": None, _SOURCES[disk.source.type]: disk.source.path}
    _attributes(element, "source", **path)
    _attributes(element, "target", dev=disk.target, bus=disk.bus)
    for old in element.findall("readonly"):
        element.remove(old)
    if disk.readonly:
        ET.SubElement(element, "readonly")


def _write_interface(element: ET.Element, interface: Interface) -> None:
    element.set("type", interface.type)
    _attributes(element, "mac", address=interface.mac)
    link = {"bridge": None, "network": None, _LINKS[interface.type]: interface.source}
    _attributes(element, "source", **link)
    _attributes(element, "model", type=interface.model)
    _attributes(element, "script", path=interface.script)


def _attributes(owner: ET.Element, tag: str, **values: str | None) -> None:
    """Set the attributes of a part; one that says nothing is left out."""
    part = _part(owner, tag)
    for key, value in values.items():
        part.attrib.pop(key, None)
        if value is not None:
            part.set(key, value)
    if not part.attrib and not len(part):
        owner.remove(part)


def _part(owner: ET.Element, tag: str) -> ET.Element:
    found = owner.find(tag)
    return ET.SubElement(owner, tag) if found is None else found


def _text(owner: ET.Element, tag: str, value: str | None) -> ET.Element:
    """Set the text of a part; None removes it (and returns one that is nowhere)."""
    part = _part(owner, tag)
    if value is None:
        owner.remove(part)
    part.text = value
    return part
