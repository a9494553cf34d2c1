"""One check's work bench: a channel, guests that are cleared away, and calls that are watched."""

from __future__ import annotations

import itertools
import uuid as uuids
from collections.abc import Callable, Collection
from contextlib import suppress

from attrs import evolve

from xenparley.domain.config import Disk, GuestConfig
from xenparley.domain.errors import XenparleyError
from xenparley.domain.guest import Field, GuestRow
from xenparley.domain.identity import GuestRef
from xenparley.domain.runstate import RunFlags
from xenparley.negotiation.capability import Capability
from xenparley_testing.calling import Calling, broken, watched

__all__ = ["Bench", "broken", "watched"]

_numbers = itertools.count(1)
#: What of a guest's row stays the same when nobody commands it.
_STEADY = RunFlags.PAUSED | RunFlags.SHUTDOWN | RunFlags.DYING


class Bench(Calling):
    """What a check works with: makes guests, looks at them, and removes them at the end."""

    # -- guests -------------------------------------------------------------------------

    def config(self, name: str | None = None, *, cdrom: bool = False) -> GuestConfig:
        """Return a configuration with its own name, UUID, MAC and disk."""
        subject = self.subject
        base = subject.cdrom_template if cdrom else subject.template
        number = next(_numbers)
        mac = f"00:16:3e:{number >> 16 & 0x7F:02x}:{number >> 8 & 0xFF:02x}:{number & 0xFF:02x}"
        return evolve(
            base,
            name=name or f"contract-{number}",
            uuid=str(uuids.uuid4()),
            interfaces=tuple(evolve(i, mac=i.mac and mac) for i in base.interfaces),
        )

    def extra_disk(self) -> Disk:
        """Return a disk that the template's guest doesn't have."""
        first = self.subject.template.disks[0] if self.subject.template.disks else None
        target = "xvdq"
        return Disk(target=target) if first is None else evolve(first, target=target)

    def living(self, config: GuestConfig | None = None, *, cdrom: bool = False) -> GuestRef:
        """Start a guest; its domain id, handle and name. Removed at the end."""
        config = config or self.config(cdrom=cdrom)
        make = self.subject.make_guest
        if make is not None:
            ref = make(config)
        elif self.offered(Capability.CREATE, Capability.DESTROY):
            receipt = self.call(Capability.CREATE, config, paused=False)
            ref = GuestRef(domid=receipt.domid, uuid=config.uuid, name=config.name)
        elif self.offered(Capability.DEFINE, Capability.START, Capability.DESTROY):
            defined = self.call(Capability.DEFINE, config)
            self._stack.callback(self._quietly, Capability.UNDEFINE, defined)
            receipt = self.call(Capability.START, defined, paused=False)
            ref = GuestRef(domid=receipt.domid, uuid=config.uuid, name=config.name)
        else:
            raise broken(
                "the channel makes no guests itself: give Subject.make_guest and remove_guest"
            )
        if ref.domid is None or ref.uuid is None:
            raise broken(f"a new guest without domain id or handle: {ref!r}")
        self._stack.callback(self.remove, ref)
        return ref

    def end(self, ref: GuestRef) -> None:
        """Remove a living guest, and wait until it is gone: a domain takes its time to die."""
        self.remove(ref)
        if self.can_look():
            self.eventually(lambda: self.look(ref) is None, f"{ref} was removed, but lives on")

    def remove(self, ref: GuestRef) -> None:
        """Remove a living guest, if it is still there."""
        if self.subject.remove_guest is not None:
            self.subject.remove_guest(ref)
        else:
            self._quietly(Capability.DESTROY, ref)

    def defined(self, config: GuestConfig | None = None) -> GuestRef:
        """Define a guest; its UUID and name. Removed at the end."""
        config = config or self.config()
        if self.subject.define_guest is not None:
            ref = self.subject.define_guest(config)
        elif self.offered(Capability.DEFINE):
            ref = self.call(Capability.DEFINE, config)
        else:
            raise broken("the channel defines no guests: give Subject.define_guest")
        self._stack.callback(self.undefine, ref)
        return ref

    def undefine(self, ref: GuestRef) -> None:
        """Remove a definition, if it is still there."""
        if self.subject.undefine_guest is not None:
            self.subject.undefine_guest(ref)
        else:
            self._quietly(Capability.UNDEFINE, ref)

    def _quietly(self, capability: Capability, ref: GuestRef) -> None:
        """Clear up; the guest may be gone, and the channel too."""
        if self.offered(capability):
            with suppress(XenparleyError):
                self.method(capability)(ref, deadline=self.deadline())

    def later(self, call: Callable[..., object], *args: object) -> None:
        """Call this at the end."""
        self._stack.callback(call, *args)

    # -- looking ------------------------------------------------------------------------

    def can_look(self, *fields: Field) -> bool:
        """Say whether :meth:`look` tells these fields."""
        if self.subject.observe is not None:
            return True
        return set(fields) <= self.fields(Capability.LIST_LIVE) and self.offered(
            Capability.LIST_LIVE
        )

    def look(self, ref: GuestRef, fields: Collection[Field] | None = None) -> GuestRow | None:
        """Return what there is of a living guest, None when it is gone (by id and handle)."""
        if self.subject.observe is not None:
            return self.subject.observe(ref)
        wanted = self.fields(Capability.LIST_LIVE) if fields is None else fields
        rows = self.call(Capability.LIST_LIVE, wanted, domids=[ref.domid])
        for row in rows:
            handle = row.values.get(Field.UUID, row.uuid)
            if row.domid == ref.domid and handle in (None, ref.uuid):
                return row  # type: ignore[no-any-return]
        return None

    def shows(self, ref: GuestRef, wanted: RunFlags) -> bool:
        """Say whether the guest is living with this of paused, shutdown and dying."""
        row = self.look(ref)
        if row is None:
            return False
        state = row.values.get(Field.STATE)
        return isinstance(state, RunFlags) and state & _STEADY == wanted

    def still(self, ref: GuestRef) -> dict[str, object] | None:
        """Return what of a guest must stay as it is while nobody commands it (None: can't look)."""
        if not self.can_look():
            return None
        row = self.look(ref)
        if row is None:
            return {"living": False}
        seen: dict[str, object] = {"living": True}
        for name in (Field.NAME, Field.MAX_MEMORY, Field.MAX_VCPUS, Field.UUID):
            if name in row.values:
                seen[name.value] = row.values[name]
        state = row.values.get(Field.STATE)
        if isinstance(state, RunFlags):
            seen["state"] = state & _STEADY
        return seen
