"""The host: what ``/xend/node`` tells."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from xenparley.domain.host import GuestArch, HostCapabilities, HostInfo
from xenparley.negotiation.capability import Capability
from xenparley_wire.sxp_tree import pairs
from xenparley_xend.release import number
from xenparley_xend.rows import MIB

if TYPE_CHECKING:
    from xenparley_xend.calls import Calls

__all__ = ["HostPort"]

C = Capability
_RING_LIMIT: Final = 1 << 20
_CAPABILITY: Final = re.compile(
    r"(xen|hvm)-3\.\d+-(x86_32p?|x86_64|ia64|powerpc64|armv7l|aarch64)(be)?"
)
_ARCHES: Final = {"x86_32": "i686", "x86_32p": "i686", "powerpc64": "ppc64"}
_MACHINES: Final = {"i386": "i686", "i486": "i686", "i586": "i686", "x86_32": "i686"}
_WIDE: Final = frozenset({"x86_64", "ia64", "ppc64", "aarch64"})


class HostPort:
    """Facts about the host."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def host_info(self, *, deadline: float) -> HostInfo:
        """Return what XenD knows of the host."""
        with self._calls.call(C.HOST_INFO, deadline):
            told = pairs(self._calls.look(deadline))
            release = self._calls.release
            cpus, nodes = number(told.get("nr_cpus")), number(told.get("nr_nodes"))
            cores, threads = (
                number(told.get(key)) for key in ("cores_per_socket", "threads_per_core")
            )
            memory, free = (number(told.get(key)) for key in ("total_memory", "free_memory"))
            mhz = number(told.get("cpu_mhz"))
            return HostInfo(
                hostname=told.get("host") or None,
                version=release.version,
                capabilities=(told.get("xen_caps") or "").strip() or None,
                machine=told.get("machine") or None,
                cpus=cpus or None,
                cpu_khz=mhz * 1000 if mhz else None,
                nodes=nodes or None,
                sockets=_sockets(number(told.get("sockets_per_node")), cpus, nodes, cores, threads),
                cores=cores or None,
                threads=threads or None,
                memory_kib=memory * MIB if memory else None,
                free_memory_kib=None if free is None else free * MIB,
                scheduler=told.get("xen_scheduler") or None,
                changeset=told.get("xen_changeset") or None,
                commandline=told.get("xen_commandline") or None,
                xend_config_format=number(told.get("xend_config_format")) or 1,
            )

    def host_capabilities(self, *, deadline: float) -> HostCapabilities:
        """Return the kinds of guests that ``xen_caps`` lists."""
        with self._calls.call(C.HOST_CAPABILITIES, deadline):
            told = pairs(self._calls.look(deadline))
            machine = told.get("machine") or ""
            arch = _MACHINES.get(machine, machine) or "x86_64"
            guests: dict[tuple[str, str], GuestArch] = {}
            for word in (told.get("xen_caps") or "").split():
                match = _CAPABILITY.fullmatch(word)
                if match is None:
                    continue
                virt = "pv" if match[1] == "xen" else "hvm"
                kind = _ARCHES.get(match[2], match[2])
                pae = match[2] == "x86_32p"
                old = guests.get((virt, kind))
                guests[virt, kind] = GuestArch(
                    virt=virt,
                    arch=kind,
                    wordsize=64 if kind in _WIDE else 32,
                    pae=pae or (old is not None and old.pae),
                    nonpae=match[2] == "x86_32" or (old is not None and old.nonpae),
                )
            return HostCapabilities(
                arch=arch,
                guests=tuple(guests.values()),
                migration_transports=("xenmigr",),
                version=self._calls.release.version,
            )

    def console_ring(self, *, deadline: float) -> str:
        """Return the hypervisor's messages."""
        with self._calls.call(C.CONSOLE_RING, deadline) as door:
            text = door.dmesg(deadline)
            raw = text.encode("utf-8", "backslashreplace")
            return text if len(raw) <= _RING_LIMIT else raw[-_RING_LIMIT:].decode("utf-8", "ignore")


def _sockets(
    told: int | None, cpus: int | None, nodes: int | None, cores: int | None, threads: int | None
) -> int | None:
    """Return the sockets in a node: told up to 3.1, computed since."""
    if told:
        return told
    each = (nodes or 0) * (cores or 0) * (threads or 0)
    return cpus // each or None if cpus and each else None
