"""Numbers that grow while a guest runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from attrs import frozen

from xenparley.domain.identity import GuestRef

__all__ = ["BlockStats", "InterfaceStats", "Statistics"]


@frozen(kw_only=True)
class BlockStats:
    """One disk since it was plugged in. Bytes and requests; None where the back end keeps none."""

    target: str
    read_requests: int | None = None
    read_bytes: int | None = None
    write_requests: int | None = None
    write_bytes: int | None = None
    errors: int | None = None


@frozen(kw_only=True)
class InterfaceStats:
    """One interface since it was plugged in, as the guest sees it: rx is what it received."""

    target: str
    rx_bytes: int
    rx_packets: int
    rx_errors: int
    rx_drops: int
    tx_bytes: int
    tx_packets: int
    tx_errors: int
    tx_drops: int


class Statistics(Protocol):
    """Reads statistics of a living guest."""

    def cpu_time_ns(self, guest: GuestRef, *, deadline: float) -> int:
        """Return nanoseconds of CPU time since the guest's start."""
        ...

    def uptime_s(self, guest: GuestRef, *, deadline: float) -> int:
        """Return whole seconds since the guest was made, by the host's clock; of 0 the host's own.

        A reboot and a restore make it anew. Unsupported when nobody noted its start.
        """
        ...

    def block_stats(self, guest: GuestRef, *, deadline: float) -> Sequence[BlockStats]:
        """Return one entry for each disk with a back end in this domain."""
        ...

    def interface_stats(self, guest: GuestRef, *, deadline: float) -> Sequence[InterfaceStats]:
        """Return one entry for each interface with a back end in this domain."""
        ...
