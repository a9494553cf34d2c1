"""Channels made of plain functions, to play every way in which a host can go wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from xenparley import connect
from xenparley.domain.guest import Field, GuestRow
from xenparley.domain.runstate import RunFlags
from xenparley.negotiation.capability import Capability
from xenparley.negotiation.offer import Authority, Available, Offer, Unavailable
from xenparley.plugin.hooks import hookimpl
from xenparley.plugin.registry import Plugins
from xenparley.plugin.spi import AdapterSpec

LIVE = (Field.DOMID, Field.UUID, Field.STATE, Field.REASON)
U1 = "11111111-1111-1111-1111-111111111111"
U2 = "22222222-2222-2222-2222-222222222222"
U3 = "33333333-3333-3333-3333-333333333333"


def row(domid, uuid=None, absent=None, **values):
    return GuestRow(domid, uuid, {Field[k.upper()]: v for k, v in values.items()}, absent)


class FakeChannel:
    """A channel whose methods are given as functions; it counts its calls."""

    def __init__(self, name: str, methods: Mapping[str, Callable], offers, host_id=None):
        self.name = name
        self.methods = dict(methods)
        self.offers = tuple(offers)
        self.host_id = host_id
        self.calls: list[str] = []
        self.down: str | None = None
        self.probes = 0
        self.closed = 0

    def probe(self, *, deadline):
        self.probes += 1
        if callable(self.down):
            return self.down()
        if self.down is not None:
            return Unavailable(self.down)
        return Available(version="1", offers=self.offers, host_id=self.host_id)

    def port(self, role):
        return self

    def close(self):
        self.closed += 1

    def __getattr__(self, method):
        if method.startswith("_") or method not in self.methods:
            raise AttributeError(method)

        def call(*args, **kwargs):
            self.calls.append(method)
            return self.methods[method](*args, **kwargs)

        return call


def offer(capability, cost=1.0, authority=Authority.OWNER, fields=LIVE, **rest):
    has_fields = capability in (
        Capability.LIST_LIVE,
        Capability.FIND_LIVE,
        Capability.LIST_DEFINED,
        Capability.FIND_DEFINED,
    )
    return Offer(
        capability, cost, authority, dict.fromkeys(fields, 0.0) if has_fields else {}, **rest
    )


class World:
    """The guests that fake channels speak of, and channels made from them."""

    def __init__(self):
        self.guests = {
            0: ("Domain-0", "0" * 8 + "-0000-0000-0000-" + "0" * 12, RunFlags.RUNNING),
            5: ("fc8", U1, RunFlags.BLOCKED),
        }
        self.defined: dict[str, str] = {U1: "fc8", U2: "spare"}

    def list_live(self, fields, *, domids=None, deadline):
        return [
            row(domid, uuid, name=name, state=flags, reason=None)
            for domid, (name, uuid, flags) in self.guests.items()
            if domids is None or domid in domids
        ]

    def find_live(self, fields, *, domid=None, uuid=None, name=None, deadline):
        return [
            row(d, u, name=n)
            for d, (n, u, _) in self.guests.items()
            if domid == d or uuid == u or name == n
        ]

    def list_defined(self, fields, *, deadline):
        return [row(None, uuid, name=name) for uuid, name in self.defined.items()]

    def find_defined(self, fields, *, uuid=None, name=None, deadline):
        return [row(None, u, name=n) for u, n in self.defined.items() if uuid == u or name == n]

    def reads(self):
        return {
            "list_live": self.list_live,
            "find_live": self.find_live,
            "list_defined": self.list_defined,
            "find_defined": self.find_defined,
        }


def full_offers(*commands: Capability, cost=1.0):
    named = (*LIVE, Field.NAME)
    return (
        offer(Capability.LIST_LIVE, cost, fields=named),
        offer(Capability.FIND_LIVE, cost, fields=named),
        offer(Capability.LIST_DEFINED, cost, fields=(Field.UUID, Field.NAME)),
        offer(Capability.FIND_DEFINED, cost, fields=(Field.UUID, Field.NAME)),
        *(offer(c, cost) for c in commands),
    )


def fake_host(*channels: FakeChannel, thread_safe=True, local_only=False, **options):
    """Connect to a host of these channels."""
    plugins = Plugins(load=False, environ={})
    for one in channels:
        plugins.register(_Plugin(one, thread_safe, local_only), one.name)
    options.setdefault("timeout", 5.0)
    return connect("xen:///", plugins=plugins, **options)


class _Plugin:
    xenparley_spi = (1, 0)

    def __init__(self, channel, thread_safe, local_only):
        self.spec = AdapterSpec(
            name=channel.name,
            factory=lambda context: channel,
            offers=channel.offers,
            schemes=frozenset({"xen"}),
            summary="a fake",
            thread_safe=thread_safe,
            local_only=local_only,
        )

    @hookimpl
    def xenparley_register(self, registrar):
        registrar.adapter(self.spec)
