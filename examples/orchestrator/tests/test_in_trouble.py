"""On an adapter of our own, which goes wrong as a real host does: the program stays the same."""

from __future__ import annotations

import pytest
from orchestrator.plan import Wanted
from orchestrator.rounds import bring_about

import xenparley
from xenparley.domain.config import Boot, GuestConfig
from xenparley.domain.guest import Field, GuestRow
from xenparley.domain.runstate import RunFlags
from xenparley.negotiation.capability import Capability
from xenparley.negotiation.offer import Available, Offer
from xenparley.plugin.hooks import hookimpl
from xenparley.plugin.spi import AdapterSpec
from xenparley.ports.lifecycle import Receipt

LIVE = (Field.DOMID, Field.UUID, Field.NAME, Field.STATE)
UUID = "5a1d6e0c-2f0f-4f8b-9f3c-0a4b6c7d8e9{}"


class Troubled:
    """A host with three definitions; ``trouble`` maps a guest to what its start raises."""

    xenparley_spi = (1, 0)

    def __init__(self, **trouble):
        self.trouble = trouble
        self.names = {UUID.format(n): name for n, name in enumerate("abc")}
        self.living = {}
        self.started = []
        offers = [
            Offer(c, 1.0, field_costs_us=dict.fromkeys(LIVE, 0.0))
            for c in (Capability.LIST_LIVE, Capability.LIST_DEFINED)
        ]
        self.offers = (*offers, Offer(Capability.START, 1.0), Offer(Capability.READ_DEFINED, 1.0))

    @hookimpl
    def xenparley_register(self, registrar):
        registrar.adapter(
            AdapterSpec(
                name="troubled",
                factory=lambda context: self,
                offers=self.offers,
                schemes=frozenset({"xen"}),
                summary="goes wrong",
            )
        )

    def probe(self, *, deadline):
        return Available(version="1", offers=self.offers)

    def port(self, role):
        return self

    def close(self):
        pass

    def list_live(self, fields, *, domids=None, deadline):
        return [
            GuestRow(
                domid,
                uuid,
                {Field.NAME: self.names[uuid], Field.STATE: RunFlags.RUNNING, Field.UUID: uuid},
            )
            for domid, uuid in self.living.items()
            if domids is None or domid in domids
        ]

    def list_defined(self, fields, *, deadline):
        return [GuestRow(None, u, {Field.NAME: name}) for u, name in self.names.items()]

    def read_defined(self, guest, *, deadline):
        return GuestConfig(name=self.names[guest.uuid], uuid=guest.uuid, memory_kib=65536)

    def start(self, guest, *, paused, deadline):
        self.started.append(guest.name)
        error = self.trouble.get(guest.name)
        if error is not None:
            raise error
        domid = len(self.living) + 1
        self.living[domid] = guest.uuid
        return Receipt(domid=domid)


@pytest.fixture
def plan():
    return [
        Wanted(GuestConfig(name=name, memory_kib=65536, boot=Boot(kernel="/k")), True)
        for name in "abc"
    ]


def connect(troubled):
    plugins = xenparley.Plugins(load=False)
    plugins.register(troubled, "troubled")
    return xenparley.connect("xen:///", plugins=plugins, timeout=5)


def test_one_that_fails_keeps_nobody_from_the_others(plan):
    troubled = Troubled(b=xenparley.OperationFailed("no memory"))
    with connect(troubled) as host:
        told = bring_about(host, plan)
        assert [str(one) for one in told] == [
            "a: started",
            "b: operation-failed: no memory",
            "c: started",
        ]
        troubled.trouble.clear()
        assert [str(one) for one in bring_about(host, plan)] == ["b: started"]


def test_what_nobody_knows_is_not_repeated_but_looked_at(plan):
    troubled = Troubled(b=xenparley.OutcomeUnknown("the daemon died"))
    with connect(troubled) as host:
        told = bring_about(host, plan)
        assert [one.guest for one in told if one.unknown] == ["b"]
        assert troubled.started == ["a", "b", "c"]
        # It had taken effect: the next round finds it living and leaves it.
        troubled.living[9] = UUID.format(1)
        assert bring_about(host, plan) == []
    assert troubled.started == ["a", "b", "c"]
