"""A small conforming adapter in memory: what the kit's own tests try the kit with.

``Peer`` is the host at the far end; it counts commands and can be upset. ``Reference`` is the
channel: inventory, lifecycle, definitions and memory.
"""

from __future__ import annotations

import itertools
import threading
import time
import uuid as uuids
from collections import Counter
from contextlib import contextmanager

from attrs import evolve

from xenparley.domain import errors as e
from xenparley.domain.guest import Field, GuestRow
from xenparley.domain.identity import GuestRef, check_name
from xenparley.domain.runstate import RunFlags
from xenparley.negotiation.capability import SPECS, Capability, Role
from xenparley.negotiation.offer import Available, Offer, Unavailable
from xenparley.plugin.spi import AdapterSpec
from xenparley.ports.lifecycle import Receipt
from xenparley.ports.memory import MemoryInfo
from xenparley_testing import Faults, Limits, Subject

F, C = Field, Capability
ROW = dict.fromkeys(
    (F.DOMID, F.UUID, F.NAME, F.STATE, F.MEMORY, F.MAX_MEMORY, F.VCPUS, F.VIRT), 1.0
)
ROLES = (Role.INVENTORY, Role.LIFECYCLE, Role.DEFINITIONS, Role.MEMORY)
LEFT_OUT = (C.TRIGGER, C.REBOOT, C.RENAME)
OFFERS = tuple(
    Offer(c, 10.0, field_costs_us=ROW if spec.role is Role.INVENTORY else {})
    for c, spec in SPECS.items()
    if spec.role in ROLES and c not in LEFT_OUT
)


class Guest:
    """A living guest at the peer."""

    def __init__(self, domid, config, flags):
        self.domid, self.config, self.flags = domid, config, flags
        self.target, self.maximum = config.memory_kib, config.maximum_kib


class Peer:
    """A host: living guests by domain id, definitions by UUID, faults, and counts of commands."""

    def __init__(self):
        self.lock = threading.RLock()
        self.living, self.defined = {}, {}
        self.ids = itertools.count(1)
        self.counts = Counter()
        self.fault = None
        self.released = threading.Event()

    @contextmanager
    def upset(self, fault):
        self.fault = fault
        try:
            yield
        finally:
            self.fault = None

    def faults(self):
        made = {
            name: lambda capability, name=name: self.upset(name)
            for name in ("stall", "drop", "absent", "refuse", "garble")
        }
        return Faults(sent=lambda c: self.counts[c], **made)


class Reference:
    """The channel. All four ports are this one object."""

    def __init__(self, peer, name="reference"):
        self.peer, self.name = peer, name
        self.closed = threading.Event()

    def probe(self, *, deadline):
        if self.closed.is_set():
            return Unavailable("closed")
        try:
            self.ask("probe", None, deadline, lambda: None)
        except e.XenparleyError as exc:
            return Unavailable(str(exc))
        return Available(version="1.0", offers=OFFERS)

    def port(self, role):
        if role in ROLES:
            return self
        raise e.Unsupported(f"no {role.value}", operation="port", channel=self.name)

    def close(self):
        self.closed.set()

    # -- the way to the peer ---------------------------------------------------------

    def ask(self, operation, guest, deadline, act, command=None, reads=False):
        """Send one request. ``command`` is counted at the peer."""
        where = {"operation": operation, "guest": guest and str(guest), "channel": self.name}
        if deadline <= time.monotonic():
            raise e.DeadlineExceeded("the deadline has passed", **where)
        if self.closed.is_set():
            raise e.ChannelLost("closed", **where)
        fault = self.peer.fault
        if fault == "absent":
            raise e.Unavailable("connection refused", **where)
        if fault == "refuse":
            raise e.AccessRefused("permission denied", **where)
        if command is not None and fault:
            self.peer.counts[command] += 1
        if fault == "stall":
            self.closed.wait(deadline - time.monotonic())
        if fault:
            if command is not None:
                raise e.OutcomeUnknown(f"no answer: {fault}", **where)
            if fault == "stall" and not self.closed.is_set():
                raise e.DeadlineExceeded("no answer", **where)
            kind = e.ProtocolError if fault == "garble" else e.ChannelLost
            raise kind(f"no answer: {fault}", **where)
        with self.peer.lock:
            try:
                answer = act()
            except e.XenparleyError as exc:
                for key, value in where.items():
                    setattr(exc, key, getattr(exc, key) or value)
                raise
            if command is not None:
                self.peer.counts[command] += 1
            return answer

    def command(self, capability, guest, deadline, act):
        return self.ask(capability.value, guest, deadline, act, command=capability)

    def lived(self, guest):
        found = self.peer.living.get(guest.domid)
        if found is None or found.config.uuid != guest.uuid:
            raise e.NotFound(f"no guest {guest}")
        return found

    def definition(self, guest):
        for config in self.peer.defined.values():
            if guest.uuid == config.uuid or (guest.uuid is None and guest.name == config.name):
                return config
        raise e.NotFound(f"no definition of {guest}")

    # -- inventory -------------------------------------------------------------------

    def row(self, fields, domid, config, flags, guest=None):
        values = {
            F.DOMID: domid,
            F.UUID: config.uuid,
            F.NAME: config.name,
            F.STATE: flags,
            F.MEMORY: guest.target if guest else config.memory_kib,
            F.MAX_MEMORY: guest.maximum if guest else config.maximum_kib,
            F.VCPUS: config.vcpus_online,
            F.VIRT: config.virt,
        }
        known = {f: values[f] for f in fields if f in values and values[f] is not None}
        absent = {F.STATE: "not living"} if F.STATE in fields and flags is None else None
        return GuestRow(domid, config.uuid, known, absent)

    def list_live(self, fields, *, domids=None, deadline):
        def act():
            rows = [self.row(fields, 0, DOMAIN_0, RunFlags.RUNNING)]
            rows += [
                self.row(fields, guest.domid, guest.config, guest.flags, guest)
                for guest in self.peer.living.values()
            ]
            return [r for r in rows if domids is None or r.domid in domids]

        return self.ask("list-live", None, deadline, act)

    def list_defined(self, fields, *, deadline):
        def act():
            return [self.row(fields, None, c, None) for c in self.peer.defined.values()]

        return self.ask("list-defined", None, deadline, act)

    def find_live(self, fields, *, domid=None, uuid=None, name=None, deadline):
        rows = self.list_live([*fields, F.NAME], deadline=deadline)
        return [r for r in rows if matches(r, domid, uuid, name)]

    def find_defined(self, fields, *, uuid=None, name=None, deadline):
        rows = self.list_defined([*fields, F.NAME], deadline=deadline)
        return [r for r in rows if matches(r, None, uuid, name)]

    # -- lifecycle -------------------------------------------------------------------

    def born(self, config, paused):
        for guest in self.peer.living.values():
            if guest.config.name == config.name or guest.config.uuid == config.uuid:
                raise e.AlreadyExists(f"{config.name} is living", guest=config.name)
        config = evolve(config, uuid=config.uuid or str(uuids.uuid4()))
        domid = next(self.peer.ids)
        flags = RunFlags.PAUSED if paused else RunFlags.NONE
        self.peer.living[domid] = Guest(domid, config, flags)
        return Receipt(domid=domid)

    def create(self, config, *, paused, deadline):
        check_name(config.name)
        ref = GuestRef(name=config.name)
        return self.command(C.CREATE, ref, deadline, lambda: self.born(config, paused))

    def start(self, guest, *, paused, deadline):
        return self.command(
            C.START, guest, deadline, lambda: self.born(self.definition(guest), paused)
        )

    def flagged(self, capability, guest, flags, deadline):
        def act():
            self.lived(guest).flags = flags
            return Receipt()

        return self.command(capability, guest, deadline, act)

    def pause(self, guest, *, deadline):
        return self.flagged(C.PAUSE, guest, RunFlags.PAUSED, deadline)

    def unpause(self, guest, *, deadline):
        return self.flagged(C.UNPAUSE, guest, RunFlags.NONE, deadline)

    def end(self, guest, how=None):
        del self.peer.living[self.lived(guest).domid]
        return Receipt(how=how)

    def shutdown(self, guest, *, deadline):
        return self.command(C.SHUTDOWN, guest, deadline, lambda: self.end(guest, "pv"))

    def destroy(self, guest, *, deadline):
        return self.command(C.DESTROY, guest, deadline, lambda: self.end(guest))

    # -- definitions -----------------------------------------------------------------

    def read_defined(self, guest, *, deadline):
        return self.ask("read-defined", guest, deadline, lambda: self.definition(guest))

    def read_live(self, guest, *, deadline):
        def act():
            return evolve(self.lived(guest).config, domid=guest.domid)

        return self.ask("read-live", guest, deadline, act)

    def define(self, config, *, deadline):
        check_name(config.name)

        def act():
            old = [c for c in self.peer.defined.values() if c.name == config.name]
            uuid = config.uuid or (old[0].uuid if old else str(uuids.uuid4()))
            if old and old[0].uuid != uuid:
                raise e.AlreadyExists(f"{config.name} is another's name")
            self.peer.defined[uuid] = evolve(config, uuid=uuid)
            return GuestRef(uuid=uuid, name=config.name)

        return self.command(C.DEFINE, GuestRef(name=config.name), deadline, act)

    def undefine(self, guest, *, deadline):
        def act():
            del self.peer.defined[self.definition(guest).uuid]

        self.command(C.UNDEFINE, guest, deadline, act)

    def set_autostart(self, guest, enabled, *, deadline):
        def act():
            config = self.definition(guest)
            self.peer.defined[config.uuid] = evolve(config, autostart=enabled)

        self.command(C.SET_AUTOSTART, guest, deadline, act)

    # -- memory ----------------------------------------------------------------------

    def memory(self, guest, *, deadline):
        def act():
            if guest.domid is None:
                config = self.definition(guest)
                return MemoryInfo(current_kib=config.memory_kib, maximum_kib=config.maximum_kib)
            found = self.lived(guest)
            return MemoryInfo(
                current_kib=found.target, target_kib=found.target, maximum_kib=found.maximum
            )

        return self.ask("memory", guest, deadline, act)

    def set_target(self, guest, kib, *, deadline):
        def act():
            found = self.lived(guest)
            if not 0 < kib <= found.maximum:
                raise e.InvalidInput(f"not a target: {kib}")
            found.target = kib

        self.command(C.SET_MEMORY_TARGET, guest, deadline, act)

    def set_maximum(self, guest, kib, *, deadline):
        def act():
            found = self.lived(guest)
            if kib < found.target:
                raise e.InvalidInput(f"not a maximum: {kib}")
            found.maximum = kib

        self.command(C.SET_MEMORY_MAXIMUM, guest, deadline, act)


def matches(row, domid, uuid, name):
    if domid is not None:
        return row.domid == domid
    if uuid is not None:
        return row.uuid == uuid
    return row.values[F.NAME] == name


class DOMAIN_0:  # noqa: N801
    """Domain 0 as a configuration."""

    uuid, name, virt = "00000000-0000-0000-0000-000000000000", "Domain-0", "pv"
    memory_kib = maximum_kib = 1 << 20
    vcpus_online = 1


SPEC = AdapterSpec(
    name="reference",
    factory=lambda context: Reference(Peer()),
    offers=OFFERS,
    schemes=frozenset({"reference"}),
    summary="a host in memory, for the contract kit's own tests",
)


def subject(wrap=lambda channel: channel, *, spec=SPEC, limits=None, **more):
    """Return the subject of a new peer; ``wrap`` changes each channel."""
    peer = Peer()
    return Subject(
        spec=spec,
        make_channel=lambda: wrap(Reference(peer)),
        faults=peer.faults(),
        limits=limits or Limits(stall=0.02, slack=1.0, settle=0.3),
        guests_obey=True,
        **more,
    )
