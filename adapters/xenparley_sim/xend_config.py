"""Configurations as XenD takes them: from the S-expression to the simulated guest, and checks."""

from __future__ import annotations

import re

from xenparley.domain.config import Boot, Disk, DiskSource, GuestConfig, Interface, Vcpus
from xenparley.domain.errors import InvalidInput
from xenparley.domain.identity import canonical_uuid
from xenparley_sim.toolstack import new_uuid
from xenparley_sim.xend_errors import XendFailure
from xenparley_sim.xend_pci import functions
from xenparley_wire.sxp import Sexp
from xenparley_wire.sxp_tree import child, children, key_of, pairs

__all__ = ["check_name", "config_of", "device_of", "plain_dev", "put"]

_NAME = re.compile(r"[A-Za-z0-9_\-.:/+]+", re.ASCII)
_KINDS = {"linux": "pv", "hvm": "hvm", "vmx": "hvm"}


def check_name(name: str) -> None:
    """Refuse what XenD refuses."""
    if not name:
        raise XendFailure("Missing VM Name")
    if not _NAME.fullmatch(name):
        raise XendFailure("Invalid VM Name")


def put(tree: list[Sexp], key: str, value: Sexp) -> None:
    """Set ``(key value)``, in its place or at the end."""
    found = child(tree, key)
    if found is None:
        tree.append([key, value])
    else:
        found[1:] = [value]


def plain_dev(dev: str) -> str:
    """Return a disk's name: ``xvda`` of ``xvda:disk`` or ``ioemu:xvda``."""
    return dev.removeprefix("ioemu:").partition(":")[0]


def _whole(text: str, base: int = 10) -> int:
    try:
        return int(text, base)
    except ValueError as exc:
        raise XendFailure(f"invalid literal for int() with base {base}: {text!r}") from exc


def device_of(node: Sexp) -> Disk | Interface | None:
    """Return the simulated guest's device of ``(vbd ...)`` or ``(vif ...)``; None for others."""
    told = pairs(node)
    kind = key_of(node)
    if kind in ("vbd", "tap", "tap2"):
        dev = told.get("dev", "")
        what = "cdrom" if dev.endswith(":cdrom") else "disk"
        path = told.get("uname", "").partition(":")[2] or None
        return Disk(target=plain_dev(dev), device=what, source=DiskSource(path=path))
    if kind == "vif":
        return Interface(source=told.get("bridge"), mac=told.get("mac"))
    return None


def config_of(tree: list[Sexp], *, needs_vcpus: bool, defining: bool = False) -> GuestConfig:
    """Return the guest that a tree describes; the tree gets the name, UUID and sizes it lacks.

    ``defining``: what is only found out when a domain is built does not matter yet.
    """
    told = pairs(tree)
    if needs_vcpus and "vcpus" not in told:
        raise XendFailure("'vcpus'")
    name = told.get("name", "Domain-Unnamed")
    check_name(name)
    uuid = told.get("uuid") or new_uuid()
    try:
        uuid = canonical_uuid(uuid)
    except InvalidInput as exc:
        raise XendFailure(f"invalid literal for int() with base 16: {uuid[:2]!r}") from exc
    memory = _whole(told.get("memory", "0"))
    maximum = max(memory, _whole(told.get("maxmem") or str(memory)))
    if memory <= 0:
        raise XendFailure("Invalid Configuration: memory_dynamic_max must be greater than zero")
    vcpus = _whole(told.get("vcpus", "1"))
    mask = _whole(told["vcpu_avail"]) if told.get("vcpu_avail") else (1 << vcpus) - 1
    online = max(1, (mask & ((1 << vcpus) - 1)).bit_count())
    put(tree, "name", name)
    put(tree, "uuid", uuid)
    put(tree, "maxmem", str(maximum))
    image = child(tree, "image")
    kind = key_of(image[1]) if image is not None and len(image) > 1 else "linux"
    if not defining:
        if kind not in _KINDS:
            raise XendFailure(f"unknown image type: {kind}")
        kernel = pairs(image[1]).get("kernel") if image is not None and len(image) > 1 else None
        if kernel is not None and kernel.startswith("/nosuch"):
            raise XendFailure(f"Kernel image does not exist: {kernel}")
        if not kernel and not told.get("bootloader"):
            raise XendFailure("Had a bootloader specified, but no disks are bootable")
    devices = [device_of(node[1]) for node in children(tree, "device") if len(node) > 1]
    weight = told.get("cpu_weight", "").partition(".")[0]
    return GuestConfig(
        name=name,
        uuid=uuid,
        memory_kib=memory * 1024,
        max_memory_kib=maximum * 1024,
        vcpus=Vcpus(
            maximum=vcpus,
            current=online,
            weight=_whole(weight) if weight else None,
            cap=_whole(told.get("cpu_cap") or "0"),
        ),
        boot=Boot(virt=_KINDS.get(kind or "", "pv")),
        on_poweroff=told.get("on_poweroff"),
        on_reboot=told.get("on_reboot"),
        on_crash=told.get("on_crash") or "restart",
        disks=tuple(d for d in devices if isinstance(d, Disk)),
        interfaces=tuple(d for d in devices if isinstance(d, Interface)),
        pci=tuple(
            function
            for node in children(tree, "device")
            if len(node) > 1 and key_of(node[1]) == "pci"
            for function in functions(node[1])
        ),
    )
