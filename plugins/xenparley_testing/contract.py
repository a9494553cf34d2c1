"""The checks as pytest test classes: mix one in, give it a ``subject`` fixture.

One test method for each check; a law's method is parametrised by capability. This module needs
pytest, the rest of the package does not.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from xenparley.negotiation.capability import SPECS, Capability, Role
from xenparley_testing.errors import ContractWarning, NotMade, NotOffered
from xenparley_testing.registry import Check
from xenparley_testing.runner import all_checks
from xenparley_testing.subject import Subject

__all__ = [
    "AdapterContract",
    "ChannelContract",
    "ConsoleContract",
    "DefinitionsContract",
    "DevicesContract",
    "EventsContract",
    "HostContract",
    "ImagesContract",
    "InventoryContract",
    "LawsContract",
    "LifecycleContract",
    "MemoryContract",
    "MigrationContract",
    "SchedulerContract",
    "StatisticsContract",
    "VcpusContract",
]

T = TypeVar("T", bound=type)


def perform(check: Check, subject: Subject) -> None:
    """Run a check as pytest's: skipped when not offered, a warning when it can't be made."""
    __tracebackhide__ = True
    try:
        check(subject)
    except NotOffered as exc:
        pytest.skip(str(exc))
    except NotMade as exc:
        if exc.reason is None:
            warnings.warn(f"{check.label}: {exc}", ContractWarning, stacklevel=2)


def _method(checks: list[Check]) -> Callable[..., None]:
    first = checks[0]
    if not first.is_law:

        def single(self: Any, subject: Subject) -> None:
            perform(first, subject)

        return single
    by_capability = {check.capability: check for check in checks}

    @pytest.mark.parametrize(
        "capability",
        [check.capability for check in checks],
        ids=[check.capability.value for check in checks if check.capability],
    )
    def parametrised(self: Any, subject: Subject, capability: Capability) -> None:
        perform(by_capability[capability], subject)

    method: Callable[..., None] = parametrised
    return method


def _filled(wanted: Callable[[Check], bool]) -> Callable[[T], T]:
    """Give a class one test method for each check that is wanted."""

    def fill(cls: T) -> T:
        grouped: dict[str, list[Check]] = {}
        for check in all_checks():
            if wanted(check):
                grouped.setdefault(check.name, []).append(check)
        for name, checks in grouped.items():
            method = _method(checks)
            method.__name__ = f"test_{name}"
            method.__qualname__ = f"{cls.__name__}.test_{name}"
            method.__doc__ = checks[0].function.__doc__
            setattr(cls, method.__name__, method)
        return cls

    return fill


def _of(role: Role) -> Callable[[T], T]:
    return _filled(
        lambda c: not c.is_law and c.capability is not None and SPECS[c.capability].role is role
    )


@_filled(lambda c: not c.is_law and c.capability is None)
class ChannelContract:
    """Declaration, probe, ports, close()."""


@_filled(lambda c: c.is_law)
class LawsContract:
    """What holds for every call: identity, deadlines, faults, threads, odd input."""


@_of(Role.INVENTORY)
class InventoryContract:
    """Listing and looking up."""


@_of(Role.LIFECYCLE)
class LifecycleContract:
    """Commands about a guest's life."""


@_of(Role.DEFINITIONS)
class DefinitionsContract:
    """Configurations."""


@_of(Role.MEMORY)
class MemoryContract:
    """Memory."""


@_of(Role.VCPUS)
class VcpusContract:
    """Virtual CPUs."""


@_of(Role.SCHEDULER)
class SchedulerContract:
    """Scheduling parameters."""


@_of(Role.DEVICES)
class DevicesContract:
    """Devices."""


@_of(Role.STATISTICS)
class StatisticsContract:
    """Statistics."""


@_of(Role.HOST)
class HostContract:
    """Facts about the host."""


@_of(Role.EVENTS)
class EventsContract:
    """Events."""


@_of(Role.CONSOLE)
class ConsoleContract:
    """Consoles and displays."""


@_of(Role.IMAGES)
class ImagesContract:
    """Saving, restoring, dumping."""


@_of(Role.MIGRATION)
class MigrationContract:
    """Migration."""


class AdapterContract(
    ChannelContract,
    LawsContract,
    InventoryContract,
    LifecycleContract,
    DefinitionsContract,
    MemoryContract,
    VcpusContract,
    SchedulerContract,
    DevicesContract,
    StatisticsContract,
    HostContract,
    EventsContract,
    ConsoleContract,
    ImagesContract,
    MigrationContract,
):
    """Everything. A subclass (``class TestMine(AdapterContract)``) has a fixture ``subject``."""
