"""What the ports tell and do, where the contract kit can't know it."""

from __future__ import annotations

import errno
import os
import re
import tempfile
import time
from pathlib import Path

import pytest

from support.hypercall_hosts import SETS, handle, small_host
from support.hypercall_subject import Peer
from xenparley.domain.errors import (
    AccessRefused,
    InvalidInput,
    NotFound,
    Unavailable,
    Unsupported,
    XenparleyError,
)
from xenparley.domain.guest import UNLIMITED_KIB, Field
from xenparley.domain.identity import DOM0_HANDLE, GuestRef
from xenparley.domain.runstate import RunFlags
from xenparley.negotiation.capability import Capability, Role
from xenparley.negotiation.offer import Available
from xenparley.negotiation.offer import Unavailable as NotThere
from xenparley.plugin.spi import ChannelContext
from xenparley.plugin.uri import parse_uri
from xenparley_hypercall.channel import HypercallChannel, handle_uuid, make
from xenparley_hypercall.guest_kinds import guest_archs
from xenparley_hypercall.offers import NEEDS, OFFERS
from xenparley_sim.ioctl import SimulatedDevice
from xenparley_sim.ioctl_model import SimDomain, SimVcpu
from xenparley_wire.abi.table import InterfaceKey

BY_ID = {one.id: one for one in SETS}
sets = pytest.mark.parametrize("one", SETS, ids=list(BY_ID))
CURRENT = BY_ID["x86_64-4.17.0"]
EVERY = frozenset(Field) - {Field.NAME, Field.DEFINED, Field.AUTOSTART}


def soon():
    return time.monotonic() + 20


class On:
    """A channel to a simulated host, and the host."""

    def __init__(self, one, sched_id=None):
        self.peer = Peer(one, sched_id or (5 if one.first >= (3, 0, 3) else 4))
        self.host = self.peer.host
        self.channel = HypercallChannel(self.peer.open, one.arch)

    def port(self, role):
        return self.channel.port(role)

    def probe(self):
        return self.channel.probe(deadline=soon())

    def rows(self, fields=EVERY, **more):
        rows = self.port(Role.INVENTORY).list_live(fields, deadline=soon(), **more)
        return {row.domid: row for row in rows}


@pytest.fixture
def on():
    made = []

    def new(one=CURRENT, **more):
        it = On(one, **more)
        made.append(it)
        return it

    yield new
    for it in made:
        it.channel.close()


def ref(number):
    return GuestRef(domid=number, uuid=handle_uuid(handle(number)))


@sets
def test_rows_of_every_release(one, on):
    it = on(one)
    rows = it.rows()
    assert list(rows) == [0, 1, 3, 7, 9]
    assert rows[0].uuid == DOM0_HANDLE
    assert rows[0].values[Field.MAX_MEMORY] == UNLIMITED_KIB
    assert rows[1].uuid == "01010101-0101-0101-0101-010101010101"
    assert rows[1].values[Field.MEMORY] == 131072
    assert rows[1].values[Field.STATE] is RunFlags.BLOCKED
    assert rows[7].values[Field.STATE] is RunFlags.SHUTDOWN
    assert (rows[7].values[Field.REASON], rows[1].values[Field.REASON]) == (3, None)
    assert (rows[3].values[Field.VCPUS], rows[3].values[Field.MAX_VCPUS]) == (1, 2)
    virt = {number: row.values.get(Field.VIRT) for number, row in rows.items()}
    release = one.first
    if one.arch == "arm64":
        assert set(virt.values()) == {"pvh"}
    elif release < (3, 0, 4):
        assert set(virt.values()) == {None}
        assert "doesn't tell" in rows[1].absent[Field.VIRT]
    elif (4, 9) <= release < (4, 10, 1):
        assert (virt[1], virt[3]) == ("pv", None)
    else:
        assert (virt[1], virt[3]) == ("pv", "hvm")


@pytest.mark.parametrize(
    ("release", "virt"), [("4.3.0", "pv"), ("4.5.0", "pvh"), ("4.8.0", "pvh"), ("4.11.0", "pvh")]
)
def test_pvh_guests_are_told_from_hvm_ones(on, release, virt):
    it = on(BY_ID[f"x86_64-{release}"])
    it.host.add(SimDomain(30, bytes(16), virt="pvh", vcpus=[SimVcpu(cpu_time=1)]))
    assert it.rows()[30].values[Field.VIRT] == virt


@sets
def test_each_offer_holds_or_is_withheld_with_a_reason(one, on):
    result = on(one).probe()
    assert isinstance(result, Available)
    offered = {offer.capability for offer in result.offers}
    withheld = {entry.capability: entry.reason for entry in result.withheld}
    assert offered | set(withheld) == {offer.capability for offer in OFFERS}
    assert not offered & set(withheld)
    for capability, reason in withheld.items():
        assert NEEDS[capability] in reason
    assert (Capability.CPUPOOLS in offered) == (one.first >= (4, 1))
    assert (Capability.TRIGGER in offered) == (one.first >= (3, 1))
    assert re.fullmatch(r"\d+\.\d+\.\d+", result.version)
    assert result.facts["architecture"] == one.arch


def test_destroy_is_never_planned_without_force_and_says_what_it_leaves():
    (offer,) = [offer for offer in OFFERS if offer.capability is Capability.DESTROY]
    for word in ("XenStore", "back ends", "qemu"):
        assert word in (offer.force_only or "")
    assert all(o.force_only is None for o in OFFERS if o is not offer)


def test_destroy_warns_of_what_stays(on):
    it = on()
    receipt = it.port(Role.LIFECYCLE).destroy(ref(3), deadline=soon())
    assert any("qemu" in text for text in receipt.warnings)
    receipt = it.port(Role.LIFECYCLE).destroy(ref(1), deadline=soon())
    assert any("XenStore" in text for text in receipt.warnings)
    assert not any("qemu" in text for text in receipt.warnings)
    assert set(it.host.guests) == {0, 7, 9}


def test_an_unknown_interface_offers_what_is_stable_only():
    newest = InterfaceKey(0x16, 0x18)
    key = InterfaceKey(0x30, 0x30)
    device = SimulatedDevice(
        small_host(), key=key, version=(5, 0), extraversion=".2", layout_key=newest
    )
    channel = HypercallChannel(lambda: device, "x86_64")
    result = channel.probe(deadline=soon())
    assert isinstance(result, Available)
    assert result.version == "5.0.2"
    assert {offer.capability for offer in result.offers} == {
        Capability.HOST_INFO,
        Capability.FIND_LIVE,
    }
    reasons = {entry.reason for entry in result.withheld}
    assert len(reasons) == 1
    assert "newer than this program" in reasons.pop()
    assert "newer" in result.facts["interface"]
    info = channel.port(Role.HOST).host_info(deadline=soon())
    assert (str(info.version), info.changeset, info.cpus) == ("5.0.2", "Fri Nov 13", None)
    inventory = channel.port(Role.INVENTORY)
    found = inventory.find_live([Field.DOMID], domid=7, deadline=soon())
    assert [row.domid for row in found] == [7]
    assert inventory.find_live([Field.DOMID], domid=8, deadline=soon()) == []
    with pytest.raises(Unsupported, match="newer than this program"):
        inventory.list_live([Field.DOMID], deadline=soon())
    # Nothing but the tests of the versions was sent, and none of them was taken.
    assert set(device.done) == {"domctl.get_domain_state"}
    channel.close()


def test_a_guest_that_is_not_dom0_is_told_so(on):
    it = on()
    it.peer.device.rights.privileged = False
    result = it.probe()
    assert isinstance(result, NotThere)
    assert "dom0" in result.reason
    with pytest.raises(AccessRefused, match="dom0") as caught:
        it.rows()
    assert caught.value.channel == "hypercall"


@sets
def test_host_info(one, on):
    it = on(one)
    info = it.port(Role.HOST).host_info(deadline=soon())
    assert (info.cpus, info.nodes, info.sockets, info.cores, info.threads) == (8, 2, 1, 2, 2)
    assert (info.memory_kib, info.free_memory_kib) == (4 << 20, 1 << 20)
    assert info.scheduler == ("credit" if one.first >= (3, 0, 3) else "sedf")
    assert set(info.sources.values()) == {"hypercall"}
    assert (info.commandline is None) == (one.first < (4, 0))
    capabilities = it.port(Role.HOST).host_capabilities(deadline=soon())
    assert {guest.virt for guest in capabilities.guests} >= {"pv", "hvm"}


@sets
def test_what_is_claimed_is_not_free(one, on):
    it = on(one)
    next(d for d in it.host.domains() if d.domid == 3).outstanding_pages = 1024
    knows = one.first >= (4, 3)
    info = it.port(Role.HOST).host_info(deadline=soon())
    assert info.claimed_memory_kib == (4096 if knows else None)
    assert info.free_memory_kib == (1 << 20) - (4096 if knows else 0)
    memory = it.port(Role.MEMORY).memory(ref(3), deadline=soon())
    assert memory.claimed_kib == (4096 if knows else None)
    assert memory.current_kib == it.rows()[3].values[Field.MEMORY]


def test_numa_nodes_and_pools(on):
    it = on()
    nodes = it.port(Role.HOST).numa_nodes(deadline=soon())
    assert [(n.number, n.cpus, n.free_kib) for n in nodes] == [
        (0, (0, 1, 2, 3), 1 << 20),
        (1, (4, 5, 6, 7), 512 << 10),
    ]
    (pool,) = it.port(Role.HOST).cpupools(deadline=soon())
    assert (pool.number, pool.scheduler, pool.guests) == (0, "credit", 5)


def test_rtds_parameters_of_each_vcpu(on):
    it = on(sched_id=8)
    for vcpu in it.host.guests[3].vcpus:
        vcpu.parameters.update(period=10000, budget=4000)
    port = it.port(Role.SCHEDULER)
    assert port.scheduler_name(deadline=soon()) == "rtds"
    shared = port.parameters(ref(3), deadline=soon())
    assert shared == {"period": 10000, "budget": 4000, "flags": 0}
    port.set_parameters(ref(3), {"budget[1]": 2000}, deadline=soon())
    assert port.parameters(ref(3), deadline=soon()) == {**shared, "budget[1]": 2000}
    port.set_parameters(ref(3), {"budget": 3000}, deadline=soon())
    assert port.parameters(ref(3), deadline=soon()) == {**shared, "budget": 3000}
    for name in ("budget[2]", "budget[", "budget[x]", "budget[-1]", "weight", "budget[99999999]"):
        with pytest.raises(InvalidInput):
            port.set_parameters(ref(3), {name: 1}, deadline=soon())


@pytest.mark.parametrize("name", ["weight", "cap"])
def test_credit_keeps_what_is_not_named(on, name):
    it = on()
    port = it.port(Role.SCHEDULER)
    before = dict(port.parameters(ref(3), deadline=soon()))
    port.set_parameters(ref(3), {name: 77}, deadline=soon())
    assert port.parameters(ref(3), deadline=soon()) == {**before, name: 77}


def test_a_scheduler_without_parameters(on):
    it = on(sched_id=9)
    port = it.port(Role.SCHEDULER)
    assert port.scheduler_name(deadline=soon()) == "null"
    assert port.parameters(ref(1), deadline=soon()) == {}


@pytest.mark.parametrize("role", [Role.DEVICES, Role.EVENTS, Role.CONSOLE, Role.IMAGES])
def test_ports_that_hypercalls_have_not(on, role):
    with pytest.raises(Unsupported) as caught:
        on().port(role)
    assert caught.value.channel == "hypercall"


def test_domain_0_is_not_paused_or_destroyed(on):
    it = on()
    port = it.port(Role.LIFECYCLE)
    for call in (port.pause, port.destroy):
        with pytest.raises(Unsupported, match="host itself"):
            call(GuestRef(domid=0, uuid=DOM0_HANDLE), deadline=soon())
    assert it.peer.device.done == []


def test_a_domain_id_that_another_guest_has_now_is_not_found(on):
    it = on()
    it.host.guests[1].handle = handle(99)
    with pytest.raises(NotFound, match="another guest"):
        it.port(Role.LIFECYCLE).pause(ref(1), deadline=soon())
    assert it.host.guests[1].pauses == 0


@pytest.mark.parametrize(
    ("text", "version", "wanted"),
    [
        ("xen-3.0-x86_32p", (3, 0), [("pv", "i686", True, False)]),
        (
            "xen-3.0-x86_64 xen-3.0-x86_32p hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64",
            (4, 4),
            [
                ("pv", "x86_64", False, False),
                ("pv", "i686", True, False),
                ("hvm", "i686", True, True),
                ("hvm", "x86_64", False, False),
            ],
        ),
        (
            "hvm-3.0-x86_64",
            (4, 17),
            [("hvm", "x86_64", False, False), ("pvh", "x86_64", False, False)],
        ),
        (
            "xen-3.0-aarch64 xen-3.0-armv7l",
            (4, 17),
            [("pvh", "aarch64", False, False), ("pvh", "armv7l", False, False)],
        ),
        ("nonsense xen-3.0 hvm-x-x86_64 " * 5000, (4, 17), []),
    ],
)
def test_the_capabilities_text(text, version, wanted):
    found = guest_archs(text, version)
    assert [(g.virt, g.arch, g.pae, g.nonpae) for g in found] == wanted


# --- this machine, which needs no Xen -----------------------------------------------------------


def context(**settings):
    return ChannelContext(
        adapter="hypercall", uri=parse_uri("xen:///"), local=True, settings=settings
    )


def test_unknown_settings_are_refused():
    with pytest.raises(InvalidInput, match="nonsense"):
        make(context(nonsense="1"))


def test_a_machine_without_xen_says_so(tmp_path):
    channel = make(context(device=str(tmp_path / "privcmd")))
    result = channel.probe(deadline=soon())
    assert isinstance(result, NotThere)
    assert str(tmp_path) in result.reason
    assert "Xen" in result.reason
    with pytest.raises(Unavailable) as caught:
        channel.port(Role.INVENTORY).list_live([Field.DOMID], deadline=soon())
    assert (caught.value.channel, caught.value.operation) == ("hypercall", "list-live")
    channel.close()


# Python 3.12 and later warn of a fork beside threads; workers of other tests may still end.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_an_ordinary_user_is_told_what_is_needed():
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        node = Path(folder) / "privcmd"
        node.touch(0o000)
        assert "hypercalls need root" in _told_as_nobody(node)


def _told_as_nobody(node):
    """Probe in a child that has given root's rights up (if we have them); return the reason."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        reason = "nothing"
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            result = make(context(device=str(node))).probe(deadline=soon())
            reason = getattr(result, "reason", repr(result))
        except BaseException as exc:
            reason = repr(exc)
        finally:
            os.write(write, reason.encode())
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as file:
        told = file.read().decode()
    os.waitpid(pid, 0)
    return told


def test_errors_of_the_kernel_on_the_way_are_translated(on):
    it = on()
    it.probe()

    def before(number):
        raise OSError(errno.ENODEV, "gone")

    it.peer.device._before = before
    with pytest.raises(XenparleyError) as caught:
        it.rows()
    assert caught.value.kind == "channel-lost"


def test_the_plugin_registers_the_adapter():
    from xenparley_hypercall import plugin

    class Registrar:
        def __init__(self):
            self.specs = []

        def adapter(self, spec):
            self.specs.append(spec)

    registrar = Registrar()
    plugin.xenparley_register(registrar)
    (spec,) = registrar.specs
    assert (spec.name, spec.local_only, spec.thread_safe) == ("hypercall", True, True)
    assert plugin.xenparley_spi == (1, 0)
    for offer in spec.offers:
        assert offer.conditions
