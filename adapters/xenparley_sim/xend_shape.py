"""What XenD adds to a configuration when it shows a guest: recorded from 3.1.0 and 4.1.6."""

from __future__ import annotations

import uuid as uuids

from xenparley_sim.xend_config import put
from xenparley_wire.sxp import Sexp
from xenparley_wire.sxp_tree import child, children, key_of, pairs, text

__all__ = ["complete"]

_DISKS = ("vbd", "tap", "tap2")
_TOP: tuple[tuple[str, str], ...] = (
    ("on_poweroff", "destroy"),
    ("on_reboot", "restart"),
    ("on_crash", "restart"),
    ("vcpus", "1"),
    ("bootloader", ""),
    ("bootloader_args", ""),
    ("shadow_memory", "0"),
    ("cpu_weight", "256"),
    ("cpu_cap", "0"),
    ("features", ""),
    ("on_xend_start", "ignore"),
    ("on_xend_stop", "ignore"),
)
_IMAGE_4 = (("superpages", "0"), ("nomigrate", "0"), ("tsc_mode", "0"))
_HVM_4 = (
    ("hpet", "0"),
    ("xen_platform_pci", "1"),
    ("rtc_timeoffset", "0"),
    ("timer_mode", "1"),
    ("vpt_align", "1"),
    ("viridian", "0"),
)


def complete(shown: list[Sexp], *, domid: int | None, new: bool, major: int) -> None:
    """Add to ``(domain ...)`` what it lacks. ``domid`` None: dormant; ``new``: just created."""
    for key, value in _TOP:
        _default(shown, key, value)
    count = int(text(shown, "vcpus") or "1")
    _default(shown, "vcpu_avail", str((1 << count) - 1))
    if major < 4:
        # It knows the key, and drops it.
        shown[:] = [node for node in shown if key_of(node) != "description"]
    else:
        _default(shown, "pool_name", "Pool-0")
        _default(shown, "cpus", [[] for _ in range(count)])
        if domid != 0:
            _default(shown, "description", "")
    image = _image(shown)
    hvm = key_of(image) == "hvm"
    if hvm:
        _hvm(shown, image, major)
    elif key_of(image) == "linux":
        _linux(shown, image, major)
    if major >= 4:
        for key, value in _IMAGE_4:
            _default(image, key, value)
    if domid is not None:
        if major < 4 and not new:
            _default(image, "rtc_timeoffset", "0")
        if domid:
            if major >= 4:
                _default(image, "pci", [])
            if child(image, "notes") is None:
                image.append(["notes", ["SUSPEND_CANCEL", "1"]] if hvm else ["notes"])
    _devices(shown, living=domid is not None, major=major)


def _default(tree: list[Sexp], key: str, value: Sexp) -> None:
    if child(tree, key) is None:
        tree.append([key, value])


def _image(shown: list[Sexp]) -> list[Sexp]:
    found = child(shown, "image")
    inner = found[1] if found is not None and len(found) > 1 else None
    if isinstance(inner, list):
        _default(inner, "kernel", "")
        return inner
    made: list[Sexp] = ["linux", ["kernel", ""]]
    shown.append(["image", made])
    return made


def _linux(shown: list[Sexp], image: list[Sexp], major: int) -> None:
    """``root`` is a part of the kernel's arguments from then on."""
    root = child(image, "root")
    if root is not None:
        image.remove(root)
        words = [f"root={text([image[0], root], 'root')}", pairs(image).get("args", "")]
        put(image, "args", " ".join(word for word in words if word))
    if major >= 4 and any(key_of(node[1]) == "vfb" for node in _nodes(shown)):
        _default(image, "device_model", "/usr/lib/xen/bin/qemu-dm")


def _hvm(shown: list[Sexp], image: list[Sexp], major: int) -> None:
    for key in ("vcpus", "cdrom"):
        found = child(image, key)
        if found is not None:
            image.remove(found)
    told = pairs(image)
    if major >= 4:
        _default(image, "loader", told.get("kernel", ""))
        put(image, "kernel", "")
        for key, value in _HVM_4:
            _default(image, key, value)
    if "vnc" in told and all(key_of(node[1]) != "vfb" for node in _nodes(shown)):
        keys = ("vncunused", "vnclisten", *(("vnc", "keymap") if major >= 4 else ()))
        shown.append(["device", ["vfb", *([key, told[key]] for key in keys if key in told)]])


def _nodes(shown: list[Sexp]) -> list[list[Sexp]]:
    return [
        node for node in children(shown, "device") if len(node) > 1 and isinstance(node[1], list)
    ]


def _devices(shown: list[Sexp], *, living: bool, major: int) -> None:
    owner = text(shown, "uuid") or ""
    disks = 0
    for number, node in enumerate(_nodes(shown)):
        inner = node[1]
        assert isinstance(inner, list)
        kind = key_of(inner)
        told = pairs(inner)
        named = told.get("dev") or told.get("mac") or str(number)
        name = named.partition(":")[0] if kind in _DISKS else named
        _default(inner, "uuid", str(uuids.uuid5(uuids.NAMESPACE_OID, f"{owner} {kind} {name}")))
        if kind in _DISKS:
            _default(inner, "bootable", str(int(not disks)))
            disks += 1
            if not living:
                _default(inner, "driver", "paravirtualised")
            elif major >= 4:
                _default(inner, "VDI", "")
        if kind == "vfb" and major >= 4 and told.get("type") == "vnc":
            inner[:] = [part for part in inner if key_of(part) != "type"]
            _default(inner, "vnc", "1")
        if living and kind in ("vif", *_DISKS):
            _default(inner, "backend", "0")
            if kind == "vif" and major < 4:
                _default(inner, "type", "netfront")
