"""The hypervisor's capabilities text: which kinds of guests it takes."""

from __future__ import annotations

import re

from xenparley.domain.host import GuestArch

__all__ = ["guest_archs"]

#: ``xen-3.0-x86_32p``: kind, a number that stayed 3.0 for good, architecture, PAE or big-endian.
_WORD = re.compile(r"(xen|hvm)-\d+\.\d+-(x86_32|x86_64|aarch64|armv7l|ia64|powerpc64)(p|be)?")
_ARCHES = {"x86_32": ("i686", 32), "armv7l": ("armv7l", 32)}


def guest_archs(text: str, version: tuple[int, int]) -> tuple[GuestArch, ...]:
    """Return the kinds of guests that the text names, each once, in its order.

    From 4.10 on a host that takes HVM guests takes PVH guests too. ARM says ``xen`` for guests
    that are all hardware-assisted without a device model: PVH in today's words.
    """
    pae: dict[tuple[str, str], set[str]] = {}
    for word in text.split()[:64]:
        match = _WORD.fullmatch(word)
        if match is None:
            continue
        kind, arch, suffix = match.groups()
        on_arm = arch in ("aarch64", "armv7l")
        virt = "hvm" if kind == "hvm" else "pvh" if on_arm else "pv"
        name = _ARCHES.get(arch, (arch + ("_be" if suffix == "be" else ""), 64))[0]
        pae.setdefault((virt, name), set()).add("p" if suffix == "p" else "")
        if virt == "hvm" and version >= (4, 10):
            pae.setdefault(("pvh", name), set()).add("p" if suffix == "p" else "")
    return tuple(
        GuestArch(
            virt=virt,
            arch=arch,
            wordsize=32 if arch in ("i686", "armv7l") else 64,
            pae=arch == "i686" and "p" in seen,
            nonpae=arch == "i686" and "" in seen,
        )
        for (virt, arch), seen in pae.items()
    )
