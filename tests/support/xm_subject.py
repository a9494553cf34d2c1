"""A folder of guests' files as the contract kit's subject."""

from __future__ import annotations

import fcntl
import itertools
import os
import time
from contextlib import contextmanager, suppress

from attrs import evolve

from xenparley.domain.config import Loader
from xenparley.domain.errors import NotFound
from xenparley.domain.events import EventKind
from xenparley.domain.guest import Field, GuestRow
from xenparley.negotiation.capability import Role
from xenparley_testing import Faults, Limits, Subject
from xenparley_testing.subject import DEFAULT_CDROM
from xenparley_xm.channel import XmChannel
from xenparley_xm.plugin import SPEC

_LIKE = {EventKind.DEFINED: EventKind.STARTED, EventKind.UNDEFINED: EventKind.STOPPED}


class StandIn:
    """A channel whose definitions stand in for living guests.

    The kit asks for memory, virtual CPUs and events of guests that live. A file's guest never
    does; the same is asked of its definition, and its coming and going is told as a life too.
    """

    def __init__(self, channel):
        self._channel = channel
        self.probe = channel.probe
        self.close = channel.close

    def port(self, role):
        port = self._channel.port(role)
        if role in (Role.MEMORY, Role.VCPUS, Role.DEVICES):
            return _Lifeless(port)
        return _Lively(port) if role is Role.EVENTS else port


class _Lifeless:
    def __init__(self, port):
        self._port = port

    def __getattr__(self, name):
        method = getattr(self._port, name)
        return lambda guest, *args, deadline: method(
            evolve(guest, domid=None), *args, deadline=deadline
        )


class _Lively:
    def __init__(self, port):
        self._port = port

    def subscribe(self, callback, *, deadline):
        def both(event):
            if event.kind in _LIKE:
                callback(evolve(event, kind=_LIKE[event.kind]))
            callback(event)

        return self._port.subscribe(both, deadline=deadline)


@contextmanager
def xm_subject(folder, **settings):
    """Give the subject of a folder, which is made."""
    folder.mkdir()
    settings = {"folder": str(folder), **settings}
    beside = XmChannel(settings)
    domids = itertools.count(1)

    loader = None
    if settings.get("toolstack") == "xm":
        loader = Loader(path="/usr/lib/xen/boot/hvmloader")

    def soon():
        return time.monotonic() + 10

    def make_guest(config):
        ref = beside.port(Role.DEFINITIONS).define(config, deadline=soon())
        return evolve(ref, domid=next(domids))

    def remove_guest(ref):
        with suppress(NotFound):
            beside.port(Role.DEFINITIONS).undefine(evolve(ref, domid=None), deadline=soon())

    def observe(ref):
        fields = [Field.NAME, Field.MAX_MEMORY, Field.MAX_VCPUS, Field.UUID]
        rows = beside.port(Role.INVENTORY).find_defined(fields, uuid=ref.uuid, deadline=soon())
        return GuestRow(ref.domid, ref.uuid, rows[0].values) if rows else None

    @contextmanager
    def locked(capability):
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    @contextmanager
    def away(capability):
        folder.rename(f"{folder}-away")
        try:
            yield
        finally:
            folder.with_name(f"{folder.name}-away").rename(folder)

    yield Subject(
        spec=SPEC,
        make_channel=lambda: StandIn(XmChannel(settings)),
        make_guest=make_guest,
        remove_guest=remove_guest,
        observe=observe,
        faults=Faults(
            stall=locked,
            absent=away,
            without={
                "drop": "a folder has no connection to break",
                "garble": "each file stands for itself: a bad one is told, and hides no other",
                "refuse": "root may read and write everything",
                "sent": "nothing is sent: a file is changed or it is not",
            },
        ),
        cdrom_template=evolve(
            DEFAULT_CDROM, boot=evolve(DEFAULT_CDROM.boot, loader=loader, devices=("cdrom", "hd"))
        ),
        limits=Limits(stall=0.05, settle=5.0),
    )
    beside.close()
