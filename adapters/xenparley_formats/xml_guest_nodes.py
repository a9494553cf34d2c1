"""The domain element and its parts other than devices: their nodes in domain XML."""

from __future__ import annotations

from typing import Any

from xenparley.domain.config import (
    Boot,
    Clock,
    Feature,
    GuestConfig,
    Loader,
    Timer,
    VcpuPin,
    Vcpus,
)
from xenparley.domain.identity import printable
from xenparley_formats.xml_device_nodes import DEVICES
from xenparley_formats.xml_make import maker
from xenparley_formats.xml_node import MANY, NAMED, ONE, SCALARS, SETTINGS, Node, Values, values_of
from xenparley_formats.xml_run import ReadRun
from xenparley_formats.xml_words import INT, SPACES, UUID, YESNO, to_kib

__all__ = ["DOMAIN", "FEATURES", "GROUPS"]

#: Features that libvirt knows; strict reading refuses others.
FEATURES = (
    "acpi",
    "apic",
    "hap",
    "pae",
    "privnet",
    "viridian",
    "pvspinlock",
    "pmu",
    "vmport",
)
#: Features that hold features.
GROUPS = {
    "hyperv": (
        "relaxed",
        "vapic",
        "spinlocks",
        "vpindex",
        "runtime",
        "synic",
        "stimer",
        "reset",
        "frequencies",
        "reenlightenment",
        "tlbflush",
        "ipi",
        "evmcs",
    ),
    "xen": ("e820_host", "passthrough"),
}

_TYPES = {"linux": "pv", "xen": "pv", "hvm": "hvm", "xenpvh": "pvh"}
_SPELLING = {"pv": "linux", "hvm": "hvm", "pvh": "xenpvh"}

_VCPUS = {
    "_vcpus": "maximum",
    "_vcpus_current": "current",
    "_cpuset": "cpuset",
    "_placement": "placement",
    "_pins": "pins",
    "_weight": "weight",
    "_cap": "cap",
}
_VCPUS_MAKER = maker(Vcpus)
_BOOT_MAKER = maker(Boot)


def _memory_hook(field: str) -> Any:
    unit_field = f"{field}_unit"

    def hook(element: Any, values: Values, run: ReadRun) -> None:
        unit = values.pop(unit_field, None)
        amount = values.get(field)
        if amount is None:
            return
        try:
            values[field], exact = to_kib(amount, unit)
        except ValueError as exc:
            run.problem(element, str(exc))
            del values[field]
            return
        if not exact:
            run.warn(element, f"{amount} {unit} was rounded up to {values[field]} KiB")

    return hook


def _type_hook(element: Any, values: Values, run: ReadRun) -> None:
    spelling = (values.pop("_os_type", None) or "").strip(SPACES)
    virt = _TYPES.get(spelling)
    if virt is None:
        known = ", ".join(sorted(_TYPES))
        run.problem(element, f"unknown type {printable(spelling, limit=80)!r}: one of {known}")
        return
    values["virt"] = virt
    if _SPELLING[virt] != spelling:
        values["type_name"] = spelling


def _unfold_boot(boot: Boot) -> Values:
    values: Values = values_of(boot)
    values["_os_type"] = boot.type_name or _SPELLING.get(boot.virt, boot.virt)
    return values


def _clock_hook(element: Any, values: Values, run: ReadRun) -> None:
    sync = values.pop("_sync", None)
    if sync is not None and values.setdefault("offset", sync) != sync:
        run.problem(element, "sync, the old spelling of offset, contradicts it", "@sync")


def _domain_hook(element: Any, values: Values, run: ReadRun) -> None:
    kind = values.pop("_domain_type", None)
    if kind != "xen":
        shown = "none" if kind is None else repr(printable(kind, limit=80))
        run.problem(element, f"the domain's type must be 'xen', not {shown}", "@type")
    start = values.pop("_start", None)
    maximum = values.pop("_maximum", None)
    if start is not None:
        values["memory_kib"] = start
        values["max_memory_kib"] = 0 if maximum is None else maximum
    elif maximum is not None:
        values["memory_kib"] = maximum
    found = {_VCPUS[raw]: values.pop(raw) for raw in _VCPUS.keys() & values.keys()}
    if found:
        values["vcpus"] = _VCPUS_MAKER.make(found)
    if "_bootloader" in values or "_bootloader_args" in values:
        boot = {
            "bootloader": values.pop("_bootloader", None),
            "bootloader_args": values.pop("_bootloader_args", None),
        }
        held = values.get("boot")
        known = {} if held is None else values_of(held)
        values["boot"] = _BOOT_MAKER.make(known | boot)


def _unfold_domain(config: GuestConfig) -> Values:
    values: Values = values_of(config)
    values["_domain_type"] = "xen"
    values["_maximum"] = config.maximum_kib
    values["_maximum_unit"] = "KiB"
    if config.max_memory_kib is not None:
        values["_start"] = config.memory_kib
        values["_start_unit"] = "KiB"
    for raw, name in _VCPUS.items():
        values[raw] = getattr(config.vcpus, name)
    values["_bootloader"] = config.boot.bootloader
    values["_bootloader_args"] = config.boot.bootloader_args
    return values


def _memory(tag: str, field: str) -> Node:
    return Node(
        tag,
        attrs={"unit": f"{field}_unit"},
        text=(field, INT),
        hook=_memory_hook(field),
    )


_LOADER = Node(
    "loader",
    ONE,
    cls=Loader,
    field="loader",
    attrs={"readonly": ("readonly", YESNO), "secure": ("secure", YESNO), "type": "type"},
    text="path",
)

_OS = Node(
    "os",
    ONE,
    cls=Boot,
    field="boot",
    dump=_unfold_boot,
    attrs={"firmware": "firmware"},
    children=[
        Node(
            "type",
            attrs={"arch": "arch", "machine": "machine"},
            text="_os_type",
            hook=_type_hook,
        ),
        _LOADER,
        Node("nvram", text="nvram"),
        Node("kernel", text="kernel"),
        Node("initrd", text="initrd"),
        Node("cmdline", text="cmdline"),
        Node("root", text="root"),
        Node(
            "boot",
            SCALARS,
            field="devices",
            attrs={"dev": "devices"},
            required={"devices": "needs a dev"},
        ),
        Node("bootmenu", attrs={"enable": ("menu", YESNO)}),
    ],
)

_TIMER = Node(
    "timer",
    MANY,
    cls=Timer,
    field="timers",
    attrs={
        "name": "name",
        "tickpolicy": "tickpolicy",
        "mode": "mode",
        "present": ("present", YESNO),
    },
    required={"name": "a timer needs a name"},
)

_CLOCK = Node(
    "clock",
    ONE,
    cls=Clock,
    field="clock",
    hook=_clock_hook,
    attrs={
        "offset": "offset",
        "adjustment": "adjustment",
        "basis": "basis",
        "timezone": "timezone",
        "sync": "_sync",
    },
    children=[_TIMER],
)

_PIN = Node(
    "vcpupin",
    MANY,
    cls=VcpuPin,
    field="_pins",
    attrs={"vcpu": ("vcpu", INT), "cpuset": "cpuset"},
    required={"vcpu": "needs a vcpu", "cpuset": "needs a cpuset"},
)

DOMAIN = Node(
    "domain",
    ONE,
    cls=GuestConfig,
    hook=_domain_hook,
    dump=_unfold_domain,
    attrs={"type": "_domain_type", "id": ("domid", INT)},
    required={"name": "a guest needs a <name>"},
    children=[
        Node("name", text="name"),
        Node("uuid", text=("uuid", UUID)),
        Node("title", text="title"),
        Node("description", text="description"),
        _memory("memory", "_maximum"),
        _memory("currentMemory", "_start"),
        Node(
            "vcpu",
            attrs={
                "placement": "_placement",
                "cpuset": "_cpuset",
                "current": ("_vcpus_current", INT),
            },
            text=("_vcpus", INT),
        ),
        Node("cputune", children=[_PIN]),
        Node("bootloader", text="_bootloader"),
        Node("bootloader_args", text="_bootloader_args"),
        _OS,
        Node(
            "features",
            NAMED,
            cls=Feature,
            field="features",
            attrs={"state": "state", "mode": "mode"},
        ),
        _CLOCK,
        Node("on_poweroff", text="on_poweroff"),
        Node("on_reboot", text="on_reboot"),
        Node("on_crash", text="on_crash"),
        DEVICES,
        Node(
            SETTINGS,
            attrs={
                "weight": ("_weight", INT),
                "cap": ("_cap", INT),
                "cpupool": "cpupool",
                "autostart": ("autostart", YESNO),
                "on_watchdog": "on_watchdog",
                "on_soft_reset": "on_soft_reset",
            },
        ),
    ],
)
DOMAIN.place()
