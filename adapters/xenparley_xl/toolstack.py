"""What every port stands on: xl run for a capability, and the guest looked at right before."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from xenparley.domain.errors import (
    InvalidState,
    NotFound,
    OutcomeUnknown,
    ProtocolError,
    Unavailable,
    Unsupported,
    XenparleyError,
)
from xenparley.domain.identity import MAX_DOMID
from xenparley.domain.runstate import RunFlags
from xenparley_xl import info, tables
from xenparley_xl.failures import failure, no_such_domain, refused_early
from xenparley_xl.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from xenparley.domain.identity import GuestRef
    from xenparley.negotiation.capability import Capability
    from xenparley_xl.runner import Result
    from xenparley_xl.tables import GuestLine

__all__ = ["CHANNEL", "Toolstack", "check_whole", "oddity", "worded"]

#: The adapter's name.
CHANNEL: Final = "xl"
#: Where XenD's start script leaves its lock; xl 4.1 and later look there too (xl.c).
XEND_LOCKS: Final = ("var/lock/subsys/xend", "var/lock/xend")


class Toolstack:
    """xl on this host. ``root`` is where the host's files are (``/``).

    ``others``: whether guests of other owners (libvirt, XAPI, Qubes) may be changed.
    """

    def __init__(self, runner: Runner, *, root: str = "/", others: bool = False) -> None:
        self.runner = runner
        self.root = Path(root)
        self.others = others
        #: xl could not even begin, last time: the next probe has to ask it.
        self.shut_out = False

    # -- one call of a port ---------------------------------------------------------------

    @contextlib.contextmanager
    def call(self, capability: Capability, guest: GuestRef | None = None) -> Iterator[None]:
        """Run one call of a port: errors leave with guest, operation and channel."""
        try:
            yield
        except XenparleyError as exc:
            exc.operation = capability.value
            exc.channel = CHANNEL
            if guest is not None:
                exc.guest = str(guest)
            raise

    def read(self, *arguments: str, deadline: float) -> str:
        """Return what a reading command prints; its failure is an error."""
        result = self.runner.read(arguments, deadline=deadline)
        if result.status != 0:
            raise self._noted(failure(result, f"xl {arguments[0]}"))
        return result.out

    def change(
        self,
        *arguments: str,
        deadline: float,
        afterwards: Callable[[], None] | None = None,
        checked: bool = True,
    ) -> Result:
        """Run a changing command, once; a status other than 0 is an error when ``checked``."""
        result = self.runner.change(arguments, deadline=deadline, afterwards=afterwards)
        if result.status != 0:
            early = refused_early(result)
            if early is not None:
                raise self._noted(early)
            if checked:
                raise failure(result, f"xl {arguments[0]}")
        return result

    def _noted(self, error: XenparleyError) -> XenparleyError:
        """Remember that xl reaches no hypervisor or XenStore; files alone don't show that."""
        self.shut_out = self.shut_out or isinstance(error, Unavailable)
        return error

    # -- guests ---------------------------------------------------------------------------

    def guests(self, *, deadline: float) -> list[GuestLine]:
        """Return every living guest by domain id."""
        return tables.parse_list(self.read("list", "-v", deadline=deadline))

    def line(self, domid: int, *, deadline: float) -> GuestLine | None:
        """Return one living guest; None when the id is nobody's."""
        if not 0 <= domid <= MAX_DOMID:
            return None
        result = self.runner.read(("list", "-v", str(domid)), deadline=deadline)
        if no_such_domain(result):
            return None
        if result.status != 0:
            raise self._noted(failure(result, "xl list"))
        rows = tables.parse_list(result.out)
        if len(rows) > 1 or (rows and rows[0].domid != domid):
            raise ProtocolError(f"xl list {domid} tells of other guests: {rows!r}")
        return rows[0] if rows else None

    def living(self, guest: GuestRef, *, deadline: float) -> GuestLine:
        """Return the guest that is meant: its id is living, and the handle is still its own.

        Raises NotFound.
        """
        if guest.domid is None or not 0 <= guest.domid <= MAX_DOMID:
            raise NotFound(f"{guest} is not living")
        found = self.line(guest.domid, deadline=deadline)
        if found is None:
            raise NotFound(f"{guest}: there is no domain {guest.domid}")
        if guest.uuid is not None and found.uuid != guest.uuid.lower():
            raise NotFound(f"{guest}: domain id {guest.domid} belongs to {found.uuid} now")
        return found

    def steerable(self, guest: GuestRef, *, deadline: float) -> GuestLine:
        """Return the guest if xl should change it. Raises NotFound, InvalidState, Unsupported."""
        found = self.living(guest, deadline=deadline)
        owner = self.owner(found)
        if owner is not None and not (self.others or guest.force):
            raise InvalidState(
                f"{guest} belongs to {owner}, which would not see the change: steer it there, "
                "or force it (destroy has force; a GuestRef has it for any command; "
                "XENPARLEY_XL_OTHERS=change for all)"
            )
        return found

    def unprivileged(self, guest: GuestRef, what: str, *, deadline: float) -> GuestLine:
        """Return the guest, which must be none of the host's own. Raises Unsupported for dom0."""
        found = self.steerable(guest, deadline=deadline)
        if found.domid == 0:
            raise Unsupported(f"domain 0 can't be {what} by xl")
        return found

    def owner(self, line: GuestLine) -> str | None:
        """Return who else made the guest: libvirt, XAPI or Qubes; None: xl, as far as one sees."""
        if line.domid == 0:
            return None
        mark = f"var/lib/xen/userdata-d.{line.domid}.{line.uuid}.libvirt-xml"
        if os.path.lexists(self.root / mark):
            return "libvirt"
        return self.host_owner()

    def host_owner(self) -> str | None:
        """Return who owns all guests of this host: XAPI or Qubes, by their files; else None."""
        if os.path.lexists(self.root / "etc/xensource-inventory"):
            return "XAPI"
        if os.path.lexists(self.root / "etc/qubes-release"):
            return "Qubes"
        return None

    def xend_lock(self) -> str | None:
        """Return the lock of a XenD that runs beside xl, which then refuses to change anything."""
        for lock in XEND_LOCKS:
            if os.path.lexists(self.root / lock):
                return f"/{lock}"
        return None

    def counts_held(self) -> bool:
        """Say whether xl's column Mem is what a guest holds: in 4.1 it is its maximum."""
        release = self.release()
        return release is None or release >= (4, 2)

    # -- the host -------------------------------------------------------------------------

    def info(self, *, deadline: float) -> Mapping[str, str]:
        """Return the pairs of `xl info`."""
        return info.parse_info(self.read("info", deadline=deadline))

    def release(self) -> tuple[int, int] | None:
        """Return Xen's major and minor release as the kernel tells it; None when it doesn't."""
        told = []
        for name in ("major", "minor"):
            try:
                told.append(int((self.root / "sys/hypervisor/version" / name).read_text()))
            except (OSError, ValueError):
                return None
        return told[0], told[1]

    def last_seen(self, guest: GuestRef, deadline: float) -> str:
        """Word a guest's state, for an error that is on its way."""
        try:
            line = self.line(guest.domid if guest.domid is not None else -1, deadline=deadline)
        except XenparleyError as exc:
            return f"not known: {exc.message}"
        return "gone" if line is None else worded(line)

    @contextlib.contextmanager
    def observed(self, guest: GuestRef, deadline: float) -> Iterator[None]:
        """Add the state last seen to an OutcomeUnknown, with what little time that may take."""
        try:
            yield
        except OutcomeUnknown as exc:
            seen = self.last_seen(guest, deadline + 2.0)
            exc.last_seen = f"{exc.last_seen}; the guest: {seen}" if exc.last_seen else seen
            raise


def worded(line: GuestLine) -> str:
    """Word a guest's flags, and what a careful eye sees in them."""
    words = [flag.name.lower() for flag in RunFlags if flag & line.flags and flag.name]
    text = " ".join(words) or "runnable"
    odd = oddity(line)
    return f"{text} ({odd})" if odd else text


def oddity(line: GuestLine) -> str | None:
    """Say what a guest is that is no ordinary one, and the remedy; None for ordinary ones."""
    name = line.name
    if line.flags & RunFlags.DYING:
        return (
            "a zombie that waits for its back ends or its pages to be given back; "
            "if it stays, destroying it again cleans up"
        )
    if name is None:
        return "without a name: half built or half removed; if nobody is at it, destroy it"
    if name.endswith("--incoming"):
        return "arriving by migration; if no migration runs, destroy it"
    if name.endswith("--migratedaway"):
        return "sent to another host; if it runs there, destroy this one"
    if line.flags & RunFlags.SHUTDOWN:
        return "ended, and nobody cleaned up: preserved, or its xl monitor is gone; destroy it"
    if name.endswith("-dm"):
        return "a stub domain, which serves the guest of that name"
    return None


def check_whole(line: GuestLine, what: str) -> None:
    """Refuse what harms a guest under way. Raises InvalidState with the remedy."""
    odd = oddity(line)
    if odd is not None and (
        line.name is None or line.name.endswith(("--incoming", "--migratedaway"))
    ):
        raise InvalidState(f"domain {line.domid} can't be {what}: it is {odd}")
