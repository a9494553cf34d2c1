"""Images and migration: failures of these arrive inside a success in every release."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from xenparley.domain.errors import (
    AlreadyExists,
    InvalidInput,
    InvalidState,
    NotFound,
    OutcomeUnknown,
    Unsupported,
    XenparleyError,
)
from xenparley.domain.identity import printable
from xenparley.domain.runstate import RunFlags
from xenparley.negotiation.capability import Capability
from xenparley.ports.lifecycle import Receipt
from xenparley_xend.doors import Op
from xenparley_xend.rows import seen

if TYPE_CHECKING:
    from xenparley.domain.identity import GuestRef
    from xenparley_wire.sxp import Sexp
    from xenparley_xend.calls import Calls, Found
    from xenparley_xend.doors import Door

__all__ = ["ImagesPort", "MigrationPort", "check_path"]

C = Capability
_HOST: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}|[0-9A-Fa-f:]{2,45}", re.ASCII)
_TRUTH: Final = {"0": 0, "no": 0, "false": 0, "1": 1, "yes": 1, "true": 1}
_ENDED: Final = RunFlags.SHUTDOWN | RunFlags.DYING


def check_path(path: str) -> str:
    """Return the path; InvalidInput unless it is absolute and names a file."""
    if not path.startswith("/") or path.endswith("/") or "\0" in path or len(path) > 4096:
        shown = printable(path, limit=200)
        raise InvalidInput(f"not an absolute path of a file on the Xen host: {shown!r}")
    if path != printable(path) or any(part in (".", "..") for part in path.split("/")):
        raise InvalidInput(f"not a plain path on the Xen host: {printable(path, limit=200)!r}")
    return path


class ImagesPort:
    """Saves, restores and dumps; XenD answers when it has done so."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def save(self, guest: GuestRef, path: str, *, deadline: float) -> Receipt:
        """Save and end the guest. XenD writes over a file: on this machine we look first."""
        with self._calls.call(C.SAVE, deadline, guest) as door:
            check_path(path)
            found = _going(self._calls, guest, deadline)
            if self._calls.places.local_files and os.path.lexists(path):
                raise AlreadyExists(f"{printable(path)} exists")
            door.command(found.key, Op("save", (("file", path),)), deadline)
            return Receipt()

    def restore(self, path: str, *, paused: bool, deadline: float) -> Receipt:
        """Restore a guest."""
        calls = self._calls
        with calls.call(C.RESTORE, deadline) as door:
            check_path(path)
            used: Door = (calls.xmlrpc or door) if paused else door
            told = used.restore(path, paused, deadline)
            return Receipt(domid=self._domid(used, told, deadline))

    def _domid(self, door: Door, told: str | Sexp | None, deadline: float) -> int | None:
        try:
            if isinstance(told, str) and told:
                told = door.domain(told, deadline)
            return seen(told).domid if isinstance(told, list) else None
        except XenparleyError as exc:
            raise OutcomeUnknown(
                f"the guest was restored; its domain id is not known: {exc.message}",
                last_seen="restored",
            ) from exc

    def dump(self, guest: GuestRef, path: str, *, live: bool, deadline: float) -> Receipt:
        """Dump the guest's memory; it goes on."""
        with self._calls.call(C.DUMP, deadline, guest) as door:
            check_path(path)
            found = self._calls.living(guest, deadline)
            if guest.domid == 0:
                raise Unsupported("Domain 0 is the host itself: it can't be dumped")
            given = (("file", path), ("live", int(live)), ("crash", 0), ("reset", 0))
            door.command(found.key, Op("dump", given), deadline)
            return Receipt(how="live" if live else "paused meanwhile")


class MigrationPort:
    """Migrates."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def migrate(
        self,
        guest: GuestRef,
        destination: str,
        *,
        live: bool,
        options: Mapping[str, str],
        deadline: float,
    ) -> Receipt:
        """Move the guest. Options: ``port`` (0: XenD's own), ``ssl`` (Xen 3.3 and later)."""
        with self._calls.call(C.MIGRATE, deadline, guest) as door:
            for name in options:
                if name not in ("port", "ssl"):
                    shown = printable(str(name), limit=60)
                    raise InvalidInput(f"XenD knows no option {shown!r}: port, ssl")
            if not _HOST.fullmatch(destination):
                raise InvalidInput(f"not a host: {printable(destination, limit=100)!r}")
            port = options.get("port", "0")
            if not (port.isascii() and port.isdigit() and int(port[:6]) < 65536):
                raise InvalidInput(f"not a port: {printable(port, limit=20)!r}")
            ssl = _TRUTH.get(options.get("ssl", "0").lower())
            if ssl is None:
                raise InvalidInput("ssl is 0 or 1")
            found = _going(self._calls, guest, deadline)
            release = self._calls.release.version
            if ssl and (release.major, release.minor) < (3, 3):
                raise Unsupported("XenD migrates by SSL from Xen 3.3 on")
            given = (
                ("destination", destination),
                ("live", int(live)),
                ("port", int(port)),
                ("node", -1),
                ("ssl", ssl),
                ("change_home_server", 0),
                ("resource", 0),
            )
            door.command(found.key, Op("migrate", given), deadline)
            return Receipt(how="live" if live else "paused meanwhile")


def _going(calls: Calls, guest: GuestRef, deadline: float) -> Found:
    """Return a guest that goes on. XenD never answers a request to save one that doesn't."""
    found = calls.living(guest, deadline)
    if guest.domid == 0:
        raise Unsupported("Domain 0 is the host itself")
    if found.seen.flags is not None and found.seen.flags & _ENDED:
        raise InvalidState(f"{guest} has ended", phase="shutdown")
    if found.seen.domid is None:
        raise NotFound(f"{guest} is not living")
    return found
