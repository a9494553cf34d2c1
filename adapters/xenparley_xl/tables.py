"""The tables that xl prints, of every release: read from their right, since names hold anything.

Formats are those of xl_cmdimpl.c (4.1 to 4.8) and tools/xl/xl_list.c, xl_vcpu.c, xl_sched.c and
xl_block.c since; columns that were added at a line's end are let pass.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from xenparley.domain.errors import ProtocolError
from xenparley.domain.identity import MAX_DOMID, printable
from xenparley.domain.runstate import RunFlags

__all__ = [
    "DiskRow",
    "GuestLine",
    "NicRow",
    "PciRow",
    "VcpuRow",
    "cpu_set",
    "parse_block_list",
    "parse_list",
    "parse_network_list",
    "parse_pci_list",
    "parse_scheduler",
    "parse_vcpu_list",
]

_FLAGS = (RunFlags.RUNNING, RunFlags.BLOCKED, RunFlags.PAUSED, RunFlags.SHUTDOWN)
#: The fifth letter is the shutdown reason; ``?`` one that this xl has no letter for.
_REASONS = "-rscwS"
_LINE = re.compile(
    r"(?P<name>.*)[ ](?P<domid>\d{1,5}) +(?P<mem>\d{1,15}) +(?P<vcpus>\d{1,7})"
    r"[ \t]+(?P<state>[r-][b-][p-][s-][rscwS?-][d-])[ \t]+(?P<time>\d{1,12}(?:\.\d+)?)"
    r"(?: +(?P<uuid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    r"(?:[ \t]+(?P<reason>[0-9a-f]{1,8}|-)(?=[ \t]|\Z))?)?(?:[ \t].*)?",
    re.DOTALL,
)
#: XenStore's values have 2048 bytes at most; one that is no text is shown as escapes of 4.
_ROW_MAX = 12288
_HEAD = re.compile(r"Name +ID +Mem +VCPUs\s+State\s+Time\(s\)")


class GuestLine(NamedTuple):
    """A line of ``xl list -v``. Sizes in KiB (whole MiB), CPU time in ns (tenths of a second).

    ``name`` None: xl printed ``(null)``, there is none in XenStore. ``reason`` None: not shut
    down, or not told.
    """

    domid: int
    name: str | None
    memory_kib: int
    vcpus: int
    flags: RunFlags
    reason: int | None
    cpu_time_ns: int
    uuid: str | None


def parse_list(text: str) -> list[GuestLine]:
    """Read ``xl list -v`` (or plain). A name may hold line ends: its row is put together again.

    Raises ProtocolError for what is no such table; a row that is cut off is left out only when
    nothing follows it: it would be a truncated answer, so that is an error too.
    """
    if text and not text.endswith("\n"):
        raise ProtocolError("xl list: its answer was cut off")
    lines = text.split("\n")
    while lines and not _HEAD.match(lines[0]):
        lines.pop(0)  # xl's own warnings go before the table in some releases
    if not lines:
        raise ProtocolError(f"not a table of xl list: {printable(text, limit=80)!r}")
    found: list[GuestLine] = []
    pending = ""
    for line in lines[1:]:
        joined = f"{pending}\n{line}" if pending else line
        if len(joined) > _ROW_MAX:
            raise ProtocolError(f"xl list: a row of more than {_ROW_MAX} characters")
        match = _LINE.fullmatch(joined) if joined.strip() else None
        if match is None:
            pending = joined
            continue
        pending = ""
        found.append(_guest(match))
    if pending.strip():
        raise ProtocolError(
            f"xl list: a row that makes no sense: {printable(pending, limit=120)!r}"
        )
    ids = [row.domid for row in found]
    if ids != sorted(set(ids)):
        # xl asks the hypervisor, which tells them in order: a name pretends to be a row.
        raise ProtocolError(f"xl list: domain ids out of order: {ids[:20]}")
    return found


def _guest(match: re.Match[str]) -> GuestLine:
    domid = int(match["domid"])
    if domid > MAX_DOMID:
        raise ProtocolError(f"xl list: {domid} is no domain id")
    letters = match["state"]
    flags = RunFlags.NONE
    for letter, flag in zip(letters[:4], _FLAGS, strict=True):
        if letter != "-":
            flags |= flag
    if letters[5] == "d":
        flags |= RunFlags.DYING
    # Padded with blanks, to 40 characters.
    name = match["name"].rstrip(" ")
    return GuestLine(
        domid=domid,
        name=None if name == "(null)" else name,
        memory_kib=int(match["mem"]) * 1024,
        vcpus=int(match["vcpus"]),
        flags=flags,
        reason=_reason(letters, match["reason"]),
        cpu_time_ns=_tenths(match["time"]),
        uuid=match["uuid"],
    )


def _reason(letters: str, code: str | None) -> int | None:
    if letters[3] != "s":
        return None
    if code is not None and code != "-":
        return int(code, 16)
    # Without a code it is 4.1, which has a letter for a crash only.
    place = _REASONS.find(letters[4])
    return None if place <= 0 else place


def _tenths(text: str) -> int:
    whole, _, part = text.partition(".")
    return int(whole) * 1_000_000_000 + int((part + "000000000")[:9])


class VcpuRow(NamedTuple):
    """A line of ``xl vcpu-list``. ``affinity`` as printed: ``all``, ``any cpu``, ``0-3,7``."""

    domid: int
    number: int
    online: bool
    cpu: int | None
    state: str
    cpu_time_ns: int
    affinity: str
    soft: str | None


_VCPU = re.compile(
    r".*?[ ](?P<domid>\d{1,5}) +(?P<number>\d{1,7}) +(?P<cpu>\d{1,7}|-) +"
    r"(?P<state>[rb-]{2}[p-]|--p) +(?P<time>\d{1,12}(?:\.\d+)?)[ ]+"
    r"(?P<hard>any cpu|no cpu|none|all|[0-9][0-9,^-]*)"
    r"(?: +/ +(?P<soft>any cpu|none|all|[0-9][0-9,^-]*))?\s*",
    re.DOTALL,
)


def parse_vcpu_list(text: str, domid: int) -> list[VcpuRow]:
    """Read ``xl vcpu-list DOMID``. Raises ProtocolError for what is none."""
    rows = []
    seen_head = False
    for line in text.split("\n"):
        if not seen_head:
            seen_head = line.startswith("Name") and "VCPU" in line
            continue
        match = _VCPU.fullmatch(line)
        if match is None or int(match["domid"]) != domid:
            continue  # the first part of a name with a line end
        rows.append(
            VcpuRow(
                domid=domid,
                number=int(match["number"]),
                online=match["cpu"] != "-",
                cpu=None if match["cpu"] == "-" else int(match["cpu"]),
                state=match["state"],
                cpu_time_ns=_tenths(match["time"]),
                affinity=match["hard"],
                soft=match["soft"],
            )
        )
    numbers = [row.number for row in rows]
    if not seen_head or numbers != list(range(len(rows))):
        raise ProtocolError(f"not a table of xl vcpu-list: {printable(text, limit=120)!r}")
    return rows


def cpu_set(text: str, cpus: int | None) -> frozenset[int] | None:
    """Read an affinity. ``all`` needs the host's number of CPUs; None where it can't be told."""
    if text in ("all", "any cpu"):
        return None if cpus is None else frozenset(range(cpus))
    chosen: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", part)
        if match is None:
            return None
        first = int(match[1])
        chosen.update(range(first, int(match[2] or first) + 1))
    return frozenset(chosen)


class DiskRow(NamedTuple):
    """A line of ``xl block-list``; ``state`` is the front end's."""

    devid: int
    backend_domid: int
    state: int | None
    backend: str


class NicRow(NamedTuple):
    """A line of ``xl network-list``; ``state`` is the front end's."""

    devid: int
    backend_domid: int
    mac: str
    state: int | None
    backend: str


class PciRow(NamedTuple):
    """A line of ``xl pci-list``: the guest's slot, the host's address."""

    vdevfn: str
    address: str


_DISK = re.compile(
    r"(?P<dev>\d{1,10}) +(?P<be>\d{1,5}) +-?\d+ +(?P<state>-?\d{1,3}) +\S+ +\S+ +(?P<path>/\S+)\s*"
)
_NIC = re.compile(
    r"(?P<dev>\d{1,10}) +(?P<be>\d{1,5}) +(?P<mac>[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5})"
    r" +-?\d+ +(?P<state>-?\d{1,3}) +\S+ +-?\d+ */ *-?\d+ +(?P<path>/\S+)\s*"
)
_PCI = re.compile(
    r"(?P<slot>[0-9a-fA-F]{2}\.[0-7]) +(?P<bdf>[0-9a-fA-F]{4}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7])"
)


def parse_block_list(text: str) -> list[DiskRow]:
    """Read ``xl block-list DOMID``. Raises ProtocolError for what is none."""
    return [
        DiskRow(int(m["dev"]), int(m["be"]), _state(m["state"]), m["path"])
        for m in _rows(text, "Vdev", _DISK, "block-list")
    ]


def parse_network_list(text: str) -> list[NicRow]:
    """Read ``xl network-list DOMID``. Raises ProtocolError for what is none."""
    return [
        NicRow(int(m["dev"]), int(m["be"]), m["mac"].lower(), _state(m["state"]), m["path"])
        for m in _rows(text, "Idx", _NIC, "network-list")
    ]


def parse_pci_list(text: str) -> list[PciRow]:
    """Read ``xl pci-list DOMID``; without devices nothing is printed. Raises ProtocolError."""
    if not text.strip():
        return []
    return [
        PciRow(m["slot"].lower(), m["bdf"].lower()) for m in _rows(text, "Vdev", _PCI, "pci-list")
    ]


def _rows(text: str, head: str, row: re.Pattern[str], what: str) -> list[re.Match[str]]:
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines or not lines[0].startswith(head):
        raise ProtocolError(f"not a table of xl {what}: {printable(text, limit=120)!r}")
    matches = []
    for line in lines[1:]:
        match = row.fullmatch(line.strip())
        if match is None:
            raise ProtocolError(
                f"xl {what}: a row that makes no sense: {printable(line, limit=120)!r}"
            )
        matches.append(match)
    return matches


def _state(text: str) -> int | None:
    number = int(text)
    return number if 0 <= number <= 8 else None


def parse_scheduler(text: str, domid: int) -> dict[str, int]:
    """Read ``xl sched-... -d DOMID``: the numbers behind ID, by their columns in lower case.

    Raises ProtocolError for what is no such table.
    """
    columns: list[str] | None = None
    for line in text.split("\n"):
        words = line.split()
        if columns is None:
            if words[:2] == ["Name", "ID"]:
                columns = [word.lower() for word in words[2:]]
            continue
        if len(words) < len(columns) + 2:
            continue
        values = words[-len(columns) :] if columns else []
        if words[-len(columns) - 1] == str(domid):
            # rtds has a column of yes and no since 4.10.
            told = zip(columns, values, strict=True)
            return {name: int(value) for name, value in told if re.fullmatch(r"\d{1,15}", value)}
    raise ProtocolError(f"not a scheduler's table: {printable(text, limit=120)!r}")
