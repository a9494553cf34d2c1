"""What a host can run, from ``xen_caps``, /proc/cpuinfo and the release."""

from __future__ import annotations

import re
from collections.abc import Iterable

from xenparley.domain.host import GuestArch, HostCapabilities, NumaNode, XenVersion

__all__ = ["cpu_features", "guest_archs", "host_capabilities"]

# kind, a number that stayed 3.0 for good, architecture, PAE or big-endian
_WORD = re.compile(
    r"(xen|hvm)-[0-9]+\.[0-9]+-(x86_32|x86_64|ia64|powerpc64|aarch64|armv7l)(p|be)?", re.ASCII
)
_NAMES = {"x86_32": "i686", "powerpc64": "ppc64"}
_WORDSIZE = {"i686": 32, "armv7l": 32}
_MACHINES = {"pv": "xenpv", "hvm": "xenfv", "pvh": "xenpvh"}
_LOADER = "/usr/lib/xen/boot/hvmloader"
#: As libvirt: more kinds than these are never told.
_MOST = 32
_MAX_TEXT = 1 << 20


def cpu_features(cpuinfo: str) -> tuple[str, ...]:
    """Return which of ``vmx``, ``svm`` and ``pae`` the first CPU's flags in /proc/cpuinfo name."""
    for line in cpuinfo[:_MAX_TEXT].splitlines():
        name, colon, flags = line.partition(":")
        if colon and name.strip() == "flags":
            words = set(flags.split())
            return tuple(feature for feature in ("vmx", "svm", "pae") if feature in words)
    return ()


def guest_archs(
    xen_caps: str, *, arch: str = "x86_64", version: XenVersion | None = None
) -> tuple[GuestArch, ...]:
    """Return the kinds of guests that ``xen_caps`` names, each once, in its order.

    ``arch`` is the host's: it says where the device model lies. Since 4.10 a host that takes hvm
    guests takes PVH guests too. On Arm all guests are PVH in today's words. Unknown words are
    kinds that nothing is known of: they are passed over.
    """
    release = (0, 0) if version is None else (version.major, version.minor)
    seen: dict[tuple[str, str], set[str]] = {}
    for word in xen_caps[:_MAX_TEXT].split():
        match = _WORD.fullmatch(word)
        if match is None or len(seen) >= _MOST:
            continue
        kind, cpu, suffix = match.groups()
        name = _NAMES.get(cpu, cpu) + ("_be" if suffix == "be" else "")
        virt = "hvm" if kind == "hvm" else "pvh" if cpu in ("aarch64", "armv7l") else "pv"
        seen.setdefault((virt, name), set()).add(suffix or "")
        if virt == "hvm" and release >= (4, 10):
            seen.setdefault(("pvh", name), set()).add(suffix or "")
    return tuple(
        GuestArch(
            virt=virt,
            arch=name,
            wordsize=_WORDSIZE.get(name, 64),
            pae=name == "i686" and "p" in suffixes,
            nonpae=name == "i686" and "" in suffixes,
            emulator=None if virt == "pvh" else _emulator(arch, release),
            loader=_LOADER if virt == "hvm" else None,
            machines=(_MACHINES[virt],),
        )
        for (virt, name), suffixes in seen.items()
    )


def _emulator(arch: str, release: tuple[int, int]) -> str:
    """Return the device model: qemu-dm came with XenD, its successor with xl alone (4.5)."""
    if release >= (4, 5):
        return "/usr/lib/xen/bin/qemu-system-i386"
    return f"/usr/lib{'64' if arch == 'x86_64' else ''}/xen/bin/qemu-dm"


def host_capabilities(
    xen_caps: str,
    *,
    cpuinfo: str = "",
    arch: str = "x86_64",
    version: XenVersion | None = None,
    nodes: Iterable[NumaNode] = (),
) -> HostCapabilities:
    """Return what a host can run.

    ``xen_caps`` is the line of `xl info`, /sys/hypervisor/properties/capabilities or XenD's node.
    ``version`` None: features that depend on the release are not told.
    """
    return HostCapabilities(
        arch=arch,
        cpu_features=cpu_features(cpuinfo),
        guests=guest_archs(xen_caps, arch=arch, version=version),
        migration_transports=("xenmigr",),
        version=version,
        nodes=tuple(nodes),
    )
