"""Every release times the sets of channels that a program may find there.

Each time: what is offered, who answers what, and that the answers are the same whoever gives them.
The truth is what the simulated hypervisor itself says, by the adapter of ``sim:``.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest

from support.release_answers import answers, disagreements, furnish
from support.simulated_hosts import simulated
from support.xenstored import need
from xenparley import connect
from xenparley.domain.errors import NoChannel, XenparleyError
from xenparley.domain.guest import Field
from xenparley.negotiation.capability import SPECS, Capability
from xenparley.plugin.registry import Plugins
from xenparley_sim import FrozenClock, plugin_for
from xenparley_sim.releases import RELEASES, release_of

#: Releases at which xl's answers differ; the others' xl is asked in heavy runs.
XL_SPREAD = {"4.1", "4.2", "4.5", "4.11", "4.17", "4.22"}
STORE = frozenset({"xenstore"})
#: Guests that are looked at closely where each look runs a process: a plain one, an HVM one.
FEW = (1, 4)


class World(NamedTuple):
    """A release with a toolstack, or with none (``-``)."""

    release: str
    toolstack: str
    keeper: str = "in-process"

    def __str__(self):
        words = (self.release, self.toolstack, *({self.keeper} - {"in-process"}))
        return "-".join(words)


class Case(NamedTuple):
    """The channels there are (None: all), who connects, and whether by TCP."""

    name: str
    channels: frozenset[str] | None
    user: str = "root"
    remote: bool = False


def cases(world):
    """Return the sets of channels that make sense on this host."""
    release = release_of(world.release)
    toolstack = world.toolstack

    def some(*names, **more):
        return Case("+".join(names), frozenset(names), **more)

    yield Case("all", None)
    yield Case("user", None, user="user")
    if toolstack == "-":
        return
    yield some(toolstack)
    yield some("hypercall", toolstack)
    yield some("xenstore", toolstack)
    if toolstack == "xend":
        yield Case("http", frozenset({"xend"}), remote=True)
        yield some("xm", "xend")
    if toolstack == "xend" or release.version > (4, 4):
        # Who steers makes no difference to these.
        yield some("xenstore")
        yield some("hypercall")
        yield some("hypercall", "xenstore")
        yield some("xm")


def worlds():
    """Return every release with each toolstack that it has; a few with none."""
    for name in RELEASES:
        release = release_of(name)
        if release.has_xend:
            yield World(name, "xend")
        if release.has_xl:
            yield World(name, "xl")
        if name in ("3.0.1", "3.4", "4.17"):
            yield World(name, "-")
    for name, toolstack in (("3.0.4", "xend"), ("4.4", "xend"), ("4.4", "xl"), ("4.17", "xl")):
        yield World(name, toolstack, "xenstored")
    yield World("4.17", "xl", "oxenstored")


def _pairs():
    for world in worlds():
        for case in cases(world):
            if world.keeper != "in-process" and not (case.channels or STORE) & STORE:
                # Who keeps XenStore makes no difference to these.
                continue
            runs_xl = world.toolstack == "xl" and case.channels is not None
            heavy = runs_xl and "xl" in case.channels and world.release not in XL_SPREAD
            yield pytest.param(
                world,
                case,
                id=f"{world}-{case.name}",
                marks=[pytest.mark.heavy] if heavy else [],
            )


class Furnished(NamedTuple):
    """A host with guests, and the truth about it."""

    xen: Any
    truth: dict[str, Any]


@pytest.fixture(scope="module")
def world(request):
    release, toolstack, keeper = request.param
    need(keeper)
    toolstack = None if toolstack == "-" else toolstack
    with simulated(release, toolstack=toolstack, xenstored=keeper, clock=FrozenClock()) as xen:
        furnish(xen)
        plugins = Plugins(load=False)
        plugins.register(plugin_for(xen.hypervisor))
        with connect("sim:", plugins=plugins) as host:
            truth = answers(host)
        if xen.release.scheduler == "sedf":
            # The simulated hypervisor itself has weight and cap alone: hypercalls tell the rest.
            with xen.connect(channels={"hypercall"}) as host:
                told = answers(host)
            truth.update({k: v for k, v in told.items() if k.startswith("scheduler parameters")})
        yield Furnished(xen, truth)


@contextmanager
def connected(xen, case):
    """Connect as the case says."""
    uri = xen.http_uri if case.remote else "xen:///"
    with xen.connect(user=case.user, uri=uri, channels=case.channels) as host:
        yield host


def expected(xen, case):
    """Return the channels that must be there."""
    there = xen.channels if case.channels is None else xen.channels & case.channels
    if case.user == "root":
        return there
    # xl is found by anybody, and refuses when it is run.
    found = there & {"xend", "xl"}
    return found | {"xenstore"} if xen.release.has_read_only_socket else found


@pytest.mark.parametrize(("world", "case"), list(_pairs()), indirect=["world"])
def test_what_is_offered_who_answers_and_what(world, case):
    xen, truth = world
    there = expected(xen, case)
    if not there:
        with pytest.raises(NoChannel):
            xen.connect(user=case.user, channels=case.channels)
        return
    with connected(xen, case) as host:
        status = {s.name: s for s in host.channels()}
        assert {name for name, s in status.items() if s.state == "available"} == there
        offered = _partition(host, status, there)
        _explained(host, offered)
        if case.user == "user" and there == {"xl"}:
            _refused(host)
            return
        if Capability.LIST_LIVE not in offered:
            with pytest.raises(XenparleyError):
                host.list()
            return
        few = FEW if "xl" in there and case.channels is not None else None
        told = answers(host, few)
        wrong = [each for each in disagreements(told, truth) if not _excused(each, xen, there)]
        assert not wrong, "\n".join(wrong)
        _told_by_those_who_were_chosen(host, there)


def _partition(host, status, there):
    """Check that all that is declared is offered, or withheld with a reason; return who offers."""
    offered = {}
    for name in there:
        each = status[name]
        offers = {offer.capability for offer in each.offers}
        withheld = {one.capability: one.reason for one in each.withheld}
        assert not offers & set(withheld), name
        assert all(reason for reason in withheld.values())
        assert each.version
        for capability in offers:
            offered.setdefault(capability, set()).add(name)
    return offered


def _explained(host, offered):
    """Check who would be asked: somebody who offers it, whenever there is somebody."""
    for capability in Capability:
        explanation = host.explain(capability, force=True)
        chosen = {name for name, _ in explanation.chosen}
        able = offered.get(capability, set())
        if capability is Capability.START and not able and Capability.LIST_DEFINED in offered:
            # Whoever creates a guest is given the definition.
            able = offered.get(Capability.CREATE, set())
        assert chosen <= able, capability
        assert bool(chosen) == bool(able), capability
        for verdict in explanation.verdicts:
            assert verdict.reason, (capability, verdict)
        if SPECS[capability].command:
            assert len(explanation.chosen) <= 1


def _refused(host):
    """Check that somebody without rights is told so."""
    with pytest.raises(XenparleyError) as caught:
        host.host_capabilities()
    assert caught.value.kind == "access-refused"


def _told_by_those_who_were_chosen(host, there):
    """Check that each field's source is the channel that explain names for it."""
    explanation = host.explain(Capability.LIST_LIVE)
    planned = {field: name for name, fields in explanation.chosen for field in fields}
    guest = next(g for g in host.list() if g.domid == 1)
    for field, source in guest.sources.items():
        assert source in there
        if field in planned and field not in (Field.DEFINED, Field.AUTOSTART):
            assert source == planned[field], field
    for field in explanation.missing:
        assert field not in guest.sources, field


def _excused(disagreement, xen, there):
    """Say whether a channel can't know better, and this is known."""
    place = disagreement.partition(":")[0]
    old_xl = xen.release.version == (4, 1) and "hypercall" not in there
    # xl 4.1 shows a guest's maximum as its memory, and no maximum at all for Domain 0.
    return old_xl and place.startswith("/memory of 0")
