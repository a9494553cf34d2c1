"""Faults on purpose: what the caller is told, and what the host has done."""

import threading

import pytest

from support.sim_guests import config, ref, soon
from xenparley.domain.errors import (
    AccessRefused,
    ChannelLost,
    DeadlineExceeded,
    InvalidInput,
    NotFound,
    OperationFailed,
    OutcomeUnknown,
    ProtocolError,
    Unavailable,
    Unsupported,
)
from xenparley.domain.guest import Field
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import Capability, Role
from xenparley.negotiation.offer import Unavailable as NotThere
from xenparley_sim import Fault, Faults, Hypervisor, SimChannel
from xenparley_sim.faults import KINDS, parse_faults

#: kind: (a read's error, a command's error, whether the host acted).
EXPECTED = {
    "refuse": (AccessRefused, AccessRefused, False),
    "fail": (OperationFailed, OperationFailed, False),
    "unsupported": (Unsupported, Unsupported, False),
    "drop": (ChannelLost, ChannelLost, False),
    "drop-after": (ChannelLost, OutcomeUnknown, True),
    "hang": (DeadlineExceeded, OutcomeUnknown, False),
    "hang-after": (DeadlineExceeded, OutcomeUnknown, True),
    "garble": (ProtocolError, OutcomeUnknown, True),
    "absent": (Unavailable, Unavailable, False),
}


@pytest.fixture
def channel(host):
    made = SimChannel(host)
    yield made
    made.close()


@pytest.mark.parametrize("kind", EXPECTED)
def test_what_a_fault_does(host, channel, kind):
    read_error, command_error, acted = EXPECTED[kind]
    guest = ref(host.create(config()))
    channel.faults.inject(kind)
    with pytest.raises(read_error) as read:
        channel.port(Role.INVENTORY).list_live([Field.NAME], deadline=soon(0.05))
    with pytest.raises(command_error) as command:
        channel.port(Role.LIFECYCLE).pause(guest, deadline=soon(0.05))
    assert (read.value.operation, command.value.operation) == ("list-live", "pause")
    assert command.value.guest == str(guest)
    assert command.value.channel == "sim"
    assert bool(host.domain(guest.domid).pauses) is acted
    channel.faults.clear()
    assert channel.port(Role.INVENTORY).list_live([Field.NAME], deadline=soon())


def test_every_kind_is_tried_here():
    assert set(KINDS) == set(EXPECTED) | {"slow", "stubborn"}


def test_a_lost_answer_hides_a_refusal_too(host, channel):
    channel.faults.inject("drop-after", Capability.DESTROY)
    with pytest.raises(OutcomeUnknown) as lost:
        channel.port(Role.LIFECYCLE).destroy(GuestRef(domid=99), deadline=soon())
    assert isinstance(lost.value.__cause__, NotFound)


def test_a_fault_meets_its_capability_so_many_times(host, channel):
    channel.faults.inject("refuse", Capability.PAUSE, times=2)
    guest = ref(host.create(config()))
    lifecycle = channel.port(Role.LIFECYCLE)
    lifecycle.unpause(guest, deadline=soon())
    for _ in range(2):
        with pytest.raises(AccessRefused):
            lifecycle.pause(guest, deadline=soon())
    lifecycle.pause(guest, deadline=soon())
    assert host.domain(guest.domid).pauses == 1


def test_slow_is_late_and_no_later_than_the_deadline(host, channel):
    channel.faults.inject("slow", Capability.HOST_INFO, seconds=0.01)
    assert channel.port(Role.HOST).host_info(deadline=soon()).cpus == 16
    channel.faults.clear()
    channel.faults.inject("slow", Capability.HOST_INFO, seconds=60)
    with pytest.raises(DeadlineExceeded):
        channel.port(Role.HOST).host_info(deadline=soon(0.02))


def test_closing_ends_a_call_that_hangs(host, channel):
    channel.faults.inject("hang")
    timer = threading.Timer(0.02, channel.close)
    timer.start()
    with pytest.raises(ChannelLost):
        channel.port(Role.HOST).host_info(deadline=soon(60))
    timer.join()


def test_an_absent_host_is_not_probed(host, channel):
    channel.faults.inject("absent")
    assert isinstance(channel.probe(deadline=soon()), NotThere)


def test_commands_that_reached_the_host_are_counted(host, channel):
    guest = ref(host.create(config()))
    lifecycle = channel.port(Role.LIFECYCLE)
    lifecycle.pause(guest, deadline=soon())
    channel.faults.inject("refuse", Capability.PAUSE, times=1)
    with pytest.raises(AccessRefused):
        lifecycle.pause(guest, deadline=soon())
    assert channel.faults.reached(Capability.PAUSE) == 1


def test_faults_from_a_uri():
    assert parse_faults("hang:destroy,slow:*:0.5,refuse:list-livex3,absent,stubborn") == (
        Fault("hang", Capability.DESTROY),
        Fault("slow", None, 0.5),
        Fault("refuse", Capability.LIST_LIVE, 0.0, 3),
        Fault("absent"),
        Fault("stubborn"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "explode:*",
        "hang",
        "hang:fly",
        "slow:*:x",
        "slow:*:-1",
        "slow:*:nan",
        "slow:*:inf",
        "\x1b[2J",
    ],
)
def test_faults_that_are_none(text):
    with pytest.raises(InvalidInput) as wrong:
        parse_faults(text)
    assert "\x1b" not in str(wrong.value)


def test_only_known_kinds():
    with pytest.raises(InvalidInput, match="not a fault"):
        Faults(Fault("explode"))


def test_stubborn_guests_from_a_uri(clock):
    host = Hypervisor(clock=clock)
    host.new_guests_obey = False
    domid = host.create(config()).domid
    host.request(domid, "poweroff")
    clock.advance(60)
    assert host.domain(domid).runs
    host.close()
