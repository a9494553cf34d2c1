"""The XenStore adapter over the simulated host's daemon, as the contract kit's subject."""

from __future__ import annotations

from contextlib import contextmanager

from support.unix_proxy import Proxy
from support.xenstore_guests import Guests
from xenparley.negotiation.capability import Capability
from xenparley_sim.xenstore_server import XenStoreServer
from xenparley_testing import Faults, Limits, Subject
from xenparley_xenstore.plugin import SPEC

_COUNTED = {
    Capability.SHUTDOWN: lambda path, value: value == b"poweroff",
    Capability.REBOOT: lambda path, value: value == b"reboot",
    Capability.SET_MEMORY_TARGET: lambda path, value: path.endswith("/memory/target"),
    Capability.SET_VCPUS: lambda path, value: path.endswith("/availability"),
}


@contextmanager
def xenstore_subject(folder):
    """Give the subject of a new store."""
    with (
        XenStoreServer(folder / "daemon") as server,
        Proxy(folder / "socket", server.path) as proxy,
    ):
        guests = Guests(server.store, folder / "sys")

        def sent(capability):
            counts = _COUNTED.get(capability)
            return 0 if counts is None else sum(counts(*each) for each in list(guests.commands))

        def fault(mode):
            return lambda capability: proxy.fault(mode)

        yield Subject.of(
            SPEC,
            "xen:///",
            settings={"path": str(proxy.path), "sysfs": str(folder / "sys")},
            make_guest=guests.make,
            remove_guest=guests.remove,
            faults=Faults(
                stall=fault("stall"),
                drop=fault("drop"),
                absent=fault("absent"),
                refuse=fault("refuse"),
                garble=fault("garble"),
                sent=sent,
            ),
            limits=Limits(stall=0.2),
        )
