"""What every call of a port does: its deadline, its errors' fields, and which guest is meant."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from xenparley.domain.errors import (
    AccessRefused,
    Conflict,
    DeadlineExceeded,
    NotFound,
    Unavailable,
    Unsupported,
    XenparleyError,
)
from xenparley.domain.identity import MAX_DOMID, MAX_NAME_BYTES
from xenparley_wire.sxp import Sexp
from xenparley_xend.errors import CHANNEL
from xenparley_xend.offers import narrowed
from xenparley_xend.release import release_of
from xenparley_xend.rows import Seen, seen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xenparley.domain.identity import GuestRef
    from xenparley.negotiation.capability import Capability
    from xenparley_xend.doors import Door
    from xenparley_xend.places import Places
    from xenparley_xend.release import Release

__all__ = ["Calls", "Found"]


class Found(NamedTuple):
    """A guest as XenD knows it now: the key that names it, what it answered, what that says."""

    key: str
    tree: Sexp
    seen: Seen


class Calls:
    """One host's XenD, and what the ports share.

    ``door`` is the one that is asked; ``second`` an XML-RPC door beside an HTTP one, for what
    only it can do.
    """

    def __init__(self, places: Places) -> None:
        self.places = places
        self.closed = False
        self.door: Door | None = None
        self.second: Door | None = None
        #: What this host can't do, and why; known once the door is open.
        self.withheld: dict[Capability, str] = {}
        self._release: Release | None = None
        self._looking = threading.Lock()

    # -- one call ----------------------------------------------------------------------------

    @contextlib.contextmanager
    def call(
        self, capability: Capability, deadline: float, guest: GuestRef | None = None
    ) -> Iterator[Door]:
        """Run one call of a port: errors leave with guest, operation and channel."""
        try:
            reason = self.withheld.get(capability)
            if reason is not None:
                raise Unsupported(reason)
            yield self.ready(deadline)
        except XenparleyError as exc:
            exc.operation = capability.value
            exc.channel = CHANNEL
            if guest is not None:
                exc.guest = str(guest)
            raise

    def ready(self, deadline: float) -> Door:
        """Return the door, found at the first call. Raises what keeps it shut."""
        if self.closed:
            raise Unavailable("the connection to XenD is closed", retry_safe=True)
        if time.monotonic() >= deadline:
            raise DeadlineExceeded("no time left to ask XenD")
        if self.places.refusal is not None:
            raise AccessRefused(self.places.refusal)
        if self.door is None:
            self.look(deadline)
        assert self.door is not None
        return self.door

    def look(self, deadline: float) -> Sexp:
        """Find the doors and read the node; returns it. Raises when none opens."""
        door = self.door
        if door is not None:
            node = door.node(deadline)
            self._release = release_of(node)
            return node
        # One thread looks; the others wait for what it finds.
        if not self._looking.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise DeadlineExceeded("XenD was not found in time")
        try:
            if self.door is not None:
                return self.door.node(deadline)
            return self._open(deadline)
        finally:
            self._looking.release()

    def _open(self, deadline: float) -> Sexp:
        door, second, node = self.places.open(deadline)
        self._release = release_of(node)
        for each in (door, second):
            if each is not None:
                each.learn(self._release)
        _, gone = narrowed(
            self._release,
            xmlrpc=second is not None or door.kind == "xmlrpc",
            files=self.places.sees_definitions(),
        )
        self.withheld = {each.capability: each.reason for each in gone}
        self.second, self.door = second, door
        if self.closed:
            self.close()
            raise Unavailable("the connection to XenD is closed", retry_safe=True)
        return node

    @property
    def release(self) -> Release:
        """The host's release; known once the door is open."""
        assert self._release is not None
        return self._release

    @property
    def xmlrpc(self) -> Door | None:
        """The XML-RPC door, if there is one."""
        if self.second is not None:
            return self.second
        return self.door if self.door is not None and self.door.kind == "xmlrpc" else None

    def close(self) -> None:
        """End calls in flight. Idempotent."""
        self.closed = True
        for door in (self.door, self.second):
            if door is not None:
                door.close()
        self.places.close()

    # -- guests ------------------------------------------------------------------------------

    def living(self, guest: GuestRef, deadline: float) -> Found:
        """Return the living guest that is meant: its domain id, and its handle when that is given.

        XenD looks for a name before it looks for an id, so a guest whose name is a number hides
        the one with that id: then the UUID names it (3.0.4 and later). NotFound; Conflict when
        XenD has no way to name it.
        """
        door = self.ready(deadline)
        domid = guest.domid
        if domid is None or not 0 <= domid <= MAX_DOMID:
            raise NotFound(f"{guest} is not living")
        found = self._lookup(door, str(domid), deadline)
        if found is not None and found.seen.domid == domid:
            return self._same(guest, found)
        if found is None:
            raise NotFound(f"{guest}: XenD knows no such domain")
        # Its name is that number.
        if self.release.manages and guest.uuid is not None:
            other = self._lookup(door, guest.uuid, deadline)
            if other is not None and other.seen.domid == domid:
                return self._same(guest, other)
            if other is None:
                raise NotFound(f"{guest}: XenD knows no such domain")
        raise Conflict(
            f"{guest}: XenD can't be told which domain is meant, a guest's name is {domid}"
        )

    @staticmethod
    def _same(guest: GuestRef, found: Found) -> Found:
        if guest.uuid is not None and guest.uuid.lower() != found.seen.uuid:
            raise NotFound(
                f"{guest}: domain id {guest.domid} belongs to {found.seen.uuid}, not to it"
            )
        return found

    def defined(self, guest: GuestRef, deadline: float) -> Found:
        """Return the definition that is meant: by UUID, by name only without one. NotFound.

        The guest may be living; whether one that lives is defined only its host's files tell.
        """
        door = self.ready(deadline)
        if guest.uuid is None and guest.name is None:
            raise NotFound(f"{guest} names no definition")
        key = guest.uuid if guest.uuid is not None else guest.name or ""
        if not _nameable(key):
            raise NotFound(f"{guest} is not defined")
        found = self._lookup(door, key, deadline)
        if found is not None:
            told = found.seen.uuid if guest.uuid is not None else found.seen.name
            if told == (key.lower() if guest.uuid is not None else key):
                if found.seen.domid is not None and not self.may_be_defined(found.seen):
                    raise NotFound(f"{guest} is living, but not defined")
                return found
        raise NotFound(f"{guest} is not defined")

    def may_be_defined(self, one: Seen) -> bool:
        """Say whether a guest is defined, as far as can be known: true where it can't."""
        return one.domid is None or self.places.is_defined(one.uuid) is not False

    def _lookup(self, door: Door, key: str, deadline: float) -> Found | None:
        try:
            tree = door.domain(key, deadline)
        except NotFound:
            return None
        return Found(key, tree, seen(tree))


def _nameable(key: str) -> bool:
    """Say whether XenD can be asked for this name or UUID."""
    if not key or "\0" in key or key in (".", "..") or "/" in key:
        return False
    return len(key.encode("utf-8", "surrogatepass")) <= MAX_NAME_BYTES and key.isprintable()
