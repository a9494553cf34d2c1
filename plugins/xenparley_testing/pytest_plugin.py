"""Fixtures for programs that embed xenparley: a Xen host in each test, with nothing installed.

Opt in with ``pytest_plugins = ["xenparley_testing.pytest_plugin"]`` in a top-level conftest.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from xenparley.plugin.registry import Plugins
from xenparley_sim import FrozenClock, Hypervisor, SimulatedXen, plugin_for

if TYPE_CHECKING:
    from xenparley import Host

__all__ = ["frozen_clock", "simulated_release", "simulated_xen", "xen_host"]

_MARKER = "xen_release"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(release, user='root', **more): the simulated host is of this release of Xen, "
        "and is reached by its channels (more: arguments of SimulatedXen)",
    )


@pytest.fixture
def frozen_clock() -> FrozenClock:
    """A clock that stands still; a test that asks for it owns the simulated host's time.

    ``frozen_clock.advance(seconds)`` lets time pass: guests that were asked to shut down do so,
    CPU time grows, balloons move.
    """
    return FrozenClock()


@pytest.fixture
def simulated_release(request: pytest.FixtureRequest) -> Iterator[SimulatedXen]:
    """A fresh :class:`~xenparley_sim.SimulatedXen`: a host of the release that the test is marked
    with (``@pytest.mark.xen_release("3.0.4")``), else of a current one, that speaks on every wire.

    ``simulated_release.fault("xend", "refused")`` takes a channel away.
    """
    marker = request.node.get_closest_marker(_MARKER)
    arguments = {} if marker is None else {**marker.kwargs}
    arguments.pop("user", None)
    with SimulatedXen(
        *(() if marker is None else marker.args), clock=_clock(request), **arguments
    ) as xen:
        yield xen


@pytest.fixture
def simulated_xen(request: pytest.FixtureRequest) -> Iterator[Hypervisor]:
    """A fresh simulated hypervisor in memory: the host seen from the inside.

    Crash a guest or start one behind the program's back with it. Its clock is the
    ``frozen_clock`` when the test asks for that too, else the machine's. Of a test that is marked
    with ``xen_release``, or asks for ``simulated_release``, it is that host's.
    """
    if _is_released(request):
        released: SimulatedXen = request.getfixturevalue("simulated_release")
        yield released.hypervisor
        return
    hypervisor = Hypervisor(clock=_clock(request))
    yield hypervisor
    hypervisor.close()


@pytest.fixture
def xen_host(request: pytest.FixtureRequest, simulated_xen: Hypervisor) -> Iterator[Host]:
    """A :class:`xenparley.Host` connected to ``simulated_xen``, closed after the test.

    Of a host of a release it is connected by the real adapters, as root or as the marker's
    ``user``.
    """
    from xenparley import connect

    if _is_released(request):
        released: SimulatedXen = request.getfixturevalue("simulated_release")
        marker = request.node.get_closest_marker(_MARKER)
        user = "root" if marker is None else marker.kwargs.get("user", "root")
        with released.connect(user=user) as host:
            yield host
        return
    plugins = Plugins(load=False)
    plugins.register(plugin_for(simulated_xen), name="simulated_xen")
    with connect("sim:", plugins=plugins) as host:
        yield host


def _is_released(request: pytest.FixtureRequest) -> bool:
    marked = request.node.get_closest_marker(_MARKER) is not None
    return marked or "simulated_release" in request.fixturenames


def _clock(request: pytest.FixtureRequest) -> FrozenClock | None:
    if "frozen_clock" not in request.fixturenames:
        return None
    clock: FrozenClock = request.getfixturevalue("frozen_clock")
    return clock
