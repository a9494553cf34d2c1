"""What a call does when its peer misbehaves; commands are sent at most once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from xenparley.domain.errors import (
    AccessRefused,
    ChannelLost,
    DeadlineExceeded,
    NotFound,
    OutcomeUnknown,
    Unavailable,
    Unsupported,
    XenparleyError,
)
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import SPECS, Capability
from xenparley_testing.bench import Bench, broken, watched
from xenparley_testing.calls import CALLS, Aim, target
from xenparley_testing.registry import law

__all__ = [
    "check_absent_peer",
    "check_close_in_flight",
    "check_dropped_connection",
    "check_garbled_answer",
    "check_refused_access",
    "check_stalled_peer",
]

C = Capability


@law(Capability)
def check_stalled_peer(bench: Bench, capability: Capability) -> None:
    """A peer that hangs: a read is DeadlineExceeded near the deadline, a command too or unknown."""
    guest = target(bench, capability)
    sent = bench.sent(capability)
    with bench.fault("stall"):
        _, error = bench.in_time(
            f"{capability.value}, peer hangs",
            bench.limits.stall,
            lambda: _invoke(bench, capability, guest, bench.limits.stall),
        )
    if SPECS[capability].command:
        _ended(bench, capability, error, sent, "peer hangs", DeadlineExceeded)
    else:
        _read_ended(bench, capability, error, "peer hangs", DeadlineExceeded)


@law(Capability)
def check_dropped_connection(bench: Bench, capability: Capability) -> None:
    """The connection breaks: a read is ChannelLost, a command unknown once it was sent."""
    guest = target(bench, capability)
    sent = bench.sent(capability)
    with bench.fault("drop"):
        error = _error(lambda: _invoke(bench, capability, guest))
    if SPECS[capability].command:
        _ended(bench, capability, error, sent, "connection dropped", Unavailable)
    else:
        _read_ended(bench, capability, error, "connection dropped", Unavailable)


@law(Capability)
def check_garbled_answer(bench: Bench, capability: Capability) -> None:
    """Bytes that make no sense: a read is ProtocolError, a command unknown once it was sent."""
    guest = target(bench, capability)
    sent = bench.sent(capability)
    with bench.fault("garble"):
        error = _error(lambda: _invoke(bench, capability, guest))
    if SPECS[capability].command:
        _ended(bench, capability, error, sent, "garbled answer", Unavailable)
    else:
        _read_ended(bench, capability, error, "garbled answer", Unavailable)


@law(Capability)
def check_absent_peer(bench: Bench, capability: Capability) -> None:
    """A peer that isn't there: Unavailable, and certain that nothing was done."""
    _kept_out(bench, capability, "absent", Unavailable)


@law(Capability)
def check_refused_access(bench: Bench, capability: Capability) -> None:
    """A peer that denies access: AccessRefused, and certain that nothing was done."""
    _kept_out(bench, capability, "refuse", AccessRefused)


@law(Capability)
def check_close_in_flight(bench: Bench, capability: Capability) -> None:
    """close() ends a call that waits for its peer, long before its deadline."""
    guest = target(bench, capability)
    channel = bench.open()
    channel.probe(deadline=bench.deadline())
    method = bench.method(capability, channel)
    long = bench.limits.slack * 20

    def call() -> object:
        return watched(
            capability, lambda: CALLS[capability].invoke(bench, method, guest, bench.deadline(long))
        )

    with bench.fault("stall"):
        closer = threading.Timer(bench.limits.stall / 4, channel.close)
        closer.start()
        _, error = bench.in_time(f"{capability.value}, closed meanwhile", 0.0, call)
        closer.join()
    if error is not None and not isinstance(error, XenparleyError):
        raise broken(f"{capability.value}, closed meanwhile: {error!r}", error)


def _invoke(
    bench: Bench, capability: Capability, guest: GuestRef, seconds: float | None = None
) -> Any:
    method = bench.method(capability)
    return watched(
        capability,
        lambda: CALLS[capability].invoke(bench, method, guest, bench.deadline(seconds)),
    )


def _error(call: Callable[[], object]) -> XenparleyError | None:
    try:
        call()
    except XenparleyError as exc:
        return exc
    return None


def _ended(
    bench: Bench,
    capability: Capability,
    error: BaseException | None,
    sent: int,
    what: str,
    untouched: type[XenparleyError],
) -> None:
    """Judge the end of a command: ``untouched`` claims that nothing was done."""
    times = bench.sent(capability) - sent
    where = f"{capability.value}, {what}"
    if times > 1:
        raise broken(f"{where}: sent {times} times, commands are sent at most once")
    if error is None:
        raise broken(f"{where}: answered as if it had been carried out")
    if isinstance(error, OutcomeUnknown):
        if error.retry_safe:
            raise broken(f"{where}: OutcomeUnknown that says retry_safe", error)
    elif capability is C.RESTORE and isinstance(error, NotFound) and not bench.offered(C.SAVE):
        pass  # there was no image to restore
    elif capability is C.TRIGGER and isinstance(error, Unsupported) and not times:
        pass  # a host without such buttons
    elif not isinstance(error, untouched):
        if isinstance(error, XenparleyError):
            raise broken(f"{where}: {error!r}, not OutcomeUnknown", error)
        raise error
    elif times:
        raise broken(f"{where}: {type(error).__name__} claims nothing was done, yet it was sent")
    bench.fields_set(capability, error, what, about_guest=CALLS[capability].aim is not Aim.HOST)


def _read_ended(
    bench: Bench,
    capability: Capability,
    error: BaseException | None,
    what: str,
    kind: type[XenparleyError],
) -> None:
    if error is None:
        return  # it asked again on a new connection, or needed no answer
    if not isinstance(error, XenparleyError):
        raise error
    if not isinstance(error, kind):
        raise broken(f"{capability.value}, {what}: {error!r}, not {kind.__name__}", error)
    bench.fields_set(capability, error, what, about_guest=False)


def _still_after(bench: Bench, guest: GuestRef) -> dict[str, object] | None:
    """Look once the peer is back. The first look may find the old connection dead, and say so."""
    try:
        return bench.still(guest)
    except ChannelLost:
        return bench.still(guest)


def _kept_out(bench: Bench, capability: Capability, fault: str, kind: type[XenparleyError]) -> None:
    guest = target(bench, capability)
    before = bench.still(guest) if guest.domid is not None else None
    sent = bench.sent(capability)
    with bench.fault(fault):
        channel = bench.open()

        def call() -> object:
            method = bench.method(capability, channel)
            return CALLS[capability].invoke(bench, method, guest, bench.deadline())

        error = _error(lambda: watched(capability, call))
    what = f"peer made to {fault}"
    if error is None:
        if SPECS[capability].command:
            raise broken(f"{capability.value}, {what}: answered as if it had been carried out")
        return
    if not isinstance(error, kind) and not (
        capability is C.TRIGGER and isinstance(error, Unsupported)
    ):
        raise broken(f"{capability.value}, {what}: {error!r}, not {kind.__name__}", error)
    bench.fields_set(capability, error, what, about_guest=CALLS[capability].aim is not Aim.HOST)
    now = _still_after(bench, guest) if guest.domid is not None else None
    if bench.sent(capability) != sent or now != before:
        raise broken(f"{capability.value}, {what}: {type(error).__name__}, yet it was carried out")
