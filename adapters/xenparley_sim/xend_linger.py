"""Which replies XenD leaves the connection open after: recorded from 3.1.0 and 4.1.6.

Its server forgets the connection rather than closing it; Python's collector closes it some time
later, or never. What changes a living guest keeps a hold on it, and so does every failure that
came as an exception. It is not read any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xenparley_sim.xend_generation import Generation

__all__ = ["left_open"]

_ALWAYS = frozenset(
    {
        "create",
        "delete",
        "destroy",
        "pause",
        "restore",
        "save",
        "set_vcpus",
        "shutdown",
        "start",
        "unpause",
        "wait_for_devices",
    }
)
_OF_LIVING = frozenset({"device_create", "maxmem_set", "mem_target_set"})


def left_open(made_as: Generation, op: str, status: int, *, living: bool, failed: bool) -> bool:
    """Say whether the connection stays open; ``failed``: the reply tells an error."""
    if made_as.version < (3, 1):
        return False
    if status == 500:
        return failed
    if op == "dump":
        return made_as.version < (4,) or not failed
    if op == "device_destroy":
        return made_as.version >= (4,) and living
    if failed:
        return False
    return op in _ALWAYS or (op in _OF_LIVING and living)
