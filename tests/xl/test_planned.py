"""Where hypercalls and XenStore are, xl is for what needs it, and for nothing else."""

from __future__ import annotations

import pytest

from xenparley.domain.config import Boot, GuestConfig
from xenparley.negotiation.capability import Capability
from xenparley_sim import SimulatedXen

CONFIG = GuestConfig(name="web", memory_kib=65536, boot=Boot(kernel="/boot/vmlinuz"))
C = Capability


@pytest.mark.parametrize("release", ["4.5", "4.17", "4.22"])
def test_reads_start_no_process(release):
    with SimulatedXen(release, toolstack="xl") as xen, xen.connect() as host:
        assert "xl" in {s.name for s in host.channels() if s.state == "available"}
        host.create(CONFIG)
        before = xen.xl.calls()
        assert {"create"} <= {call[0] for call in before}
        assert "web" in {guest.name for guest in host.list(all=True)}
        assert host.find("web").living
        for read in (host.memory, host.vcpus, host.devices, host.cpu_time_ns):
            read("web")
        assert xen.xl.calls() == before

        def chosen(capability):
            return {name for name, _ in host.explain(capability).chosen}

        assert chosen(C.LIST_LIVE) == {"hypercall", "xenstore"}
        for capability in (C.CREATE, C.DESTROY, C.SHUTDOWN, C.SAVE, C.ATTACH_DEVICE, C.START):
            assert chosen(capability) == {"xl"}, capability
        listed = {v.channel: v for v in host.explain(C.LIST_LIVE).verdicts}
        assert listed["xl"].reason
        assert not listed["xl"].chosen
