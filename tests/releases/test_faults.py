"""Channels that are absent, refuse, are slow, hang, die in the middle or lie; and come back."""

from __future__ import annotations

import time

import pytest

from support.simulated_hosts import CONFIG, eventually, only, simulated
from support.xenstored import need
from xenparley.domain import errors as e
from xenparley.domain.guest import Field
from xenparley.negotiation.capability import Capability
from xenparley_sim.xen_faults import FAULT_KINDS

#: A release for each channel on which it is needed.
HOMES = {"xend": "3.1", "xenstore": "4.17", "hypercall": "4.17", "xm": "3.0.3", "xl": "4.17"}
#: Kinds of errors that tell of each trouble to somebody who has no other channel.
TOLD = {
    "absent": (e.Unavailable,),
    "refused": (e.AccessRefused,),
    "hung": (e.DeadlineExceeded,),
    "dead": (e.ChannelLost, e.ProtocolError, e.OperationFailed),
    "lying": (e.ProtocolError, e.ChannelLost, e.OperationFailed),
}


#: Troubles that a probe doesn't meet: it does not run xl, nor read files, nor list domains.
UNSEEN = {("xl", "refused"), ("xl", "lying"), ("xm", "lying"), ("hypercall", "lying")}


def question(channel):
    """Return a read that only this channel answers where it is the only one."""
    if channel == "xm":
        return lambda host, **more: host.config("web", live=False, **more).name
    if channel == "hypercall":
        return lambda host, **more: [g.domid for g in host.list([Field.DOMID], **more)]
    return lambda host, **more: [g.name for g in host.list([Field.NAME], **more)]


@pytest.fixture(
    params=[*((each, "in-process") for each in sorted(HOMES)), ("xenstore", "xenstored")],
    ids="-".join,
)
def home(request):
    need(request.param[1])
    return request.param


@pytest.fixture
def channel(home):
    return home[0]


@pytest.fixture
def xen(home):
    channel, keeper = home
    with simulated(HOMES[channel], xenstored=keeper) as made:
        with made.connect() as host:
            host.create(CONFIG)
            if channel == "xm":
                host.define(CONFIG)
        yield made


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_alone_it_gives_the_right_error_and_is_found_again(xen, channel, kind):
    ask = question(channel)
    with only(xen, channel) as host:
        before = ask(host)
        assert before
        seconds = 0.05 if kind == "slow" else 1.0
        xen.fault(channel, kind, seconds=seconds)
        assert xen.faults.now == {channel: kind}
        if kind == "slow" and channel != "xm":
            assert ask(host) == before
        elif channel == "xm" and kind in ("slow", "hung"):
            # Readers take no lock: only who writes waits for whoever holds it.
            assert ask(host) == before
            with pytest.raises((e.DeadlineExceeded, e.Conflict)):
                host.undefine("web", timeout=0.3)
        elif channel == "xm" and kind in ("dead", "lying"):
            # Each file stands for itself: one that makes no sense is told, and is no guest.
            assert _answer(ask, host) in ("web", None)
        else:
            kinds = TOLD[kind]
            if channel == "xm" and kind == "refused":
                kinds = (e.OperationFailed, e.AccessRefused, e.NoChannel)
            with pytest.raises(e.XenparleyError) as caught:
                ask(host, timeout=0.5 if kind == "hung" else 20)
            blamed = [caught.value, *_behind(caught.value)]
            assert any(isinstance(each, kinds) for each in blamed) or _said(caught.value, channel)
        xen.mend(channel)
        assert xen.faults.now == {}
        assert eventually(lambda: _answer(ask, host) == before, 20)
        (status,) = [s for s in host.channels() if s.name == channel]
        assert status.state == "available"


def _behind(exc):
    while exc.__cause__ is not None:
        exc = exc.__cause__
        yield exc


def _said(exc, channel):
    """Say whether an error that nobody can answer names the channel with a reason."""
    attempts = exc.attempts if isinstance(exc, e.NoChannel) else ()
    return any(a.channel == channel and a.reason and a.reason in str(exc) for a in attempts)


def _answer(ask, host):
    try:
        return ask(host, timeout=5)
    except e.XenparleyError:
        return None


@pytest.mark.parametrize("kind", ["absent", "refused", "lying"])
def test_with_nothing_else_there_connecting_says_why(xen, channel, kind):
    xen.fault(channel, kind)
    if (channel, kind) in UNSEEN:
        # A probe looks no closer than that.
        with only(xen, channel) as host:
            assert [s.name for s in host.channels() if s.state == "available"] == [channel]
        return
    with pytest.raises(e.NoChannel) as caught:
        xen.connect(channels={channel}, timeout=5)
    assert channel in str(caught.value)
    xen.mend()
    with only(xen, channel) as host:
        assert question(channel)(host)


@pytest.mark.parametrize("kind", ["absent", "refused", "dead", "lying"])
@pytest.mark.parametrize("lost", ["hypercall", "xenstore"])
@pytest.mark.parametrize("release", ["3.1", "4.17"])
def test_another_channel_answers_meanwhile(release, lost, kind):
    with simulated(release) as xen, xen.connect() as host:
        host.create(CONFIG)
        assert lost in set(host.find("web").sources.values())
        xen.fault(lost, kind)
        for _ in range(3):
            listing = host.list(timeout=20)
            assert {g.name for g in listing} == {"Domain-0", "web"}
            web = next(g for g in listing if g.name == "web")
            assert (web.uuid, web.memory_kib) == (CONFIG.uuid, CONFIG.memory_kib)
            assert lost not in set(web.sources.values())
        (status,) = [s for s in host.channels() if s.name == lost]
        if status.state != "available":
            assert status.reason
            assert lost not in {name for name, _ in host.explain(Capability.LIST_LIVE).chosen}
        else:
            # It is there, and refuses, or fails at this one thing: it is asked each time.
            assert kind in ("refused", "dead"), status
        xen.mend()
        assert eventually(lambda: lost in set(host.find("web").sources.values()), 20)


@pytest.mark.parametrize("release", ["3.1", "4.17"])
def test_a_slow_channel_delays_no_other(release):
    with simulated(release) as xen, xen.connect() as host:
        host.create(CONFIG)
        xen.fault(xen.toolstack, "slow", seconds=30)
        assert {g.name for g in host.list(timeout=20)} == {"Domain-0", "web"}
        before = time.monotonic()
        with pytest.raises(e.XenparleyError):
            host.config("web", live=True, timeout=0.5)
        assert time.monotonic() - before < 20
        xen.mend()
        assert eventually(lambda: _name(host) == "web", 20)


def _name(host):
    try:
        return host.config("web", live=True, timeout=5).name
    except e.XenparleyError:
        return None


@pytest.mark.parametrize("kind", ["dead", "lying", "hung"])
@pytest.mark.parametrize("release", ["3.1", "4.17"])
def test_a_guest_is_started_once_or_not_at_all(release, kind):
    with simulated(release) as xen, xen.connect() as host:
        xen.fault(xen.toolstack, kind)
        try:
            host.create(CONFIG, timeout=2)
        except (e.OutcomeUnknown, e.Unavailable, e.DeadlineExceeded, e.ProtocolError) as exc:
            certain = not isinstance(exc, e.OutcomeUnknown)
        else:
            certain = False
        if certain:
            assert [d.name for d in xen.hypervisor.domains()] == ["Domain-0"]
        xen.mend()
        time.sleep(0.1)
        assert [d.name for d in xen.hypervisor.domains()].count("web") <= 1


@pytest.mark.parametrize("kind", ["absent", "refused"])
@pytest.mark.parametrize("release", ["3.1", "4.17"])
def test_what_only_the_toolstack_can_do_waits_for_it(release, kind):
    with simulated(release) as xen, xen.connect() as host:
        xen.fault(xen.toolstack, kind)
        with pytest.raises(e.XenparleyError) as caught:
            host.create(CONFIG)
        assert not isinstance(caught.value, e.OutcomeUnknown)
        assert [d.name for d in xen.hypervisor.domains()] == ["Domain-0"]
        xen.mend()
        assert eventually(lambda: _created(host), 20)


def _created(host):
    try:
        return host.create(CONFIG).reached
    except e.XenparleyError:
        return False


def test_pausing_goes_to_the_toolstack_without_hypercalls():
    with simulated("3.4") as xen, xen.connect() as host:
        host.create(CONFIG)
        assert host.pause("web").channel == "hypercall"
        assert host.unpause("web").channel == "xend"
        xen.fault("hypercall", "absent")
        assert host.pause("web").channel == "xend"


def test_events_go_on_after_xenstore_was_gone():
    with simulated("4.17") as xen, xen.connect() as host, host.events() as events:
        xen.fault("xenstore", "absent")
        guest = host.create(CONFIG).guest
        xen.mend()
        seen = []
        until = time.monotonic() + 20
        while time.monotonic() < until and guest.domid not in seen:
            event = events.get(1)
            if event is not None and event.guest is not None:
                seen.append(event.guest.domid)
        assert guest.domid in seen


def test_what_is_no_trouble_is_refused():
    with simulated("4.17", channels={"xenstore"}) as xen:
        with pytest.raises(e.InvalidInput, match="no fault"):
            xen.fault("xenstore", "sad")
        with pytest.raises(e.InvalidInput, match="no channel"):
            xen.fault("xend", "absent")
        xen.mend("xenstore")


def test_files_written_meanwhile_stay():
    with simulated("3.0.3") as xen, xen.connect() as host:
        host.define(CONFIG)
        (xen.folder / "other").write_text('name = "other"\nmemory = 64\n')
        xen.fault("xm", "lying")
        (xen.folder / "other").write_text('name = "fresh"\nmemory = 64\n')
        xen.mend()
        names = {g.name for g in host.list(all=True)}
        assert {"web", "fresh"} <= names and "other" not in names


@pytest.mark.parametrize("kind", ["absent", "refused"])
@pytest.mark.parametrize("channels", [None, {"xm"}, {"xm", "hypercall"}])
@pytest.mark.parametrize("release", ["3.0.3", "4.17"])
def test_who_finds_no_definition_is_told_which_could_not_be_read(release, channels, kind):
    with simulated(release) as xen, xen.connect(channels=channels) as host:
        with xen.connect() as whole:
            whole.define(CONFIG)
        assert host.config("web", live=False).name == "web"
        xen.fault("xm", kind)
        for guest in ("web", CONFIG.uuid):
            with pytest.raises((e.NotFound, e.NoChannel)) as caught:
                host.config(guest, live=False)
            (reason,) = [a.reason for a in caught.value.attempts if a.channel == "xm"]
            assert str(xen.folder) in reason
            assert f"xm: {reason}" in str(caught.value)
        xen.mend("xm")
        assert eventually(lambda: _defined(host) == "web", 20)
        # Whoever could look everywhere is told no more than that.
        if channels is None:
            with pytest.raises(e.NotFound) as caught:
                host.config("mail", live=False)
            assert (str(caught.value), caught.value.attempts) == ("no guest mail", ())


def _defined(host):
    try:
        return host.config("web", live=False).name
    except e.XenparleyError:
        return None
