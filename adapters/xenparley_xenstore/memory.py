"""A guest's memory, as far as XenStore knows it: the balloon's target and the maximum."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenparley.domain.errors import InvalidInput, Unsupported
from xenparley.negotiation.capability import Capability
from xenparley.ports.memory import MemoryInfo
from xenparley_xenstore.calls import Calls, Living, living, texts

if TYPE_CHECKING:
    from xenparley.domain.identity import GuestRef
    from xenparley_xenstore.operations import Operations

__all__ = ["MemoryPort"]

#: Digits of a size in KiB that is believed.
_DIGITS = 15


class MemoryPort:
    """Reads sizes, and asks the balloon for one."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def memory(self, guest: GuestRef, *, deadline: float) -> MemoryInfo:
        """Return target and maximum in KiB. What the guest holds only the hypervisor knows."""
        with self._calls.call(Capability.MEMORY, deadline, guest) as store:
            domain = living(store, guest, deadline)
            target, static_max, vm_max = _sizes(store, domain, deadline)
            return MemoryInfo(target_kib=target, maximum_kib=static_max or vm_max)

    def set_target(self, guest: GuestRef, kib: int, *, deadline: float) -> None:
        """Write ``memory/target``.

        libxl (which is there where ``memory/static-max`` is) keeps the hypervisor's limit 1 MiB
        above the target, and a guest that is asked to grow past it gets stuck: so there a guest
        is only shrunk. XenD leaves the limit at the maximum.

        Raises:
            InvalidInput: not above 0, or above the maximum.
            Unsupported: growing, where libxl keeps the limit; or domain 0.
        """
        with self._calls.call(Capability.SET_MEMORY_TARGET, deadline, guest) as store:
            if kib <= 0:
                raise InvalidInput(f"{guest}: not a size for a guest: {kib} KiB")

            def write(transaction: Operations) -> None:
                domain = living(transaction, guest, deadline)
                target, static_max, vm_max = _sizes(transaction, domain, deadline)
                maximum = static_max or vm_max
                if maximum is not None and kib > maximum:
                    raise InvalidInput(f"{guest}: {kib} KiB is above its maximum, {maximum} KiB")
                if target is None:
                    raise Unsupported(f"{guest} has no memory target in XenStore")
                if kib == target:
                    return
                if kib > target and (static_max is not None or vm_max is None):
                    raise Unsupported(
                        f"{guest}: growing from {target} to {kib} KiB needs the hypervisor's "
                        "limit raised first, which XenStore can't do"
                    )
                transaction.write(f"{domain.path}/memory/target", b"%d" % kib, deadline=deadline)

            store.transact(write, deadline=deadline)


def _sizes(
    store: Operations, domain: Living, deadline: float
) -> tuple[int | None, int | None, int | None]:
    """Return target, libxl's maximum, XenD's maximum (which it keeps in MiB); all in KiB."""
    paths = [f"{domain.path}/memory/target", f"{domain.path}/memory/static-max"]
    if domain.uuid is not None and domain.vm is not None:
        paths.append(f"/vm/{domain.vm.removeprefix('/vm/').rstrip('/')}/maxmem")
    values = [*map(_number, texts(store, paths, deadline)), None]
    target, static_max, maxmem = values[0], values[1], values[2]
    return target, static_max, None if maxmem is None else maxmem * 1024


def _number(value: str | None) -> int | None:
    if value is None or not value.isascii() or not value.isdigit() or len(value) > _DIGITS:
        return None
    return int(value) or None
