"""What `xl info`, `uptime`, `claims` and `cpupool-list` print, of every release."""

from __future__ import annotations

import re
from collections.abc import Mapping

from xenparley.domain.errors import ProtocolError
from xenparley.domain.host import GuestArch, HostCapabilities, HostInfo, NumaNode, XenVersion
from xenparley.domain.identity import printable

__all__ = [
    "capabilities_of",
    "host_info_of",
    "number",
    "parse_claims",
    "parse_info",
    "parse_numa",
    "parse_pool_cpus",
    "parse_pools",
    "parse_uptime",
    "version_of",
]

_PAIR = re.compile(r"([a-z][a-z0-9_]*)[ \t]*: ?(.*)")
_KIND = re.compile(r"(xen|hvm)-\d+\.\d+-(x86_32|x86_64|ia64|armv7l|aarch64|arm64)(p|be)?")


def parse_info(text: str) -> dict[str, str]:
    """Read the ``key : value`` lines of `xl info`. Raises ProtocolError when none is Xen's."""
    found: dict[str, str] = {}
    for line in text.split("\n"):
        match = _PAIR.fullmatch(line.rstrip())
        if match is not None:
            found.setdefault(match[1], match[2].strip())
    if "xen_major" not in found or "nr_cpus" not in found:
        raise ProtocolError(f"not what xl info prints: {printable(text, limit=120)!r}")
    return found


def number(info: Mapping[str, str], key: str) -> int | None:
    """Return a number of `xl info`; None when it isn't told."""
    match = re.match(r"\d{1,18}", info.get(key, ""))
    return int(match[0]) if match else None


def version_of(info: Mapping[str, str]) -> XenVersion | None:
    """Return Xen's release."""
    major, minor = number(info, "xen_major"), number(info, "xen_minor")
    if major is None or minor is None:
        return None
    return XenVersion(major, minor, info.get("xen_extra", ""))


def host_info_of(info: Mapping[str, str]) -> HostInfo:
    """Return the host's facts. xl counts memory in MiB and the clock in MHz."""
    total, free = number(info, "total_memory"), number(info, "free_memory")
    claimed = number(info, "outstanding_claims")
    cpus, nodes = number(info, "nr_cpus"), number(info, "nr_nodes")
    cores, threads = number(info, "cores_per_socket"), number(info, "threads_per_core")
    mhz = re.match(r"\d{1,9}(?:\.\d{1,3})?", info.get("cpu_mhz", ""))
    sockets = None
    if cpus and cores and threads:
        sockets = max(1, cpus // (cores * threads * (nodes or 1)))
    return HostInfo(
        hostname=info.get("host") or None,
        version=version_of(info),
        capabilities=info.get("xen_caps") or None,
        machine=info.get("machine") or None,
        cpus=cpus,
        cpu_khz=round(float(mhz[0]) * 1000) if mhz else None,
        nodes=nodes,
        sockets=sockets,
        cores=cores,
        threads=threads,
        memory_kib=None if total is None else total * 1024,
        free_memory_kib=None if free is None else free * 1024,
        claimed_memory_kib=None if claimed is None else claimed * 1024,
        scheduler=info.get("xen_scheduler") or None,
        changeset=info.get("xen_changeset") or None,
        commandline=info.get("xen_commandline") or None,
        build_id=info.get("build_id") or None,
        xend_config_format=number(info, "xend_config_format"),
    )


def capabilities_of(info: Mapping[str, str]) -> HostCapabilities:
    """Return what the host can run, by ``xen_caps``. PVH guests: Xen 4.10 with HVM."""
    version = version_of(info)
    guests = []
    for word in info.get("xen_caps", "").split():
        match = _KIND.fullmatch(word)
        if match is None:
            continue
        arch = "i686" if match[2] == "x86_32" else match[2]
        wordsize = 32 if match[2] in ("x86_32", "armv7l") else 64
        virts = ["pv"] if match[1] == "xen" else ["hvm"]
        if match[1] == "hvm" and version is not None and (version.major, version.minor) >= (4, 10):
            virts.append("pvh")
        guests += [
            GuestArch(virt=virt, arch=arch, wordsize=wordsize, pae=match[3] == "p")
            for virt in virts
        ]
    return HostCapabilities(
        arch=info.get("machine") or "x86_64",
        guests=tuple(guests),
        migration_transports=("ssh",),
        version=version,
    )


_CPU = re.compile(r" *(\d{1,5}): +(\d+|-) +(\d+|-) +(\d+|-) *")
_NODE = re.compile(r" *(\d{1,5}): +(\d{1,12}) +(\d{1,12})(?: .*)?")


def parse_numa(text: str) -> list[NumaNode]:
    """Read the tables of `xl info -n`: ``cpu: core socket node``, ``node: memsize memfree ...``."""
    cpus: dict[int, list[int]] = {}
    nodes: list[tuple[int, int, int]] = []
    table = None
    for line in text.split("\n"):
        head = line.split(":")[0].strip()
        if head in ("cpu", "node"):
            table = head
        elif table == "cpu" and (match := _CPU.fullmatch(line)) and match[4] != "-":
            cpus.setdefault(int(match[4]), []).append(int(match[1]))
        elif table == "node" and (match := _NODE.fullmatch(line)):
            nodes.append((int(match[1]), int(match[2]), int(match[3])))
    return [
        NumaNode(
            number=node,
            cpus=tuple(sorted(cpus.get(node, ()))),
            memory_kib=size * 1024,
            free_kib=min(free, size) * 1024,
        )
        for node, size, free in sorted(set(nodes))
    ]


_UPTIME = re.compile(
    r".*[ ](\d{1,5}) +(?:(\d{1,6}) days?, +)?(\d{1,3}):(\d{1,2})(?::(\d{1,2}))?\s*"
)


def parse_uptime(text: str) -> dict[int, int]:
    """Read `xl uptime`: seconds since the start by domain id; lines of another kind are skipped."""
    found = {}
    for line in text.split("\n"):
        match = _UPTIME.fullmatch(line)
        if match is not None:
            days, hours, minutes, seconds = (int(match[n] or 0) for n in (2, 3, 4, 5))
            found[int(match[1])] = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    return found


_CLAIM = re.compile(r".*[ ](\d{1,5}) +\d+ +\d+ +[a-zA-Z-]{6} +[\d.]+ +(\d{1,12})\s*")


def parse_claims(text: str) -> dict[int, int]:
    """Read `xl claims` (Xen 4.3 and later): claimed KiB by domain id."""
    found = {}
    for line in text.split("\n"):
        match = _CLAIM.fullmatch(line)
        if match is not None:
            found[int(match[1])] = int(match[2]) * 1024
    return found


_POOL = re.compile(
    r"(?P<name>\S.*?) +(?P<cpus>\d+) +(?P<sched>[a-z0-9_]+) +(?P<on>[yn]) +(?P<n>\d+)\s*"
)


def parse_pools(text: str) -> list[tuple[str, str, int]]:
    """Read `xl cpupool-list`: name, scheduler, number of guests. Raises ProtocolError."""
    lines = _behind_head(text)
    found = []
    for line in lines:
        match = _POOL.fullmatch(line)
        if match is not None:
            found.append((match["name"], match["sched"], int(match["n"])))
    if not found:
        raise ProtocolError(f"not a table of xl cpupool-list: {printable(text, limit=120)!r}")
    return found


def parse_pool_cpus(text: str) -> dict[str, tuple[int, ...]]:
    """Read `xl cpupool-list -c`: host CPUs by the pool's name."""
    found = {}
    for line in _behind_head(text):
        match = re.fullmatch(r"(\S.*?) +(\d+(?:,\d+)*)?\s*", line)
        if match is not None:
            found[match[1]] = tuple(int(n) for n in (match[2] or "").split(",") if n)
    return found


def _behind_head(text: str) -> list[str]:
    lines = text.split("\n")
    for place, line in enumerate(lines):
        if line.startswith("Name"):
            return [line for line in lines[place + 1 :] if line.strip()]
    raise ProtocolError(f"not a table of xl cpupool-list: {printable(text, limit=120)!r}")
