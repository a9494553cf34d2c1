"""Memory that is set aside for guests being built: `xl claims`, `xl info`."""

from __future__ import annotations

import pytest

from support.xl_subject import fake_xl, settings_of
from xenparley.domain.config import Boot, GuestConfig
from xenparley.domain.errors import ChannelLost
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import Role
from xenparley.plugin.spi import ChannelContext
from xenparley.plugin.uri import parse_uri
from xenparley_sim.xl_fake import RELEASES
from xenparley_xl.channel import make

CONFIG = GuestConfig(name="a b", memory_kib=65536, boot=Boot(kernel="/boot/vmlinuz"))


@pytest.mark.parametrize("release", RELEASES, ids=str)
def test_claims_of_a_guest_and_of_the_host(tmp_path, release, soon):
    with fake_xl(tmp_path / "fake", release) as fake:
        context = ChannelContext("xl", parse_uri("xen:///"), local=True, settings=settings_of(fake))
        channel = make(context)
        domain = fake.hypervisor.create(CONFIG)
        ref = GuestRef(domid=domain.domid, uuid=domain.handle)
        memory, host = channel.port(Role.MEMORY), channel.port(Role.HOST)
        free = host.host_info(deadline=soon()).free_memory_kib
        fake.tell(claims={domain.domid: 16})
        found, facts = memory.memory(ref, deadline=soon()), host.host_info(deadline=soon())
        if release < (4, 3):
            assert (found.claimed_kib, facts.claimed_memory_kib) == (None, None)
            assert facts.free_memory_kib == free
        else:
            assert (found.current_kib, found.claimed_kib) == (65536, 16384)
            assert facts.claimed_memory_kib == 16384
            assert facts.free_memory_kib == free - 16384
        dom0 = memory.memory(GuestRef(domid=0), deadline=soon())
        assert dom0.claimed_kib == (None if release < (4, 3) else 0)
        assert bool(fake.carried_out("claims")) == (release >= (4, 3))
        # Where the kernel tells no release, xl is asked, and may not know what it is about.
        (fake.root / "sys/hypervisor/version/major").unlink()
        fake.tell()
        assert memory.memory(ref, deadline=soon()).claimed_kib == (None if release < (4, 3) else 0)


def test_claims_that_cannot_be_read_are_an_error(fake, channel, soon):
    domain = fake.hypervisor.create(CONFIG)
    with fake.fault("crash", "claims"), pytest.raises(ChannelLost):
        channel.port(Role.MEMORY).memory(GuestRef(domid=domain.domid), deadline=soon())
