"""The embedded simulated host: a Xen host that needs nothing installed.

:class:`Hypervisor` is the model: domains that live, tick, balloon, shut down, crash and migrate
under an injected clock. :func:`plugin_for` hands one to ``xenparley.connect`` in a test;
``sim:`` and ``sim:PATH`` make one from a URI. Names are imported when they are first used, so
that a listing pays for nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = [
    "Change",
    "Clock",
    "Domain",
    "Fault",
    "Faults",
    "FrozenClock",
    "HostFacts",
    "Hypervisor",
    "SimChannel",
    "SimulatedXen",
    "SystemClock",
    "Timing",
    "plugin_for",
]

if TYPE_CHECKING:
    from xenparley_sim.changes import Change
    from xenparley_sim.channel import SimChannel
    from xenparley_sim.clock import Clock, FrozenClock, SystemClock
    from xenparley_sim.domain import Domain
    from xenparley_sim.embed import plugin_for
    from xenparley_sim.facts import HostFacts, Timing
    from xenparley_sim.faults import Fault, Faults
    from xenparley_sim.hypervisor import Hypervisor
    from xenparley_sim.simulated_xen import SimulatedXen
else:
    _HOMES = {
        "Change": "changes",
        "Clock": "clock",
        "Domain": "domain",
        "Fault": "faults",
        "Faults": "faults",
        "FrozenClock": "clock",
        "HostFacts": "facts",
        "Hypervisor": "hypervisor",
        "SimChannel": "channel",
        "SimulatedXen": "simulated_xen",
        "SystemClock": "clock",
        "Timing": "facts",
        "plugin_for": "embed",
    }

    def __getattr__(name: str) -> Any:
        from importlib import import_module

        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
