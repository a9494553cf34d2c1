"""The simulated host as the contract kit's subject."""

from __future__ import annotations

from contextlib import contextmanager

from xenparley.plugin.spi import AdapterSpec
from xenparley_sim import Faults as SimFaults
from xenparley_sim import Hypervisor, SimChannel, Timing
from xenparley_sim.plugin import xenparley_register
from xenparley_testing import Faults, Limits, Subject

QUICK = Timing(obey=0.01, linger=0.005, dying=0.002, balloon_kib_s=1 << 30)


class Collected:
    """A registrar that keeps the adapter."""

    spec: AdapterSpec

    def adapter(self, spec):
        self.spec = spec

    def scheme(self, spec):
        pass


def sim_spec():
    """Return what the plugin declares."""
    collected = Collected()
    xenparley_register(collected)
    return collected.spec


@contextmanager
def sim_subject(folder, file=None, wrap=lambda channel: channel, limits=None):
    """Give the subject of a new host: in memory, or in a file that each channel opens itself."""
    faults = SimFaults()
    made = []

    def hypervisor():
        made.append(Hypervisor(file and str(folder / file), timing=QUICK))
        made[-1].peers["there"] = there
        return made[-1]

    there = Hypervisor(timing=QUICK)
    one = None if file else hypervisor()

    @contextmanager
    def fault(capability, *kinds):
        for kind in kinds:
            faults.inject(kind, capability)
        try:
            yield
        finally:
            faults.clear()

    yield Subject(
        spec=sim_spec(),
        make_channel=lambda: wrap(SimChannel(one or hypervisor(), faults=faults, owns=one is None)),
        faults=Faults(
            stall=lambda c: fault(c, "hang"),
            drop=lambda c: fault(c, "drop-after"),
            absent=lambda c: fault(c, "absent", "drop"),
            refuse=lambda c: fault(c, "refuse"),
            sent=faults.reached,
            without={"garble": "within the process no bytes are sent"},
        ),
        limits=limits or Limits(stall=0.02, settle=3.0),
        guests_obey=True,
        image_path=lambda name: str(folder / name),
        destination="there",
    )
    for host in (*made, there):
        host.close()
