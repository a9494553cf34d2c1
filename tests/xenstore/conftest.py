"""Every test here runs against the real C daemon, the real OCaml daemon and the simulated one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from support.xenstored import KINDS, Daemon, peer
from xenparley_xenstore.client import XenStore, open_store


@pytest.fixture
def soon() -> Callable[..., float]:
    """A deadline some seconds ahead, generous for a busy machine."""
    return lambda seconds=60.0: time.monotonic() + seconds


@pytest.fixture(params=KINDS)
def daemon(request: pytest.FixtureRequest) -> Iterator[Daemon]:
    """A running daemon, one test for each kind."""
    with peer(request.param) as running:
        yield running


@pytest.fixture
def store(daemon: Daemon) -> Iterator[XenStore]:
    """A client of it."""
    with open_store(str(daemon.socket)) as client:
        yield client
