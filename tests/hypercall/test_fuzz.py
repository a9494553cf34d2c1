"""A hypervisor that answers anything: nothing but xenparley's own errors, and no hanging."""

from __future__ import annotations

import errno
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.hypercall_hosts import SETS, device, handle
from xenparley.domain.errors import XenparleyError
from xenparley.domain.guest import Field
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import Role
from xenparley_hypercall.channel import HypercallChannel, handle_uuid

IDS = {one.id: one for one in SETS}
RELEASES = [
    IDS[name]
    for name in (
        "x86_64-3.0.0",
        "x86_32-3.0.3",
        "x86_64-3.3.0",
        "x86_64-4.2.0",
        "x86_64-4.7.0",
        "arm64-4.13.0",
        "x86_64-4.17.0",
        "x86_64-4.21.0",
    )
]
GUEST = GuestRef(domid=3, uuid=handle_uuid(handle(3)))
ERRORS = [
    errno.EPERM,
    errno.EACCES,
    errno.ESRCH,
    errno.ENOSYS,
    errno.EINVAL,
    errno.EAGAIN,
    errno.EFAULT,
    errno.ENOMEM,
    errno.EBUSY,
    errno.ENODEV,
    errno.EINTR,
    0,
    9999,
]


class Liar:
    """Changes what the simulated hypervisor writes and returns, by a seed."""

    def __init__(self, one, seed, share):
        self.random = random.Random(seed)
        self.share = share
        self.real = device(one)
        self.name = "liar"
        self.memory = self.real.memory
        write = self.memory.write
        self.memory.write = lambda address, data: write(address, self.changed(bytes(data)))
        self.calls = 0
        self.lying = False

    def changed(self, data):
        if not data or not self.lying or self.random.random() > self.share:
            return data
        way = self.random.randrange(4)
        if way == 0:
            return self.random.randbytes(len(data))
        if way == 1:
            return b"\xff" * len(data)
        if way == 2:
            return bytes(len(data))
        bent = bytearray(data)
        for _ in range(3):
            bent[self.random.randrange(len(bent))] = self.random.choice((0, 0x7F, 0x80, 0xFF))
        return bytes(bent)

    def ioctl(self, request, argument):
        self.calls += 1
        if self.lying and self.random.random() < self.share / 8:
            raise OSError(self.random.choice(ERRORS), "made up")
        result = self.real.ioctl(request, argument)
        if self.lying and self.random.random() < self.share / 8:
            return self.random.choice((0, 1, -1, 65535, 1 << 30, (1 << 31) - 1))
        return result

    def allocate(self, size):
        assert size <= 1 << 22, "memory for what can't be"
        return self.real.allocate(size)

    def close(self):
        self.real.close()


def calls(channel, deadline):
    inventory = channel.port(Role.INVENTORY)
    yield lambda: inventory.list_live(frozenset(Field), deadline=deadline)
    yield lambda: inventory.list_live(frozenset(Field), domids=[1, 3], deadline=deadline)
    yield lambda: inventory.find_live(frozenset(Field), uuid=GUEST.uuid, deadline=deadline)
    for role, names in (
        (Role.HOST, ("host_info", "host_capabilities", "numa_nodes", "console_ring", "cpupools")),
        (Role.SCHEDULER, ("scheduler_name",)),
    ):
        port = channel.port(role)
        for name in names:
            yield lambda port=port, name=name: getattr(port, name)(deadline=deadline)
    for role, name in (
        (Role.MEMORY, "memory"),
        (Role.VCPUS, "vcpus"),
        (Role.SCHEDULER, "parameters"),
        (Role.STATISTICS, "cpu_time_ns"),
        (Role.LIFECYCLE, "pause"),
        (Role.LIFECYCLE, "unpause"),
    ):
        port = channel.port(role)
        yield lambda port=port, name=name: getattr(port, name)(GUEST, deadline=deadline)
    yield lambda: channel.port(Role.VCPUS).pin_vcpu(GUEST, 0, [1], deadline=deadline)
    yield lambda: channel.port(Role.SCHEDULER).set_parameters(
        GUEST, {"weight": 5}, deadline=deadline
    )
    yield lambda: channel.port(Role.MEMORY).set_maximum(GUEST, 1 << 20, deadline=deadline)
    yield lambda: channel.port(Role.LIFECYCLE).destroy(GUEST, deadline=deadline)


@pytest.mark.parametrize("one", RELEASES, ids=[one.id for one in RELEASES])
@given(seed=st.integers(0, 2**32), share=st.sampled_from([0.1, 0.5, 1.0]), early=st.booleans())
def test_whatever_comes_back(one, seed, share, early):
    liar = Liar(one, seed, share)
    liar.lying = early
    channel = HypercallChannel(lambda: liar, one.arch)
    try:
        channel.probe(deadline=time.monotonic() + 20)
        liar.lying = True
        for call in calls(channel, time.monotonic() + 20):
            try:
                call()
            except XenparleyError as exc:
                assert exc.channel == "hypercall"
                assert exc.operation
        # No answer makes it ask for ever: a page of vCPUs is the most that a call may need.
        assert liar.calls < 20_000
    finally:
        liar.lying = False
        channel.close()
