"""The plan: for each host, by its URI, the guests that it shall have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from xenparley.domain.config import Boot, Disk, DiskSource, GuestConfig, Interface, Vcpus
from xenparley.domain.errors import ParseError

__all__ = ["MARK", "Wanted", "read_plan"]

#: Stands in the description of each guest that this program defines: others are left alone.
MARK = "kept by the orchestrator"
_STATES = ("running", "stopped")
_KEYS = {"memory_mib", "vcpus", "kernel", "disk", "bridge", "state"}


class Wanted(NamedTuple):
    """One guest as the plan has it."""

    config: GuestConfig
    running: bool


def read_plan(path: Path) -> Mapping[str, list[Wanted]]:
    """Read a plan. Raises ParseError, which names the place."""
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise ParseError(str(exc), place=str(path)) from exc
    if not isinstance(plan, dict) or not all(isinstance(v, dict) for v in plan.values()):
        raise ParseError("a plan maps URIs to guests", place=str(path))
    return {
        uri: [_wanted(name, said, f"{path}: {uri}: {name}") for name, said in guests.items()]
        for uri, guests in plan.items()
    }


def _wanted(name: str, said: Any, place: str) -> Wanted:
    if not isinstance(said, dict) or set(said) - _KEYS or "memory_mib" not in said:
        raise ParseError(f"a guest has {', '.join(sorted(_KEYS))}", place=place)
    state = said.get("state", "running")
    numbers = (said["memory_mib"], said.get("vcpus", 1))
    if state not in _STATES or not all(type(n) is int and n > 0 for n in numbers):
        raise ParseError(f"state is {' or '.join(_STATES)}, sizes are positive", place=place)
    config = GuestConfig(
        name=name,
        description=MARK,
        memory_kib=numbers[0] * 1024,
        vcpus=Vcpus(maximum=numbers[1]),
        boot=Boot(kernel=said.get("kernel")),
        disks=(
            (Disk(target="xvda", source=DiskSource(type="block", path=said["disk"])),)
            if "disk" in said
            else ()
        ),
        interfaces=(Interface(source=said["bridge"]),) if "bridge" in said else (),
    )
    return Wanted(config, state == "running")
