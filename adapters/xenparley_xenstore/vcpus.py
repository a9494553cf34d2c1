"""Which virtual CPUs a guest should have online: ``cpu/N/availability``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from xenparley.domain.errors import InvalidInput, Unsupported
from xenparley.negotiation.capability import Capability
from xenparley.ports.vcpus import VcpuInfo
from xenparley_xenstore.calls import Calls, Living, living, texts
from xenparley_xenstore.errors import StoreNotFound

if TYPE_CHECKING:
    from xenparley.domain.identity import GuestRef
    from xenparley_xenstore.operations import Operations

__all__ = ["VcpusPort", "is_hvm"]

#: More than any release of Xen allows a guest.
_MOST = 4096


class VcpusPort:
    """Reads and writes availability. The guest must play along."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def vcpus(self, guest: GuestRef, *, deadline: float) -> Sequence[VcpuInfo]:
        """Return the virtual CPUs by number, online or not as they should be."""
        with self._calls.call(Capability.VCPUS, deadline, guest) as store:
            domain = living(store, guest, deadline)
            states = _availability(store, domain, deadline)
            return [VcpuInfo(number=n, online=state != "offline") for n, state in states]

    def set_vcpus(self, guest: GuestRef, online: int, *, deadline: float) -> None:
        """Ask for the first ``online`` CPUs.

        Raises:
            InvalidInput: not 1 to the guest's maximum.
            Unsupported: an HVM guest (its qemu must be told, which the toolstack does).
        """
        with self._calls.call(Capability.SET_VCPUS, deadline, guest) as store:

            def write(transaction: Operations) -> None:
                domain = living(transaction, guest, deadline)
                states = _availability(transaction, domain, deadline)
                if not states:
                    raise Unsupported(f"{guest} has no virtual CPUs in XenStore")
                if not 1 <= online <= len(states):
                    raise InvalidInput(f"{guest} has 1 to {len(states)} CPUs, not {online}")
                if is_hvm(transaction, domain, deadline):
                    raise Unsupported(f"{guest} is an HVM guest: its qemu must be told as well")
                for place, (number, state) in enumerate(states):
                    wanted = "online" if place < online else "offline"
                    if state != wanted:
                        path = f"{domain.path}/cpu/{number}/availability"
                        transaction.write(path, wanted.encode(), deadline=deadline)

            store.transact(write, deadline=deadline)


def _availability(
    store: Operations, domain: Living, deadline: float
) -> list[tuple[int, str | None]]:
    try:
        names = store.directory(f"{domain.path}/cpu", deadline=deadline)
    except StoreNotFound:
        return []
    numbers = sorted(int(name) for name in names if name.isdigit() and len(name) <= 4)[:_MOST]
    paths = [f"{domain.path}/cpu/{number}/availability" for number in numbers]
    states = texts(store, paths, deadline)
    return [(n, state) for n, state in zip(numbers, states, strict=True) if state is not None]


def is_hvm(store: Operations, domain: Living, deadline: float) -> bool:
    """Say whether the toolstack made it as an HVM guest (libxl: type; XenD: image/ostype)."""
    paths = [f"/libxl/{domain.domid}/type"]
    if domain.uuid is not None and domain.vm is not None:
        paths.append(f"/vm/{domain.vm.removeprefix('/vm/').rstrip('/')}/image/ostype")
    return "hvm" in texts(store, paths, deadline)
