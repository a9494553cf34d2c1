"""Fixtures for tests in a real dom0."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from real_xen.guests import Guest, Guests
from real_xen.looks import in_dom0


@pytest.fixture(scope="session", autouse=True)
def dom0() -> None:
    """Keep the tests of this folder inside a control domain."""
    if not in_dom0():
        pytest.skip("runs inside a real dom0 only: tox -e xen boots one")


@pytest.fixture(scope="session")
def lasting(dom0: None) -> Iterator[Guests]:
    """Guests that live until the session's end."""
    with Guests() as made:
        yield made


@pytest.fixture
def guests(dom0: None) -> Iterator[Guests]:
    """Guests that live until the test's end: ``guests.tiny()``, ``guests.linux("pv")``..."""
    with Guests() as made:
        yield made


@pytest.fixture
def tiny(guests: Guests) -> Guest:
    """A tiny PV guest that runs (idle, so mostly blocked)."""
    return guests.tiny()


@pytest.fixture
def paused_tiny(guests: Guests) -> Guest:
    """A tiny PV guest made paused."""
    return guests.tiny(paused=True)


@pytest.fixture(scope="session")
def linux_pv(lasting: Guests) -> Guest:
    """A Linux PV guest in its user space, shared by the session: look, don't touch."""
    return lasting.linux("pv")


@pytest.fixture(scope="session")
def linux_pvh(lasting: Guests) -> Guest:
    """A Linux PVH guest in its user space, shared by the session: look, don't touch."""
    return lasting.linux("pvh")


@pytest.fixture(scope="session")
def paused_hvm(lasting: Guests) -> Guest:
    """An HVM guest that never ran, shared by the session: look, don't touch."""
    return lasting.paused_hvm()
