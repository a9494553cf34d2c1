"""The hypercall adapter against a simulated hypervisor of one release, for the contract kit."""

from __future__ import annotations

import errno
import itertools
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import evolve

from support.abi_facts import LayoutSet
from support.hypercall_hosts import device, small_host
from xenparley.domain.config import GuestConfig
from xenparley.domain.errors import Unavailable
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import Capability
from xenparley_hypercall.channel import HypercallChannel
from xenparley_hypercall.plugin import SPEC
from xenparley_sim.ioctl_model import SimDomain, SimVcpu
from xenparley_testing import Faults, Subject
from xenparley_testing.subject import DEFAULT_TEMPLATE

#: The op that carries each command.
OPS = {
    Capability.PAUSE: "domctl.pausedomain",
    Capability.UNPAUSE: "domctl.unpausedomain",
    Capability.DESTROY: "domctl.destroydomain",
    Capability.TRIGGER: "domctl.sendtrigger",
    Capability.SET_MEMORY_MAXIMUM: "domctl.max_mem",
    Capability.PIN_VCPU: "domctl.setvcpuaffinity",
}


class Peer:
    """One simulated host, its hypercall device and what can go wrong with it."""

    def __init__(self, one: LayoutSet, sched_id: int = 5) -> None:
        self.host = small_host(sched_id)
        self.gates: list[threading.Event] = []
        self.stalled: threading.Event | None = None
        self.absent = False
        self.arch = one.arch
        self.device = device(one, self.host, before=self._before)
        self._ids = itertools.count(20)

    def _before(self, number: int) -> None:
        if self.stalled is not None:
            self.stalled.wait(60)
            raise OSError(errno.EINTR, "given up")

    def open(self):
        """Open the device."""
        if self.absent:
            raise Unavailable("no /dev/xen/privcmd", operation="open")
        return self.device

    def make_guest(self, config: GuestConfig) -> GuestRef:
        """Start a guest, as a toolstack would."""
        assert config.uuid is not None
        domain = SimDomain(
            next(self._ids),
            uuid.UUID(config.uuid).bytes,
            virt=config.virt,
            tot_pages=config.memory_kib // 4,
            max_pages=config.maximum_kib // 4,
            vcpus=[SimVcpu(cpu_time=10**6) for _ in range(config.vcpus.maximum)],
            parameters={"weight": 256, "cap": 0},
        )
        self.host.add(domain)
        return GuestRef(domid=domain.domid, uuid=config.uuid, name=config.name)

    def remove_guest(self, guest: GuestRef) -> None:
        """End it."""
        self.host.guests.pop(guest.domid, None)

    @contextmanager
    def stall(self, capability: Capability) -> Iterator[None]:
        """Hypercalls don't return until the fault is over; then they have done nothing."""
        self.stalled = threading.Event()
        try:
            yield
        finally:
            gate, self.stalled = self.stalled, None
            gate.set()

    @contextmanager
    def gone(self, capability: Capability) -> Iterator[None]:
        """There is no device."""
        self.absent = True
        try:
            yield
        finally:
            self.absent = False

    @contextmanager
    def refuse(self, capability: Capability) -> Iterator[None]:
        """The caller has no right."""
        self.device.rights.privileged = False
        try:
            yield
        finally:
            self.device.rights.privileged = True

    @contextmanager
    def garble(self, capability: Capability) -> Iterator[None]:
        """Answers are overwritten with ones."""
        memory = self.device.memory
        real = memory.write
        memory.write = lambda address, data: real(address, b"\xff" * len(data))
        try:
            yield
        finally:
            memory.write = real

    def sent(self, capability: Capability) -> int:
        """Return how many of these commands were carried out."""
        done = self.device.done
        return done.count(OPS[capability]) if capability in OPS else 0


def subject(one: LayoutSet) -> Subject:
    """Return the subject of one release."""
    peer = Peer(one, sched_id=5 if one.first >= (3, 0, 3) else 4)
    template = DEFAULT_TEMPLATE
    if one.arch.startswith("arm"):
        # What ARM has is of PVH's kind.
        template = evolve(template, boot=evolve(template.boot, virt="pvh"))
    return Subject(
        template=template,
        spec=SPEC,
        make_channel=lambda: HypercallChannel(peer.open, peer.arch),
        make_guest=peer.make_guest,
        remove_guest=peer.remove_guest,
        faults=Faults(
            stall=peer.stall,
            absent=peer.gone,
            refuse=peer.refuse,
            garble=peer.garble,
            sent=peer.sent,
            without={"drop": "an ioctl has no connection that could break"},
        ),
    )
