"""Asking a guest to end: its ``control/shutdown``.

What was measured: a word written below a domain that is gone makes a ghost of it, so everything
happens in a transaction that looks at the domain first; a word that a paused guest did not see is
obeyed when it goes on, however late, so a word that is not taken is withdrawn; ``suspend`` loses
the guest and ``crash`` is ignored, so neither is ever written.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

from xenparley.domain.errors import (
    Conflict,
    DeadlineExceeded,
    NotFound,
    OutcomeUnknown,
    Unsupported,
    XenparleyError,
)
from xenparley.negotiation.capability import Capability
from xenparley.ports.lifecycle import Receipt
from xenparley_xenstore.calls import Calls, living
from xenparley_xenstore.errors import StoreNotFound

if TYPE_CHECKING:
    from xenparley.domain.identity import GuestRef
    from xenparley_xenstore.client import XenStore
    from xenparley_xenstore.operations import Operations

__all__ = ["LifecyclePort", "Word"]

#: What may be written; libxl knows no halt, Linux takes it for poweroff.
Word = Literal["poweroff", "reboot", "halt"]

#: Of the time there is, this share (and no more than so many seconds) is kept for withdrawing.
_RESERVE = 0.3
_RESERVE_MAX = 5.0
#: An absent key, or what a toolstack writes at first and a guest writes back.
_EMPTY = b""


class LifecyclePort:
    """Asks guests to power off or reboot."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def shutdown(self, guest: GuestRef, *, deadline: float) -> Receipt:
        """Ask the guest to power off; returns when it has taken the request."""
        return self._ask(Capability.SHUTDOWN, guest, "poweroff", deadline)

    def reboot(self, guest: GuestRef, *, deadline: float) -> Receipt:
        """Ask the guest to reboot; returns when it has taken the request."""
        return self._ask(Capability.REBOOT, guest, "reboot", deadline)

    def _ask(self, capability: Capability, guest: GuestRef, word: Word, deadline: float) -> Receipt:
        with self._calls.call(capability, deadline, guest) as store:
            return request(store, guest, word, deadline)


def request(store: XenStore, guest: GuestRef, word: Word, deadline: float) -> Receipt:
    """Write a word, wait until the guest takes it, withdraw it if it does not.

    Raises:
        NotFound: the domain is gone, or is another's.
        Unsupported: the guest says that it does not react; domain 0.
        Conflict: another request is under way.
        DeadlineExceeded: the guest did not take it; it was withdrawn, nothing will happen.
        OutcomeUnknown: it may have been written, or could not be withdrawn.
    """
    path = f"/local/domain/{guest.domid}/control/shutdown"
    left = deadline - time.monotonic()
    until = deadline - min(left * _RESERVE, _RESERVE_MAX)
    if guest.domid == 0:
        raise Unsupported("domain 0 is not shut down through XenStore")

    def write(transaction: Operations) -> None:
        domain = living(transaction, guest, deadline)
        feature, present = transaction.read_many(
            [f"{domain.path}/control/feature-{word}", path], deadline=deadline
        )
        if feature == b"0":
            raise Unsupported(f"{guest} says that it does not react to {word}")
        if present == word.encode():
            return
        if present:
            raise Conflict(f"{guest} has been asked for {present[:20]!r} and has not taken it yet")
        transaction.write(path, word.encode(), deadline=deadline)

    store.transact(write, deadline=until)
    try:
        taken = _taken(store, path, word, until)
    except XenparleyError as exc:
        raise OutcomeUnknown(
            f"{guest} was asked for {word}; whether it took it is not known: {exc.message}",
            last_seen=f"control/shutdown = {word}",
        ) from exc
    if not taken and _withdrawn(store, guest, path, word, deadline):
        raise DeadlineExceeded(
            f"{guest} did not take the request for {word} in time; it was withdrawn",
            last_seen=f"control/shutdown = {word}",
        )
    return Receipt(how="pv")


def _taken(store: XenStore, path: str, word: str, until: float) -> bool:
    """Wait until anything else than the word is there, or nothing: the guest took it."""
    with store.watch(path, "@releaseDomain", deadline=until) as subscription:
        while True:
            (value,) = store.read_many([path], deadline=until)
            if value != word.encode():
                return True
            try:
                event = subscription.wait(deadline=until)
            except XenparleyError:
                if time.monotonic() < until:
                    raise
                event = None
            if event is None:
                return False


def _withdrawn(store: XenStore, guest: GuestRef, path: str, word: str, deadline: float) -> bool:
    """Take the word back; False when the guest has taken it meanwhile."""

    def withdraw(transaction: Operations) -> bool:
        try:
            living(transaction, guest, deadline)
            present = transaction.read(path, deadline=deadline)
        except (NotFound, StoreNotFound):
            return False
        if present != word.encode():
            return False
        transaction.write(path, _EMPTY, deadline=deadline)
        return True

    try:
        return store.transact(withdraw, deadline=deadline)
    except XenparleyError as exc:
        raise OutcomeUnknown(
            f"{guest} did not take the request for {word}, which could not be withdrawn: "
            f"it may obey later ({exc.message})",
            last_seen=f"control/shutdown = {word}",
        ) from exc
