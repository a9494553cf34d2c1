"""Make ``adapters/xenparley_wire/abi/_table.py`` from the measured layouts of every release.

Usage: ``python tools/make_abi_table.py path/to/xen-abi.json [output.py]``

The input holds, for each architecture, every distinct layout of every operation (measured by
compiling ``xen/include/public`` of each Xen release) and which layout each pair of interface
versions uses. The output is a module of plain strings: equal layouts of different architectures
are written once, and a reader parses only the ones it needs.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

#: Field kinds of the input, by kind (integers) or by (kind, size) for pointers.
CODES = {
    "u8": "B",
    "u16": "H",
    "u32": "I",
    "u64": "Q",
    "s8": "b",
    "s16": "h",
    "s32": "i",
    "s64": "q",
}
POINTERS = {4: "I", 8: "Q"}
ARRAY = re.compile(r"(u8|u32)\[(\d+)\]")
RELEASE = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")
KEY = re.compile(r"(?:sysctl:0x([0-9a-f]+)/domctl:0x([0-9a-f]+)|dom0_op:0x([0-9a-f]+))$")
OUTPUT = Path(__file__).resolve().parents[1] / "adapters/xenparley_wire/abi/_table.py"

HEAD = '''"""Layouts of the hypercall structs of every Xen release. Made by tools/make_abi_table.py.

``LAYOUTS``: "op cmd size payload-offset field@offset:code ...", codes as in :mod:`struct`.
``PAIRS``: architecture -> (sysctl, domctl, dom0_op) -> ((first release, last release, layouts)).
"""

# fmt: off
# ruff: noqa: E501
from __future__ import annotations

from typing import Final

'''


def code(kind: str, size: int) -> str:
    """Return the struct code of one field."""
    if kind in ("handle", "ptr"):
        return POINTERS[size]
    array = ARRAY.fullmatch(kind)
    if array:
        return f"{array[2]}s" if array[1] == "u8" else f"{array[2]}I"
    return CODES[kind]


def layout_text(op: str, layout: dict[str, Any]) -> str:
    """Write one layout as text."""
    fields = sorted(layout.get("fields", {}).items(), key=lambda f: (f[1][0], f[0]))
    words = [
        op,
        str(layout.get("cmd", "-")),
        str(layout.get("size", 0)),
        str(layout.get("u_offset", 0)),
        *(f"{name}@{offset}:{code(kind, size)}" for name, (offset, size, kind) in fields),
    ]
    return " ".join(words)


def release(label: str) -> tuple[int, ...]:
    """Return the numbers of a release label, without suffixes such as ``-branched``."""
    match = RELEASE.match(label)
    if match is None:
        raise SystemExit(f"not a release: {label!r}")
    return tuple(int(part) for part in match.groups() if part is not None)


def key(text: str) -> tuple[int, int, int]:
    """Return (sysctl, domctl, dom0_op) of a version key, 0 for what it hasn't."""
    match = KEY.match(text)
    if match is None:
        raise SystemExit(f"not a version key: {text!r}")
    sysctl, domctl, dom0_op = (int(part, 16) if part else 0 for part in match.groups())
    return sysctl, domctl, dom0_op


def make(source: dict[str, Any]) -> str:
    """Return the text of the module."""
    numbers: dict[str, int] = {}
    pairs: list[str] = []
    for arch, data in source["arches"].items():
        by_id = {
            layout["id"]: layout_text(op, layout)
            for op, layouts in data["layouts"].items()
            for layout in layouts
        }
        pairs.append(f"    {arch!r}: {{")
        for entry in data["version_table"]:
            pairs.append(f"        {key(entry['version_key'])}: (")
            for group in entry["layout_sets"]:
                used = sorted(by_id[one] for one in group["ops"].values())
                listed = " ".join(str(numbers.setdefault(t, len(numbers))) for t in used)
                releases = sorted(release(label) for label in group["releases"])
                pairs.append(f"            ({releases[0]}, {releases[-1]}, {listed!r}),")
            pairs.append("        ),")
        pairs.append("    },")
    return "\n".join(
        [
            HEAD + "LAYOUTS: Final[tuple[str, ...]] = (",
            *(f"    {text!r}," for text in numbers),
            ")",
            "",
            "PAIRS: Final[",
            "    dict[",
            "        str,",
            "        dict[tuple[int, int, int], "
            "tuple[tuple[tuple[int, ...], tuple[int, ...], str], ...]],",
            "    ]",
            "] = {",
            *pairs,
            "}",
            "",
        ]
    )


def main(argv: list[str]) -> int:
    """Read the input, write the module."""
    if len(argv) not in (2, 3):
        sys.stderr.write((__doc__ or "").split("\n\n")[1] + "\n")
        return 2
    text = make(json.loads(Path(argv[1]).read_text(encoding="utf-8")))
    output = Path(argv[2]) if len(argv) == 3 else OUTPUT
    output.write_text(text, encoding="utf-8")
    sys.stderr.write(f"{output}: {len(text)} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
