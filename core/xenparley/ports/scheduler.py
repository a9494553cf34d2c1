"""The hypervisor's scheduler."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from xenparley.domain.identity import GuestRef

__all__ = ["Scheduler"]


class Scheduler(Protocol):
    """Reads and changes a guest's scheduling parameters."""

    def scheduler_name(self, *, deadline: float) -> str:
        """Return ``credit``, ``credit2``, ``sedf``, ``rtds``, ``arinc653``, ``null``, ``bvt``."""
        ...

    def parameters(self, guest: GuestRef, *, deadline: float) -> Mapping[str, int]:
        """Return the parameters by name.

        credit: ``weight`` (1 to 65535), ``cap`` (percent of one CPU, 0: none); credit2 the same;
        sedf: ``period``, ``slice``, ``latency`` in ns, ``extratime``, ``weight``; rtds:
        ``period``, ``budget`` in microseconds. Empty for a scheduler without parameters.
        """
        ...

    def set_parameters(
        self, guest: GuestRef, values: Mapping[str, int], *, deadline: float
    ) -> None:
        """Change the named parameters, leave the rest. InvalidInput names a wrong one."""
        ...
