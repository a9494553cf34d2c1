"""Steering guests. Every command goes by domain id, after a look at whose it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from attrs import evolve

from xenparley.domain.errors import (
    AlreadyExists,
    InvalidInput,
    InvalidState,
    NotFound,
    OutcomeUnknown,
    Unsupported,
    XenparleyError,
)
from xenparley.domain.identity import GuestRef, canonical_uuid, check_name, printable
from xenparley.domain.runstate import RunFlags
from xenparley.negotiation.capability import Capability
from xenparley.ports.lifecycle import Receipt
from xenparley_xend.doors import Op
from xenparley_xend.inventory import guests, taken
from xenparley_xend.passwords import unsecret
from xenparley_xend.rows import seen

if TYPE_CHECKING:
    from xenparley.domain.config import GuestConfig
    from xenparley_xend.calls import Calls, Found

__all__ = ["LifecyclePort", "check_holdable"]

C = Capability
#: What XenD takes in a name, in every release.
_NAME: Final = re.compile(r"[A-Za-z0-9_.:/+-]+", re.ASCII)
_BUTTONS: Final = ("power", "sleep", "nmi", "init", "reset")
_ENDED: Final = RunFlags.SHUTDOWN | RunFlags.DYING


def check_holdable(name: str) -> str:
    """Return the name; InvalidInput when XenD does not take it."""
    check_name(name)
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"XenD takes names of ASCII letters, digits and _ - . : + only, not "
            f"{printable(name, limit=80)!r}"
        )
    return name


def _boots_by_loader(config: GuestConfig) -> bool:
    boot = config.boot
    return boot.virt == "pv" and boot.bootloader is not None and not boot.kernel


class LifecyclePort:
    """Commands about a guest's life."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def create(self, config: GuestConfig, *, paused: bool, deadline: float) -> Receipt:
        """Make a guest (XenD makes it paused), wait for its devices, let it run.

        When a step fails it is destroyed again, by the domain id of XenD's answer only: 3.0.4
        and 3.1 give a first guest the name of a second one with its UUID.
        """
        from xenparley_formats.sxp_write import config_to_sxp

        guest = GuestRef(uuid=config.uuid, name=config.name)
        with self._calls.call(C.CREATE, deadline, guest) as door, unsecret(config):
            check_holdable(config.name)
            if not self._calls.release.runs_bootloaders and _boots_by_loader(config):
                raise Unsupported(
                    f"{guest}: up to Xen 3.0.2 XenD runs no bootloader (xm did, and sent the "
                    "kernel that it found): give the guest a kernel"
                )
            uuid = canonical_uuid(config.uuid) if config.uuid is not None else str(uuid4())
            config = evolve(config, uuid=uuid)
            tree = config_to_sxp(config, version=self._calls.release.format)
            meant = GuestRef(uuid=uuid, name=config.name)
            if taken(self._calls, meant, deadline) is not None:
                raise AlreadyExists(f"{guest}: a guest with this name or UUID is living already")
            told = seen(door.create(tree, deadline))
            if told.domid is None or told.uuid != uuid:
                raise OutcomeUnknown(
                    f"{guest}: XenD's answer tells no domain id of it", last_seen="created"
                )
            made = evolve(meant, domid=told.domid)
            self._finish(made, paused=paused, deadline=deadline)
            return Receipt(domid=told.domid)

    def _finish(self, made: GuestRef, *, paused: bool, deadline: float) -> None:
        try:
            self._send(made, Op("wait_for_devices"), deadline)
            if not paused:
                self._send(made, Op("unpause"), deadline)
        except XenparleyError as exc:
            try:
                self._send(made, Op("destroy"), deadline)
            except NotFound:
                raise exc from None
            except XenparleyError as left:
                raise OutcomeUnknown(
                    f"{made} was created, then: {exc.message}; it could not be removed: "
                    f"{left.message}",
                    last_seen="created, paused",
                ) from exc
            if isinstance(exc, OutcomeUnknown):
                raise
            from xenparley.domain.errors import OperationFailed

            raise OperationFailed(f"{made} was created and removed again: {exc.message}") from exc

    def start(self, guest: GuestRef, *, paused: bool, deadline: float) -> Receipt:
        """Start a definition. Over HTTP XenD lets it run at once, whatever it is told."""
        calls = self._calls
        with calls.call(C.START, deadline, guest) as door:
            if not calls.release.manages:
                raise Unsupported("XenD keeps definitions from Xen 3.0.4 on")
            found = calls.defined(guest, deadline)
            if found.seen.domid is not None:
                raise AlreadyExists(f"{guest} is living already (domain id {found.seen.domid})")
            if found.seen.uuid is None:
                raise Unsupported(f"{guest}: its definition has no UUID")
            if paused:
                other = calls.xmlrpc
                if other is None:
                    raise Unsupported(
                        "over HTTP XenD lets a guest that is started run at once; its XML-RPC "
                        "socket is not there"
                    )
                door = other
            door.command(found.seen.uuid, Op("start", (("paused", paused),)), deadline)
            return Receipt(domid=self._started(found, deadline))

    def _started(self, found: Found, deadline: float) -> int | None:
        """Return the domain id of the guest that was started."""
        try:
            for one in guests(self._calls, deadline):
                if one.uuid == found.seen.uuid:
                    return one.domid
        except XenparleyError as exc:
            raise OutcomeUnknown(
                f"{found.seen.name} was started; its domain id is not known: {exc.message}",
                last_seen="start accepted",
            ) from exc
        return None

    def pause(self, guest: GuestRef, *, deadline: float) -> Receipt:
        """Pause. XenD pauses once more each time, so one that is paused is left alone."""
        with self._calls.call(C.PAUSE, deadline, guest):
            found = self._calls.living(guest, deadline)
            self._not_dom0(guest, "paused")
            if found.seen.flags is not None and found.seen.flags & RunFlags.PAUSED:
                return Receipt()
            self._carry_out(found, Op("pause"), deadline)
            return Receipt()

    def unpause(self, guest: GuestRef, *, deadline: float) -> Receipt:
        """Let it run."""
        with self._calls.call(C.UNPAUSE, deadline, guest):
            self._carry_out(self._calls.living(guest, deadline), Op("unpause"), deadline)
            return Receipt()

    def shutdown(self, guest: GuestRef, *, deadline: float) -> Receipt:
        """Ask it to power off."""
        return self._ask(C.SHUTDOWN, guest, "poweroff", deadline)

    def reboot(self, guest: GuestRef, *, deadline: float) -> Receipt:
        """Ask it to reboot."""
        return self._ask(C.REBOOT, guest, "reboot", deadline)

    def _ask(
        self, capability: Capability, guest: GuestRef, reason: str, deadline: float
    ) -> Receipt:
        with self._calls.call(capability, deadline, guest):
            found = self._calls.living(guest, deadline)
            self._not_dom0(guest, "shut down")
            flags = found.seen.flags or RunFlags.NONE
            if flags & _ENDED:
                if capability is C.SHUTDOWN:
                    return Receipt(how="ended already")
                raise InvalidState(f"{guest} has ended already", phase="shutdown")
            if flags & RunFlags.PAUSED:
                raise InvalidState(f"{guest} is paused: it can't answer", phase="paused")
            self._carry_out(found, Op("shutdown", (("reason", reason),)), deadline)
            return Receipt(how="pv" if found.seen.virt == "pv" else None)

    def destroy(self, guest: GuestRef, *, deadline: float) -> Receipt:
        """Pull the plug."""
        with self._calls.call(C.DESTROY, deadline, guest):
            found = self._calls.living(guest, deadline)
            self._not_dom0(guest, "destroyed")
            self._carry_out(found, Op("destroy"), deadline)
            return Receipt()

    def rename(self, guest: GuestRef, name: str, *, deadline: float) -> Receipt:
        """Give a guest another name; one without a domain id is a definition."""
        with self._calls.call(C.RENAME, deadline, guest):
            check_holdable(name)
            if guest.domid is None and self._calls.release.manages:
                found = self._calls.defined(guest, deadline)
            else:
                found = self._calls.living(guest, deadline)
            if found.seen.name == name:
                return Receipt()
            for one in guests(self._calls, deadline, living=False):
                if one.name == name and one.uuid != found.seen.uuid:
                    raise AlreadyExists(f"{guest}: another guest is called {printable(name)}")
            self._carry_out(found, Op("rename", (("name", name),)), deadline)
            return Receipt()

    def trigger(self, guest: GuestRef, event: str, *, deadline: float) -> Receipt:
        """Press a SysRq key, or a button (XML-RPC, 3.1 and later)."""
        with self._calls.call(C.TRIGGER, deadline, guest):
            key = event.removeprefix("sysrq-")
            is_key = key != event and len(key) == 1 and key.isascii() and key.isalnum()
            if not is_key and event not in _BUTTONS:
                raise InvalidInput(
                    f"not a button or key: {printable(event, limit=40)!r} "
                    f"({', '.join(_BUTTONS)}, sysrq-X)"
                )
            found = self._calls.living(guest, deadline)
            self._not_dom0(guest, "triggered")
            if is_key:
                self._carry_out(found, Op("sysrq", (("key", ord(key)),)), deadline)
                return Receipt(how="sysrq")
            other = self._calls.xmlrpc
            if other is None or not self._calls.release.triggers:
                raise Unsupported("XenD presses buttons by XML-RPC, from Xen 3.1 on")
            if found.seen.virt != "hvm":
                raise Unsupported("only a fully virtualised guest has buttons; try sysrq-X")
            other.command(
                found.key, Op("send_trigger", (("trigger", event), ("vcpu", 0))), deadline
            )
            return Receipt(how="button")

    def _send(self, guest: GuestRef, op: Op, deadline: float) -> None:
        self._carry_out(self._calls.living(guest, deadline), op, deadline)

    def _carry_out(self, found: Found, op: Op, deadline: float) -> None:
        self._calls.ready(deadline).command(found.key, op, deadline)

    @staticmethod
    def _not_dom0(guest: GuestRef, what: str) -> None:
        if guest.domid == 0:
            raise Unsupported(f"Domain 0 is the host itself: it can't be {what}")
