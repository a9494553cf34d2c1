"""Installed, the adapter is one of xenparley's channels like any other."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import libvirt
import pytest
import xenparley_libvirt

import xenparley
from xenparley.domain.config import Boot, GuestConfig

HOST = "libvirt:test:///default"
#: What xenparley promises to those who write adapters.
SPI = ("xenparley.domain", "xenparley.ports", "xenparley.negotiation")
SPI_MODULES = ("xenparley.plugin.spi", "xenparley.plugin.hooks", "xenparley.plugin.uri")


@pytest.fixture(autouse=True)
def keeper():
    connection = libvirt.open("test:///default")
    yield connection
    connection.close()


def test_a_guests_life(keeper):
    with xenparley.connect(HOST) as host:
        assert host.label == "libvirt test:///default"
        host.define(GuestConfig(name="web", memory_kib=65536, boot=Boot(kernel="/boot/vmlinuz")))
        assert host.find("web").phase is xenparley.Phase.SHUT_OFF
        assert host.start("web").reached
        assert keeper.lookupByName("web").isActive()
        assert host.pause("web").phase is xenparley.Phase.PAUSED
        host.set_memory("web", 32768)
        assert host.memory("web").current_kib == 32768
        host.ensure_absent("web")
        assert [guest.name for guest in host.list(all=True)] == ["test"]


def test_a_guest_that_others_made_is_seen(keeper):
    with xenparley.connect(HOST) as host:
        keeper.lookupByName("test").suspend()
        guest = host.find("test")
        assert (guest.domid, guest.phase) == (1, xenparley.Phase.PAUSED)
        assert guest.sources[xenparley.Field.STATE] == "libvirt"


@pytest.mark.parametrize(
    "uri", ["libvirt:", "libvirt:qemu:///system", "libvirt://host/", "libvirt:xen"]
)
def test_uris_that_are_not_libvirts(uri):
    with pytest.raises(xenparley.InvalidInput):
        xenparley.connect(uri)


def test_on_a_xen_host_it_is_one_channel_of_several(tmp_path):
    with xenparley.connect("xen:///?libvirt.uri=test:///default&channels=libvirt") as host:
        assert [c.name for c in host.channels() if c.state == "available"] == ["libvirt"]
        assert len(host.list()) == 1


def test_the_program_knows_it():
    def run(*words):
        command = [sys.executable, "-m", "xenparley_cli", *words]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=60
        ).stdout

    assert "xenparley-libvirt" in run("plugins")
    assert "libvirt" in run("-c", HOST, "channels")
    assert "test" in run("-c", HOST, "list")


def test_nothing_but_the_public_interface_is_used():
    (folder,) = xenparley_libvirt.__path__
    used = set()
    for path in Path(folder).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                used.update(name.name for name in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0
                used.add(node.module)
    ours = {name for name in used if name.split(".")[0].startswith("xenparley")}
    ours = {name for name in ours if name.split(".")[0] != "xenparley_libvirt"}
    assert "xenparley.plugin.spi" in ours
    strange = {n for n in ours if not n.startswith(SPI) and n not in SPI_MODULES}
    assert strange == set()
