"""Looks at the host that owe nothing to xenparley: what its answers are checked against.

xl's table, XenStore's own client, the kernel's /sys/hypervisor and Xen's Python binding (C, over
libxenctrl) are four different ways to the same facts.
"""

from __future__ import annotations

import codecs
import importlib
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = [
    "Row",
    "command",
    "hypervisor",
    "in_dom0",
    "xc_domains",
    "xenstore_list",
    "xenstore_read",
    "xl_list",
]

BINDINGS = "/usr/lib/xen-4.17/lib/python"
# Name ID Mem VCPUs State Time(s) UUID Reason-Code ...: a name may hold blanks
ROW = re.compile(
    r"^(?P<name>.*?)\s+(?P<domid>\d+)\s+(?P<memory>\d+)\s+(?P<vcpus>\d+)\s+(?P<state>[rbpscd-]{6})\s+"
    r"(?P<seconds>[\d.]+)\s+(?P<uuid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\s+(?P<reason>\S+)"
)


@dataclass(frozen=True)
class Row:
    """A line of ``xl list -v``; memory in MiB, CPU time in seconds, state as xl's six letters."""

    name: str
    domid: int
    memory: int
    vcpus: int
    state: str
    seconds: float
    uuid: str
    reason: str


def in_dom0() -> bool:
    """Say whether this is a control domain."""
    try:
        return "control_d" in Path("/proc/xen/capabilities").read_text()
    except OSError:
        return False


def command(*words: str, limit: float = 120.0, check: bool = True) -> str:
    """Run a command and return what it printed; a failure (if checked) shows what it said."""
    done = subprocess.run(words, capture_output=True, encoding="utf-8", timeout=limit, check=False)
    if check and done.returncode != 0:
        said = f"{done.stdout}{done.stderr}"
        raise AssertionError(f"{' '.join(words)}: status {done.returncode}: {said}")
    return done.stdout


def parse_list(text: str) -> dict[int, Row]:
    """Parse what ``xl list -v`` printed, by domain id."""
    rows = {}
    for line in text.splitlines()[1:]:
        match = ROW.match(line)
        if match is None:
            raise AssertionError(f"a line of xl list -v that does not parse: {line!r}")
        row = Row(
            name=match["name"],
            domid=int(match["domid"]),
            memory=int(match["memory"]),
            vcpus=int(match["vcpus"]),
            state=match["state"],
            seconds=float(match["seconds"]),
            uuid=match["uuid"],
            reason=match["reason"],
        )
        rows[row.domid] = row
    return rows


def xl_list() -> dict[int, Row]:
    """Return xl's table by domain id, dom0 among them."""
    return parse_list(command("xl", "list", "-v"))


def xenstore_read(path: str) -> str | None:
    """Return a node's value by XenStore's own client, None if there is no such node."""
    words = ["xenstore-read", "-s", path]
    done = subprocess.run(words, capture_output=True, encoding="utf-8", timeout=60, check=False)
    if done.returncode != 0:
        return None
    # The client writes what is not ASCII as escapes: \xc3\xa4.
    return codecs.escape_decode(done.stdout.removesuffix("\n").encode())[0].decode()


def xenstore_list(path: str) -> list[str]:
    """Return a node's children, none if there is no such node."""
    words = ["xenstore-list", "-s", path]
    done = subprocess.run(words, capture_output=True, encoding="utf-8", timeout=60, check=False)
    return done.stdout.splitlines() if done.returncode == 0 else []


def hypervisor() -> dict[str, str]:
    """Return what the kernel tells in /sys/hypervisor, by path relative to it.

    The build id is binary and stays out; a file that the kernel does not serve too.
    """
    root = Path("/sys/hypervisor")
    facts = {}
    for file in sorted(root.rglob("*")):
        if file.is_file():
            try:
                facts[str(file.relative_to(root))] = file.read_text().strip()
            except (OSError, UnicodeDecodeError):
                continue
    return facts


def xc_domains() -> dict[int, dict[str, Any]]:
    """Return ``xen.lowlevel.xc``'s dictionaries by domain id."""
    if BINDINGS not in sys.path:
        sys.path.append(BINDINGS)
    binding = importlib.import_module("xen.lowlevel.xc")
    found = binding.xc().domain_getinfo(0, 1024)
    return {int(entry["domid"]): entry for entry in found}
