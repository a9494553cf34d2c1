"""A guest's file is started by the application: read here, created by another channel."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from core.hosts import FakeChannel, World, full_offers, offer
from xenparley import Capability, connect
from xenparley.domain.errors import OperationFailed, ParseError
from xenparley.domain.guest import Field
from xenparley.domain.runstate import RunFlags
from xenparley.plugin.hooks import hookimpl
from xenparley.plugin.registry import Plugins
from xenparley.plugin.spi import AdapterSpec, Connection, SchemeSpec
from xenparley.ports.lifecycle import Receipt
from xenparley.ports.memory import MemoryInfo
from xenparley_xm.plugin import SPEC

WEB = 'name = "web"\nmemory = 64\nkernel = "/boot/vmlinuz"\nextra_key = 1\n'


class Toolstack:
    """A host whose toolstack creates guests and keeps no definitions."""

    xenparley_spi = (1, 0)

    def __init__(self, folder, **settings):
        self.settings = {"folder": str(folder), "toolstack": "xm", "notify": "poll", **settings}
        self.world = World()
        self.world.defined.clear()
        self.created = []
        self.refusal = None
        kept = (Capability.LIST_LIVE, Capability.FIND_LIVE)
        self.channel = FakeChannel(
            "stack",
            {
                **self.world.reads(),
                "create": self.create,
                "set_target": self.set_target,
                "memory": lambda guest, *, deadline: MemoryInfo(target_kib=1),
            },
            (
                *(o for o in full_offers() if o.capability in kept),
                offer(Capability.CREATE),
                offer(Capability.SET_MEMORY_TARGET),
                offer(Capability.MEMORY),
            ),
        )
        self.targets = []

    def create(self, config, *, paused, deadline):
        if self.refusal is not None:
            raise self.refusal
        self.created.append(config)
        self.world.guests[9] = (config.name, config.uuid, RunFlags.BLOCKED)
        return Receipt(domid=9)

    def set_target(self, guest, kib, *, deadline):
        self.targets.append((guest.domid, kib))

    @hookimpl
    def xenparley_register(self, registrar):
        registrar.adapter(evolve(SPEC, schemes=frozenset({"test"})))
        registrar.adapter(
            AdapterSpec(
                name="stack",
                factory=lambda context: self.channel,
                offers=self.channel.offers,
                schemes=frozenset({"test"}),
                summary="creates guests",
            )
        )
        registrar.scheme(
            SchemeSpec(
                name="test",
                connect=lambda uri: Connection(
                    label="here", local=True, settings={"xm": self.settings}
                ),
                summary="this machine",
            )
        )

    def connect(self):
        plugins = Plugins(load=False, environ={})
        plugins.register(self, "stack")
        return connect("test:", plugins=plugins, timeout=10)


@pytest.fixture
def stack(tmp_path):
    folder = tmp_path / "xen"
    folder.mkdir()
    (folder / "web.cfg").write_text(WEB)
    return Toolstack(folder)


def test_start_reads_here_and_creates_there(stack):
    with stack.connect() as host:
        before = host.find("web")
        assert (before.living, before.defined) == (False, True)
        assert before.sources[Field.DEFINED] == "xm"
        outcome = host.start("web")
        assert outcome.channel == "stack"
        assert outcome.reached
        (config,) = stack.created
        assert (config.name, config.memory_kib, config.boot.kernel) == (
            "web",
            65536,
            "/boot/vmlinuz",
        )
        assert config.uuid == before.uuid, "the one made from the path: both are one guest"
        after = host.find("web")
        assert (after.living, after.defined, after.uuid) == (True, True, before.uuid)
        assert host.start("web").already
        assert len(stack.created) == 1


def test_what_cannot_be_read_is_not_created(stack):
    Path(stack.settings["folder"], "web.cfg").write_text('import os\nname = "web"\n')
    with stack.connect() as host:
        with pytest.raises(ParseError, match=r"web\.cfg:1: "):
            host.start("web")
    assert stack.created == []


def test_the_creators_refusal_is_told(stack):
    stack.refusal = OperationFailed("XenD of 3.0.2 runs no bootloader")
    with stack.connect() as host, pytest.raises(OperationFailed, match="bootloader"):
        host.start("web")


def test_a_definition_is_changed_in_its_file_a_living_guest_is_not(stack, tmp_path):
    path = tmp_path / "xen" / "web.cfg"
    with stack.connect() as host:
        host.set_max_memory("web", 128 * 1024)
        host.set_memory("web", 96 * 1024)
        assert "memory = 96" in path.read_text()
        assert host.memory("web").target_kib == 96 * 1024
        assert stack.targets == []
        host.start("web")
        text = path.read_text()
        host.set_memory("web", 32 * 1024)
        assert stack.targets == [(9, 32 * 1024)]
        assert path.read_text() == text
        assert host.memory("web").target_kib == 1


def test_another_keeper_comes_first(stack):
    """With one UUID in a file and in the owner's store, the owner's word counts."""
    uuid = "22222222-2222-2222-2222-222222222222"
    stack.world.defined[uuid] = "spare"
    stack.channel.offers = (*stack.channel.offers, *full_offers()[2:4])
    folder = stack.settings["folder"]
    Path(folder, "spare").write_text(f'name = "spare"\nuuid = "{uuid}"\nmemory = 64\n')
    with stack.connect() as host:
        assert host.find("spare").sources[Field.DEFINED] == "stack"
        listing = {g.name: g.sources[Field.DEFINED] for g in host.list(all=True) if g.defined}
        assert listing == {"web": "xm", "spare": "stack"}


@pytest.mark.parametrize(("release", "first"), [("3.0.3", "xm"), ("3.0.4", "stack")])
def test_before_3_0_4_the_files_are_the_definitions(stack, release, first):
    """The files' guest and the other keeper's have one UUID: the one with authority is told."""
    stack.settings["xen-version"] = release
    uuid = "22222222-2222-2222-2222-222222222222"
    stack.world.defined[uuid] = "spare"
    Path(stack.settings["folder"], "a").write_text(f'name = "spare"\nuuid = "{uuid}"\n')
    dear = [evolve(o, cost_us=1e6) for o in full_offers()[2:4]]
    cheap = list(full_offers()[2:4])
    stack.channel.offers = (*stack.channel.offers, *(dear if first == "xm" else cheap))
    with stack.connect() as host:
        assert host.find("spare").sources[Field.DEFINED] == first


def test_duplicates_are_told_as_conflicts(stack):
    folder = Path(stack.settings["folder"])
    folder.joinpath("other").write_text('name = "web"\nmemory = 32\n')
    with stack.connect() as host:
        conflicts = host.list(all=True).conflicts
        assert any("'web' is defined twice" in each for each in conflicts), conflicts
