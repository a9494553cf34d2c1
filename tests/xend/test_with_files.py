"""Before Xen 3.0.4 guests are files in /etc/xen, and XenD only makes them."""

from __future__ import annotations

import pytest
from attrs import evolve

from support.xend_subject import Peer
from xenparley import Phase, Plugins, Unsupported, connect


@pytest.fixture(params=["3.0.2", "3.0.3"])
def peer(request, tmp_path):
    folder = tmp_path / "x"
    folder.mkdir()
    running = Peer(folder, request.param)
    yield running
    running.close()


def host_of(peer, files):
    words = {
        "channels": "xend,xm",
        "xend.http-socket": peer.settings["http-socket"],
        "xend.xmlrpc-socket": peer.settings["xmlrpc-socket"],
        "xm.folder": files,
        "xm.toolstack": "xm",
        "xm.xen-version": peer.host.made_as.release,
        "xm.notify": "poll",
    }
    query = "&".join(f"{key}={value}" for key, value in words.items())
    return connect(f"xen:///?{query}", plugins=Plugins(environ={}))


def test_a_file_is_started_and_listed_once(peer, tmp_path):
    files = tmp_path / "etc-xen"
    files.mkdir()
    (files / "web").write_text("name = 'web'\nmemory = 64\nkernel = '/boot/vmlinuz'\n")
    (files / "old").write_text("name = 'old'\nmemory = 64\nbootloader = '/usr/bin/pygrub'\n")
    with host_of(peer, files) as host:
        assert [g.name for g in host.list(all=True)] == ["Domain-0", "old", "web"]
        assert host.start("web").reached
        listing = {g.name: g for g in host.list(all=True)}
        assert sorted(listing) == ["Domain-0", "old", "web"]
        assert listing["web"].phase is Phase.ACTIVE
        assert listing["web"].defined
        host.ensure_stopped("web", destroy_after=1)
        assert host.find("web").phase is Phase.SHUT_OFF


def test_who_runs_the_bootloader(peer, tmp_path):
    files = tmp_path / "etc-xen"
    files.mkdir()
    (files / "old").write_text("name = 'old'\nmemory = 64\nbootloader = '/usr/bin/pygrub'\n")
    with host_of(peer, files) as host:
        if peer.host.made_as.release == "3.0.2":
            with pytest.raises(Unsupported, match="XenD runs no bootloader"):
                host.start("old")
            assert not host.find("old").living
        else:
            assert host.start("old").reached


def test_a_guest_that_xm_started_is_its_files(peer, tmp_path):
    """``xm create`` gave it a random UUID; the name joins the two."""
    files = tmp_path / "etc-xen"
    files.mkdir()
    (files / "web").write_text("name = 'web'\nmemory = 64\nkernel = '/boot/vmlinuz'\n")
    with host_of(peer, files) as host:
        config = host.config("web")
        made = host.create(evolve(config, uuid="5a1d6e0c-2f0f-4f8b-9f3c-0a4b6c7d8e9f"))
        guests = [g for g in host.list(all=True) if g.name == "web"]
        assert [g.domid for g in guests] == [made.guest.domid]
        assert guests[0].defined
        assert guests[0].definition == config.uuid
        assert host.start("web").already
