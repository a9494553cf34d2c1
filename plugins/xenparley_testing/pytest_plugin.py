"""Fixtures for programs that embed xenparley: a Xen host in each test, with nothing installed.

Opt in with ``pytest_plugins = ["xenparley_testing.pytest_plugin"]`` in a top-level conftest.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from xenparley.plugin.registry import Plugins
from xenparley_sim import FrozenClock, Hypervisor, plugin_for

if TYPE_CHECKING:
    from xenparley import Host

__all__ = ["frozen_clock", "simulated_xen", "xen_host"]


@pytest.fixture
def frozen_clock() -> FrozenClock:
    """A clock that stands still; a test that asks for it owns the simulated host's time.

    ``frozen_clock.advance(seconds)`` lets time pass: guests that were asked to shut down do so,
    CPU time grows, balloons move.
    """
    return FrozenClock()


@pytest.fixture
def simulated_xen(request: pytest.FixtureRequest) -> Iterator[Hypervisor]:
    """A fresh simulated hypervisor in memory: the host seen from the inside.

    Crash a guest or start one behind the program's back with it. Its clock is the
    ``frozen_clock`` when the test asks for that too, else the machine's.
    """
    frozen = "frozen_clock" in request.fixturenames
    clock = request.getfixturevalue("frozen_clock") if frozen else None
    hypervisor = Hypervisor(clock=clock)
    yield hypervisor
    hypervisor.close()


@pytest.fixture
def xen_host(simulated_xen: Hypervisor) -> Iterator[Host]:
    """A :class:`xenparley.Host` connected to ``simulated_xen``, closed after the test."""
    from xenparley import connect

    plugins = Plugins(load=False)
    plugins.register(plugin_for(simulated_xen), name="simulated_xen")
    with connect("sim:", plugins=plugins) as host:
        yield host
