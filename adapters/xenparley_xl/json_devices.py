"""Devices of libxl_domain_config to the model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xenparley.domain.config import Controller, Disk, Graphics, HostPci, HostUsb, Interface

__all__ = ["controller_of", "disk_of", "graphics_of", "interface_of", "pci_of", "usb_of"]

_DRIVERS = {"phy": "phy", "tap": "tap", "qdisk": "qemu"}
_FORMATS = ("raw", "qcow", "qcow2", "vhd", "qed")
_HOST_USB = ("hostbus", "hostaddr")
_MAC = re.compile(r"[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}")


def disk_of(held: dict[str, Any]) -> Disk:
    """Return a disk of ``disks``."""
    from xenparley.domain.config import Disk, DiskSource

    backend = _text(held, "backend")
    path = _text(held, "pdev_path")
    form = _text(held, "format")
    cdrom = _on(held, "is_cdrom")
    block = backend == "phy" or (path or "").startswith("/dev/")
    discard = held.get("discard_enable")
    return Disk(
        target=_text(held, "vdev") or "",
        device="cdrom" if cdrom else "disk",
        source=DiskSource(type="block" if block else "file", path=path),
        driver=_DRIVERS.get(backend or ""),
        format=form if form in _FORMATS else None,
        # readwrite is left out when it is zero (4.5 and later leave defaults out).
        readonly=not _on(held, "readwrite"),
        script=_text(held, "script"),
        backend_domain=_text(held, "backend_domname"),
        discard={"True": "unmap", "False": "ignore"}.get(str(discard)),
    )


def interface_of(held: dict[str, Any]) -> Interface:
    """Return an interface of ``nics``."""
    from xenparley.domain.config import Interface

    mac, bridge = _text(held, "mac"), _text(held, "bridge")
    script = _text(held, "script")
    rate, window = held.get("rate_bytes_per_interval"), held.get("rate_interval_usecs")
    limit = None
    if type(rate) is int and type(window) is int and rate > 0 and window > 0:
        limit = round(rate * 1_000_000 / window / 1024)
    return Interface(
        type="bridge" if bridge or not script else "ethernet",
        source=bridge,
        mac=mac.lower() if mac and _MAC.fullmatch(mac) and mac != "00:00:00:00:00:00" else None,
        model=_text(held, "model"),
        script=script,
        ips=tuple((_text(held, "ip") or "").split()),
        target=_text(held, "ifname"),
        rate_kib_s=limit or None,
        rate_interval_us=window if limit and type(window) is int else None,
        backend_domain=_text(held, "backend_domname"),
    )


def pci_of(held: dict[str, Any]) -> HostPci:
    """Return a function of ``pcidevs``."""
    from xenparley.domain.config import HostPci, PciAddress

    def part(key: str) -> int:
        value = held.get(key)
        return value if type(value) is int and 0 <= value <= 0xFFFF else 0

    return HostPci(
        address=PciAddress(part("domain"), part("bus"), part("dev"), part("func")),
        permissive=True if held.get("permissive") in (True, "True") else None,
    )


def _small(held: dict[str, Any], key: str) -> int | None:
    value = held.get(key)
    return value if type(value) is int and 0 <= value <= 255 else None


def controller_of(held: dict[str, Any]) -> Controller:
    """Return a controller of ``usbctrls``; its model only where the model has a name for it."""
    from xenparley.domain.config import Controller

    version = held.get("version")
    own = held.get("type") in ("qusb", "pv") and version in (1, 2)
    return Controller(
        type="usb",
        index=_small(held, "devid"),
        model=f"qusb{version}" if own else None,
        ports=_small(held, "ports") or None,
    )


def usb_of(held: dict[str, Any]) -> HostUsb | None:
    """Return a device of ``usbdevs``; None without its place on the host."""
    from xenparley.domain.config import HostUsb

    place = held.get("type.hostdev")
    if not isinstance(place, dict):
        place = held.get("u.hostdev")
    bus, device = (_small(place, k) if isinstance(place, dict) else None for k in _HOST_USB)
    if bus is None or device is None:
        return None
    port = _small(held, "port")
    return HostUsb(
        bus=bus,
        device=device,
        mode="subsystem",
        guest_bus=_small(held, "ctrl") if port else None,
        guest_port=port or None,
    )


def graphics_of(hvm: dict[str, Any], frames: list[dict[str, Any]]) -> Iterator[Graphics]:
    """Yield the displays of an hvm guest, and those of frame buffers."""
    from xenparley.domain.config import Graphics

    for held in [hvm, *frames]:
        vnc, sdl = held.get("vnc"), held.get("sdl")
        keymap = _text(held, "keymap")
        if isinstance(vnc, dict) and _on(vnc, "enable"):
            number = vnc.get("display")
            automatic = _on(vnc, "findunused")
            listen = (_text(vnc, "listen") or "").partition(":")[0]
            known = type(number) is int and 0 <= number < 59636 and not automatic
            yield Graphics(
                type="vnc",
                port=5900 + number if known and type(number) is int else None,
                autoport=True if automatic else None,
                listen=listen or None,
                password=_text(vnc, "passwd"),
                keymap=keymap,
            )
        if isinstance(sdl, dict) and _on(sdl, "enable"):
            yield Graphics(
                type="sdl", display=_text(sdl, "display"), xauth=_text(sdl, "xauthority")
            )
    spice = hvm.get("spice")
    if isinstance(spice, dict) and _on(spice, "enable"):
        ports = [spice.get("port"), spice.get("tls_port")]
        known_ports = [p if type(p) is int and 0 < p < 65536 else None for p in ports]
        yield Graphics(
            type="spice",
            port=known_ports[0],
            tls_port=known_ports[1],
            listen=_text(spice, "host"),
            password=_text(spice, "passwd"),
        )


def _text(held: dict[str, Any], key: str) -> str | None:
    value = held.get(key)
    return value if isinstance(value, str) and value else None


def _on(held: dict[str, Any], key: str) -> bool:
    value = held.get(key)
    return value in (True, "True") or (type(value) is int and value != 0)
