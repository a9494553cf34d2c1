"""The measured layouts of every release (``xen-abi.json``), and bytes made from them alone.

Nothing here uses the package's own table or codec: this is what they are compared with.
"""

from __future__ import annotations

import functools
import json
import re
from typing import Any, NamedTuple

from support.corpus import find_corpus
from support.require import missing

ARCHES = ("x86_64", "x86_32", "arm64")
#: Hypercall numbers by family (xen.h since 3.0.3).
HYPERCALLS = {"sysctl": 35, "domctl": 36, "memory": 12, "sched": 29, "hvm": 34}


class LayoutSet(NamedTuple):
    """One set of layouts: an architecture, a pair, and the releases that use them."""

    arch: str
    key: tuple[int, int, int]
    first: tuple[int, ...]
    last: tuple[int, ...]
    ops: dict[str, dict[str, Any]]

    def __repr__(self) -> str:
        return f"<{self.id}>"

    @property
    def id(self) -> str:
        """Name of the test."""
        return f"{self.arch}-{'.'.join(map(str, self.first))}"

    @property
    def version(self) -> tuple[int, int]:
        """What XENVER_version says on the oldest of these releases."""
        return self.first[0], self.first[1]

    @property
    def extraversion(self) -> str:
        """What follows, on the oldest of these releases."""
        return "." + ".".join(map(str, self.first[2:] or (0,)))


@functools.cache
def facts() -> dict[str, Any] | None:
    """Return the file's content, None where it isn't."""
    corpus = find_corpus()
    path = None if corpus is None else corpus.parent / "facts" / "xen-abi.json"
    if path is None or not path.is_file():
        return None
    return json.loads(path.read_text(encoding="utf-8"))


def need_facts() -> dict[str, Any]:
    """Return the file's content, or end the test with a reason."""
    found = facts()
    if found is None:
        missing("corpus", "no facts/xen-abi.json beside the corpus")
    return found


def release(label: str) -> tuple[int, ...]:
    """Return the numbers of a release label."""
    match = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", label)
    assert match, label
    return tuple(int(part) for part in match.groups() if part)


def pair(text: str) -> tuple[int, int, int]:
    """Return (sysctl, domctl, dom0_op) of a version key."""
    found = dict(re.findall(r"(sysctl|domctl|dom0_op):0x([0-9a-f]+)", text))
    return tuple(int(found.get(name, "0"), 16) for name in ("sysctl", "domctl", "dom0_op"))


def layout_sets() -> list[LayoutSet]:
    """Return every layout set of the file; none where it is missing."""
    source = facts()
    found = []
    for arch in ARCHES if source else ():
        data = source["arches"][arch]
        by_id = {one["id"]: one for layouts in data["layouts"].values() for one in layouts}
        for entry in data["version_table"]:
            for group in entry["layout_sets"]:
                releases = sorted(map(release, group["releases"]))
                ops = {op: by_id[one] for op, one in group["ops"].items()}
                found.append(
                    LayoutSet(arch, pair(entry["version_key"]), releases[0], releases[-1], ops)
                )
    return found


def put(data: bytearray, base: int, field: list[Any], value: Any) -> None:
    """Write one field: [offset, size, kind] of the file."""
    offset, size, kind = field
    array = re.fullmatch(r"u32\[(\d+)\]", kind)
    if isinstance(value, bytes):
        raw = value
    elif array:
        raw = b"".join(one.to_bytes(4, "little") for one in value)
    else:
        raw = value.to_bytes(size, "little", signed=kind.startswith("s"))
    assert len(raw) == size, (field, value)
    data[base + offset : base + offset + size] = raw


def payload(layout: dict[str, Any], values: dict[str, Any]) -> bytes:
    """Return a payload from values by field name."""
    data = bytearray(layout.get("size", 0))
    for name, value in values.items():
        put(data, 0, layout["fields"][name], value)
    return bytes(data)


def op_struct(one: LayoutSet, op: str, domain: int | None, values: dict[str, Any]) -> bytes:
    """Return a whole op struct (header and payload), or the bare one of the stable families."""
    layout = one.ops[op]
    family = op.split(".")[0]
    if family not in ("sysctl", "domctl"):
        return payload(layout, values)
    dom0_op = one.key[2]
    header = one.ops["domctl.header" if dom0_op else family + ".header"]
    version = dom0_op or one.key[family == "domctl"]
    if op == "domctl.get_domain_state":
        version = 0
    data = bytearray(header["size"])
    put(data, 0, header["fields"]["cmd"], layout["cmd"])
    put(data, 0, header["fields"]["interface_version"], version)
    if domain is not None:
        if dom0_op:
            values = {**values, "domain": domain}
        else:
            put(data, 0, header["fields"]["domain"], domain)
    body = payload(layout, values)
    data[header["u_offset"] : header["u_offset"] + len(body)] = body
    return bytes(data)


def sample(kind: str, size: int, seed: int) -> Any:
    """Return a value for a field whose bytes are all different from its neighbours'."""
    raw = bytes((seed * 37 + at * 11 + 1) & 0xFF for at in range(size))
    if kind.startswith("u8["):
        return raw
    array = re.fullmatch(r"u32\[(\d+)\]", kind)
    if array:
        parts = [raw[at : at + 4] for at in range(0, size, 4)]
        return tuple(int.from_bytes(part, "little") for part in parts)
    return int.from_bytes(raw, "little", signed=kind.startswith("s"))


def separate(fields: dict[str, list[Any]]) -> list[list[str]]:
    """Sort the fields of a layout into groups that don't overlap (members of unions do)."""
    groups: list[list[str]] = []
    for name, (offset, size, _) in fields.items():
        for group in groups:
            if all(
                offset + size <= fields[other][0] or fields[other][0] + fields[other][1] <= offset
                for other in group
            ):
                group.append(name)
                break
        else:
            groups.append([name])
    return groups
