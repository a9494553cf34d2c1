"""How long guests have lived: `xl uptime`."""

from __future__ import annotations

import pytest

from support.xl_subject import fake_xl, settings_of
from xenparley.domain.config import Boot, GuestConfig
from xenparley.domain.errors import NotFound, Unsupported
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import Role
from xenparley.plugin.spi import ChannelContext
from xenparley.plugin.uri import parse_uri
from xenparley_sim.clock import FrozenClock
from xenparley_sim.facts import HostFacts
from xenparley_sim.hypervisor import Hypervisor
from xenparley_sim.xl_fake import RELEASES
from xenparley_xl.channel import make

CONFIG = GuestConfig(name="12 days, 3", memory_kib=65536, boot=Boot(kernel="/boot/vmlinuz"))


@pytest.mark.parametrize("release", RELEASES, ids=str)
def test_uptime_by_the_hosts_clock(tmp_path, release, soon):
    clock = FrozenClock()
    hypervisor = Hypervisor(facts=HostFacts(version=(*release, ".0")), clock=clock)
    with fake_xl(tmp_path / "fake", release, hypervisor=hypervisor) as fake:
        context = ChannelContext("xl", parse_uri("xen:///"), local=True, settings=settings_of(fake))
        port = make(context).port(Role.STATISTICS)
        domain = hypervisor.create(CONFIG)
        ref = GuestRef(domid=domain.domid, uuid=domain.handle)
        assert port.uptime_s(ref, deadline=soon()) == 0
        for seconds, total in ((59, 59), (86_400 - 59, 86_400), (12 * 86_400 + 3723, 1_126_923)):
            clock.advance(seconds)
            assert port.uptime_s(ref, deadline=soon()) == total
        later = hypervisor.create(GuestConfig(name="b", memory_kib=65536, boot=CONFIG.boot))
        assert port.uptime_s(GuestRef(domid=later.domid), deadline=soon()) == 0
        assert port.uptime_s(GuestRef(domid=0), deadline=soon()) >= 1_126_923
        fake.tell(no_start=[domain.domid])
        with pytest.raises(Unsupported, match="nobody noted"):
            port.uptime_s(ref, deadline=soon())
        with pytest.raises(NotFound):
            port.uptime_s(GuestRef(domid=later.domid, uuid=domain.handle), deadline=soon())
    hypervisor.close()
