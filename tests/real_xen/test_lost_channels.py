"""Channels of a real dom0 taken away one by one, and given back while the host object lives."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

import xenparley
from real_xen.channels import hypercalls_gone, xenstore_gone, xl_gone
from real_xen.guests import KERNELS, Guest, Guests, until
from real_xen.looks import xc_domains, xl_list
from xenparley import Capability, Host
from xenparley.domain.config import Boot, GuestConfig
from xenparley.domain.errors import XenparleyError
from xenparley.domain.guest import Field
from xenparley.domain.lifecycle import Phase

pytestmark = [pytest.mark.real_xen, pytest.mark.timeout(480)]

PATIENCE = 180.0


@pytest.fixture(scope="module")
def standing(dom0: None) -> Iterator[Guest]:
    with Guests() as made:
        yield made.tiny(paused=True, name="standing")


@pytest.fixture
def defined(guests: Guests) -> Iterator[GuestConfig]:
    """A guest that is defined and shut off."""
    config = guests.adopt(
        GuestConfig(
            name="to be started",
            uuid=str(uuid.uuid4()),
            memory_kib=4096,
            boot=Boot(kernel=str(KERNELS / "tiny.elf"), cmdline="idle"),
        )
    )
    with connected() as host:
        host.define(config)
        try:
            yield config
        finally:
            host.undefine(xenparley.GuestRef(uuid=config.uuid))


def connected() -> Host:
    return xenparley.connect("xen:///", timeout=PATIENCE)


def reason(host: Host, channel: str) -> str | None:
    """Return why a channel is not available, None when it is."""
    (status,) = (c for c in host.channels() if c.name == channel)
    assert status.state == "available" or status.reason
    return None if status.state == "available" else status.reason


def starts(host: Host, config: GuestConfig) -> None:
    """Start the guest: the channel is back."""
    born = host.start(config.name, paused=True)
    assert (born.phase, born.channel) == (Phase.PAUSED, "xl")
    assert xl_list()[born.guest.domid or 0].uuid == config.uuid
    host.destroy(config.name)


def refuses_to_start(host: Host, config: GuestConfig, why: str) -> None:
    before = set(xc_domains_or_none())
    with pytest.raises(XenparleyError, match=why) as failure:
        host.start(config.name, paused=True)
    assert "xl" in {attempt.channel for attempt in failure.value.attempts}
    assert set(xc_domains_or_none()) == before


def xc_domains_or_none() -> dict[int, object]:
    try:
        return dict(xc_domains())
    except Exception as exc:
        assert "xc" in type(exc).__module__ or isinstance(exc, OSError), exc
        return {}


def test_without_hypercalls(standing: Guest, defined: GuestConfig) -> None:
    with ExitStack() as stack:
        before = stack.enter_context(connected())
        assert standing.uuid in {g.uuid for g in before.list()}
        with hypercalls_gone():
            # Who has the device open keeps it.
            assert before.find(standing.uuid).phase is Phase.PAUSED
            host = stack.enter_context(connected())
            assert "privcmd" in (reason(host, "hypercall") or "")
            refuses_to_start(host, defined, "xl can't reach the hypervisor")
            # That is known from now on: nobody turns to xl for a listing.
            told = host.explain(Capability.LIST_LIVE)
            assert [channel for channel, _ in told.chosen] == ["xenstore"]
            assert "privcmd" in told.missing[Field.STATE]
            assert host.explain(Capability.START).chosen == ()
            listing = host.list()
            (found,) = (g for g in listing if g.domid == standing.domid)
            assert (found.uuid, found.name) == (standing.uuid, standing.name)
            assert found.sources[Field.NAME] == "xenstore"
            assert (found.phase, found.memory_kib) == (None, None)
            assert "privcmd" in found.missing[Field.STATE]
            assert host.find(defined.name).living is False
        assert {g.domid for g in listing} == set(xl_list())
        until(
            "hypercalls are back",
            lambda: host.find(standing.uuid).sources.get(Field.STATE) == "hypercall",
        )
        assert reason(host, "hypercall") is None
        starts(host, defined)


def test_without_xenstore(standing: Guest, defined: GuestConfig) -> None:
    with ExitStack() as stack:
        before = stack.enter_context(connected())
        assert before.find(standing.name).domid == standing.domid
        with xenstore_gone():
            assert before.find(standing.name).domid == standing.domid
            host = stack.enter_context(connected())
            assert reason(host, "xenstore")
            listing = host.list()
            (found,) = (g for g in listing if g.uuid == standing.uuid)
            assert (found.domid, found.phase) == (standing.domid, Phase.PAUSED)
            assert found.name is None
            assert "xenstore" in found.missing[Field.NAME].lower()
            refuses_to_start(host, defined, "xl")
            assert host.pause(standing.uuid).already
        assert {g.domid for g in listing} == set(xl_list())
        until("XenStore is back", lambda: host.find(standing.uuid).name == standing.name)
        starts(host, defined)


def test_the_kernels_way_to_xenstore(standing: Guest) -> None:
    with xenstore_gone(device=False), connected() as host:
        assert reason(host, "xenstore") is None
        assert host.find(standing.name).uuid == standing.uuid


def test_without_xl(standing: Guest, defined: GuestConfig) -> None:
    with connected() as host:
        with xl_gone():
            for one in (host, other := connected()):
                assert {g.domid for g in one.list()} == set(xc_domains())
                refuses_to_start(one, defined, "no xl in the path")
                assert {g.domid for g in one.list()} == set(xc_domains())
                assert one.explain(Capability.START).chosen == ()
                assert reason(one, "xl")
            other.close()
            # What needs no toolstack goes on.
            assert host.find(standing.name).phase is Phase.PAUSED
            assert host.pause(standing.name).already
        starts(host, defined)
