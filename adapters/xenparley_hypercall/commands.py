"""Commands: each function is a job for the worker, and sends its command at most once."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final

from xenparley.domain.errors import InvalidInput, NotFound, OperationFailed, Unsupported
from xenparley_wire.abi.domaininfo import PAGE_KIB
from xenparley_wire.abi.flags import DYING, PAUSED, decode_flags

if TYPE_CHECKING:
    from xenparley_hypercall.reads import DomainReader
    from xenparley_hypercall.turn import Turn
    from xenparley_wire.abi.abi import Abi
    from xenparley_wire.abi.domaininfo import DomainInfo

__all__ = [
    "TRIGGERS",
    "destroy",
    "has_device_model",
    "pause",
    "remote_shutdown",
    "set_max_memory",
    "trigger",
    "unpause",
]

#: (number, first release) of each button (XEN_DOMCTL_SENDTRIGGER_* of domctl.h).
TRIGGERS: Final[dict[str, tuple[int, tuple[int, int]]]] = {
    "nmi": (0, (3, 1)),
    "reset": (1, (3, 1)),
    "init": (2, (3, 1)),
    "power": (3, (3, 4)),
    "sleep": (4, (4, 0)),
}
#: Emulated devices that only a guest with qemu has (XEN_X86_EMU_*): HPET, PM, RTC, PIC, VGA, PIT.
_FULL_EMULATION: Final = 0x16E


def has_device_model(info: DomainInfo, abi: Abi) -> bool:
    """Say whether a device model (qemu) belongs to the domain: a true HVM guest, not PVH.

    The hypervisor tells them apart from 4.10.1 on (x86); before, an HVM flag means HVM.
    """
    if abi.arch.startswith("arm") or not decode_flags(info.flags, abi.release).hvm:
        return False
    if info.emulation_flags is None:
        return True
    return bool(info.emulation_flags & _FULL_EMULATION)


def pause(turn: Turn, reader: DomainReader, info: DomainInfo) -> bool:
    """Pause a domain; returns False if it was paused already (from 4.5 on pauses are counted)."""
    if info.flags & PAUSED:
        return False
    turn.act(reader.abi.request("domctl.pausedomain", domain=info.domain))
    return True


def unpause(turn: Turn, reader: DomainReader, info: DomainInfo) -> bool:
    """Let a domain run; returns False if it isn't paused.

    Raises :class:`Unsupported` for a domain that never ran (it may be half built, which looks
    the same) and for one with a device model, which the toolstack must tell to go on.
    """
    if not info.flags & PAUSED:
        return False
    if has_device_model(info, reader.abi):
        raise Unsupported(
            "an HVM guest's device model must be told to go on too: its toolstack can",
            operation=turn.operation,
            guest=turn.guest,
        )
    if info.cpu_time == 0:
        raise Unsupported(
            "the guest never ran: it may still be under construction, only its toolstack knows",
            operation=turn.operation,
            guest=turn.guest,
        )
    turn.act(reader.abi.request("domctl.unpausedomain", domain=info.domain))
    return True


def destroy(turn: Turn, abi: Abi, domid: int) -> None:
    """Destroy a domain. XenStore keys, back ends and qemu are not touched: they stay behind.

    Some releases do it a piece at a time and say EAGAIN until it is done; going on is part of
    the one command.
    """
    while True:
        try:
            turn.act(abi.request("domctl.destroydomain", domain=domid))
        except NotFound:
            if turn.acted > 1:
                # It was ours, and has gone between two pieces.
                return
            raise
        except OperationFailed as exc:
            if isinstance(exc.__cause__, OSError) and exc.__cause__.errno == errno.EAGAIN:
                continue
            raise
        return


def set_max_memory(turn: Turn, abi: Abi, info: DomainInfo, kib: int) -> None:
    """Limit a domain's memory. Raises :class:`InvalidInput` below what it holds.

    The hypervisor would take that without a word, and the guest could grow no more.
    """
    held = info.tot_pages * PAGE_KIB
    if not held <= kib < 1 << 54:
        raise InvalidInput(
            f"the guest holds {held} KiB, so its maximum can't be {kib} KiB",
            operation=turn.operation,
            guest=turn.guest,
        )
    turn.act(abi.request("domctl.max_mem", {"max_memkb": kib}, domain=info.domain))


def trigger(turn: Turn, abi: Abi, info: DomainInfo, event: str, vcpu: int = 0) -> None:
    """Press a button of a guest: :data:`TRIGGERS`; power and sleep are ACPI's, for HVM guests."""
    known = TRIGGERS.get(event)
    if known is None:
        raise Unsupported(
            f"hypercalls have no {event!r}, only {', '.join(TRIGGERS)}", operation=turn.operation
        )
    number, since = known
    if abi.release < since:
        raise Unsupported(
            f"{event} is there from Xen {since[0]}.{since[1]} on", operation=turn.operation
        )
    if event in ("power", "sleep") and not has_device_model(info, abi):
        raise Unsupported(
            f"only HVM guests have an ACPI {event} button",
            operation=turn.operation,
            guest=turn.guest,
        )
    if info.flags & DYING:
        raise NotFound("the guest is being taken apart", operation=turn.operation)
    values = {"trigger": number, "vcpu": vcpu}
    turn.act(abi.request("domctl.sendtrigger", values, domain=info.domain))


def remote_shutdown(turn: Turn, abi: Abi, domid: int, reason: int) -> None:
    """Shut a domain down at once without asking it; counts as a destroy (Xen 3.0.3 and later).

    The domain stays as it is, shut down for ``reason``, for its toolstack to clean up.
    """
    values = {"domain_id": domid, "reason": reason}
    turn.act(abi.request("sched.remote_shutdown", values))
