"""What the tests of XenD share."""

from __future__ import annotations

import time

import pytest

from support.xend_subject import Peer
from xenparley.plugin.spi import ChannelContext
from xenparley.plugin.uri import parse_uri
from xenparley_xend.channel import make


@pytest.fixture
def soon():
    """Return a deadline."""
    return lambda seconds=20.0: time.monotonic() + seconds


@pytest.fixture
def hosts(tmp_path_factory):
    """Make simulated hosts; each with a channel to it."""
    made = []

    def start(release, *, uri="xen:///", local=True, settings=None, **more):
        peer = Peer(tmp_path_factory.mktemp("x"), release, **more)
        channel = make(ChannelContext("xend", parse_uri(uri), local, settings or peer.settings))
        made.append((peer, channel))
        return peer, channel

    yield start
    for peer, channel in made:
        channel.close()
        peer.close()
