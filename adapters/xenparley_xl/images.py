"""Saving, restoring, dumping. None of them is ever signalled: a killed save strands its guest."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from xenparley.domain.errors import (
    AlreadyExists,
    InvalidState,
    OperationFailed,
    OutcomeUnknown,
    XenparleyError,
)
from xenparley.domain.identity import printable
from xenparley.domain.runstate import RunFlags
from xenparley.negotiation.capability import Capability
from xenparley.ports.lifecycle import Receipt
from xenparley_xl.failures import failure
from xenparley_xl.saved import check_path, read_head
from xenparley_xl.toolstack import check_whole

if TYPE_CHECKING:
    from xenparley.domain.identity import GuestRef
    from xenparley_xl.saved import Saved
    from xenparley_xl.tables import GuestLine
    from xenparley_xl.toolstack import Toolstack

__all__ = ["ImagesPort"]

C = Capability


class ImagesPort:
    """Saves, restores and dumps guests."""

    def __init__(self, stack: Toolstack) -> None:
        self._stack = stack

    def save(self, guest: GuestRef, path: str, *, deadline: float) -> Receipt:
        """Write the guest's state and end it. xl would write over a file that exists."""
        stack = self._stack
        with stack.call(C.SAVE, guest), stack.observed(guest, deadline):
            check_path(path)
            line = stack.unprivileged(guest, "saved", deadline=deadline)
            _check_alive(line, "saved")
            if os.path.lexists(path):
                raise AlreadyExists(f"{printable(path, limit=200)} exists")
            result = stack.change("save", str(line.domid), path, deadline=deadline, checked=False)
            if result.status != 0:
                raise _after_save(stack, line, failure(result, "xl save"), deadline)
            return Receipt()

    def restore(self, path: str, *, paused: bool, deadline: float) -> Receipt:
        """Bring a saved guest back. xl would make a second one of a guest that is living."""
        stack = self._stack
        with stack.call(C.RESTORE):
            check_path(path)
            before = stack.guests(deadline=deadline)
            saved = read_head(path)
            _check_free(saved, before)
            words = ["restore", *(["-p"] if paused else []), path]
            result = stack.change(*words, deadline=deadline, checked=False)
            if result.status != 0:
                raise failure(result, "xl restore", new=True)
            old = {line.domid for line in before}
            try:
                new = [g for g in stack.guests(deadline=deadline) if g.domid not in old]
            except XenparleyError as exc:
                raise OutcomeUnknown(
                    f"xl restore ended well; which guest it made is not known: {exc.message}",
                    last_seen="xl restore ended with status 0",
                ) from exc
            made = _restored(new, saved)
            if made is None:
                raise OperationFailed(
                    f"xl restore ended well, but no new guest is there; xl said: {result.said}"
                )
            return Receipt(domid=made.domid)

    def dump(self, guest: GuestRef, path: str, *, live: bool, deadline: float) -> Receipt:
        """Write a core dump. xl leaves the guest running meanwhile: unless ``live`` we pause it."""
        stack = self._stack
        with stack.call(C.DUMP, guest), stack.observed(guest, deadline):
            check_path(path)
            line = stack.unprivileged(guest, "dumped", deadline=deadline)
            if line.flags & RunFlags.DYING:
                raise InvalidState(f"domain {line.domid} is dying", phase="dying")
            held = not live and not line.flags & (RunFlags.PAUSED | RunFlags.SHUTDOWN)
            if held:
                stack.change("pause", str(line.domid), deadline=deadline)
            try:
                stack.change("dump-core", str(line.domid), path, deadline=deadline)
            except OutcomeUnknown as exc:
                if held:
                    exc.last_seen = f"{exc.last_seen}; the guest was paused for it, and stays so"
                raise
            except XenparleyError:
                if held:
                    stack.change("unpause", str(line.domid), deadline=deadline)
                raise
            if held:
                stack.change("unpause", str(line.domid), deadline=deadline)
            return Receipt()


def _check_alive(line: GuestLine, what: str) -> None:
    check_whole(line, what)
    if line.flags & (RunFlags.SHUTDOWN | RunFlags.DYING):
        raise InvalidState(
            f"domain {line.domid} has ended and can't be {what}", allowed=("destroy",)
        )


def _after_save(
    stack: Toolstack, line: GuestLine, error: XenparleyError, deadline: float
) -> XenparleyError:
    """Add what became of the guest: xl resumes it when it can."""
    try:
        now = stack.line(line.domid, deadline=deadline)
    except XenparleyError:
        return error
    if now is None or now.uuid != line.uuid:
        return OutcomeUnknown(f"{error.message}; the guest is gone", last_seen="gone")
    if now.flags & RunFlags.SHUTDOWN and not line.flags & RunFlags.SHUTDOWN:
        return OutcomeUnknown(
            f"{error.message}; the guest is suspended and was not resumed "
            "(`xl resume` of Xen 4.20 and later can, else destroy it)",
            last_seen="suspended",
        )
    return error


def _check_free(saved: Saved, living: list[GuestLine]) -> None:
    for line in living:
        if line.flags & RunFlags.DYING:
            continue
        if saved.name is not None and line.name == saved.name:
            raise AlreadyExists(f"a guest named {printable(saved.name)} is living already")
        if saved.uuid is not None and line.uuid == saved.uuid:
            raise AlreadyExists(f"a guest with UUID {saved.uuid} is living already")


def _restored(new: list[GuestLine], saved: Saved) -> GuestLine | None:
    if saved.uuid is not None:
        return next((line for line in new if line.uuid == saved.uuid), None)
    named = [line for line in new if saved.name is not None and line.name == saved.name]
    found = named or new
    return found[0] if len(found) == 1 else None
