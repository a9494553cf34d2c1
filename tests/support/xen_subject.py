"""A client adapter on a simulated host that speaks all its channels, as the kit's subject."""

from __future__ import annotations

import uuid
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import evolve

from support.hypercall_subject import OPS as HYPERCALLS
from support.simulated_hosts import QUICK
from support.xend_subject import CDROM
from support.xend_subject import OPS as XEND_OPS
from support.xenstore_subject import _COUNTED as STORE_COUNTED
from support.xl_subject import SUBCOMMANDS
from xenparley.domain.errors import NotFound
from xenparley.domain.identity import GuestRef
from xenparley_sim import Hypervisor, SimulatedXen
from xenparley_sim.simulated_access import settings_of
from xenparley_sim.xend_config import _NAME
from xenparley_testing import ODD_NAMES, Faults, Limits, Subject

__all__ = ["BAD_NAMES", "xen_subject"]

_KINDS = {
    "stall": "hung",
    "drop": "dead",
    "absent": "absent",
    "refuse": "refused",
    "garble": "lying",
}
_NEVER = {"hypercall": {"drop": "an ioctl has no connection that could break"}}


@contextmanager
def xen_subject(release, channel, *, wrap=lambda channel: channel, limits=None, **more):
    """Give the subject of one channel of a new host that has them all."""
    with SimulatedXen(release, timing=QUICK, **more) as xen:
        there = Hypervisor(timing=QUICK)
        xen.hypervisor.peers["there"] = there
        plugins = xen.plugins()
        spec = plugins.adapters[channel]
        made = Subject.of(
            spec,
            "xen:///",
            settings=settings_of(xen, "root")[channel],
            faults=_faults(xen, channel),
            limits=limits or _limits(channel),
            guests_obey=True,
            image_path=lambda name: str(xen.directory / "images" / name),
            remove_image=lambda path: Path(path).unlink(missing_ok=True),
            destination=None if channel == "xl" else "there",
            **_making(xen, channel),
            **({"cdrom_template": CDROM} if xen.toolstack == "xend" else {}),
            **({"unholdable": BAD_NAMES} if channel == "xend" else {}),
        )
        (xen.directory / "images").mkdir(exist_ok=True)
        make = made.make_channel
        try:
            yield evolve(made, make_channel=lambda: wrap(make()))
        finally:
            xen.mend()
            there.close()


BAD_NAMES = frozenset(n for n in ODD_NAMES if not _NAME.fullmatch(n))


def _limits(channel):
    if channel == "xl":
        return Limits(call=30.0, stall=1.5, settle=5.0, slack=20.0, threads=2, rounds=1)
    return Limits(stall=0.2, settle=3.0)


def _making(xen, channel):
    """Return how guests are made where the channel itself makes none."""
    if channel in ("xend", "xl"):
        return {}
    return {
        "make_guest": lambda config: _make(xen, config),
        "remove_guest": lambda guest: _remove(xen, guest),
    }


def _make(xen, config):
    config = config if config.uuid else evolve(config, uuid=str(uuid.uuid4()))
    domain = xen.hypervisor.create(config, even_twice=True)
    return GuestRef(domid=domain.domid, uuid=domain.handle, name=domain.name)


def _remove(xen, guest):
    with suppress(NotFound):
        xen.hypervisor.destroy(guest.domid)


def _faults(xen, channel):
    without = _NEVER.get(channel, {})

    def fault(kind):
        @contextmanager
        def during(capability):
            xen.fault(channel, kind)
            try:
                yield
            finally:
                xen.mend(channel)

        return during

    made = {name: fault(kind) for name, kind in _KINDS.items() if name not in without}
    return Faults(sent=_counter(xen, channel), without=without, **made)


def _counter(xen, channel):
    """Return what counts the commands that reached the far end."""
    if channel == "hypercall":
        return lambda c: xen.door.device.done.count(HYPERCALLS.get(c, ""))
    if channel == "xend":
        return lambda c: sum(xen.xend.arrived[op] for op in XEND_OPS.get(c, "").split())
    if channel == "xl":

        def runs(capability):
            words = SUBCOMMANDS.get(capability, ())
            return sum(
                bool(call) and call[0] in words and (len(call) > 3 or "sched" not in call[0])
                for call in xen.xl.calls()
            )

        return runs
    written = []

    def note(path, _token):
        # What clients write, not what the toolstack or a guest does.
        import threading

        if threading.current_thread().name == "sim-xenstored" and xen.store.exists(path):
            written.append((path, xen.store.read(path)))

    xen.store.watch("/local/domain", "counted", "kit", note)

    def writes(capability):
        counts = STORE_COUNTED.get(capability)
        return 0 if counts is None else sum(counts(*each) for each in list(written))

    return writes
