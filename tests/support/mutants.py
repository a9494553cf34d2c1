"""Adapters with one thing wrong: a conforming channel, and a change of one of its answers.

A change is ``change(channel, original, *args, **kwargs)``: what the method does instead.
"""

from __future__ import annotations

import threading

from attrs import evolve, field, frozen

from xenparley.domain import errors as e
from xenparley.domain.guest import Field, GuestRow
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import SPECS, Capability
from xenparley.negotiation.offer import Available

C = Capability


@frozen
class Mutant:
    """``methods`` are changed by capability, ``channel`` by name (probe, port, close)."""

    name: str
    caught_by: str
    methods: dict = field(factory=dict)
    channel: dict = field(factory=dict)

    def wrap(self, channel):
        return Mutated(channel, self)

    def __str__(self):
        return f"{self.name} ({self.caught_by})"


class Mutated:
    """A channel whose methods are changed."""

    def __init__(self, channel, mutant):
        self.real, self.mutant = channel, mutant
        self.state = {}
        self.lock = threading.Lock()

    def _channel(self, name, original, *args, **kwargs):
        change = self.mutant.channel.get(name)
        return (
            original(*args, **kwargs) if change is None else change(self, original, *args, **kwargs)
        )

    def probe(self, **kwargs):
        return self._channel("probe", self.real.probe, **kwargs)

    def close(self):
        return self._channel("close", self.real.close)

    def port(self, role):
        port = self._channel("port", self.real.port, role)
        changed = {
            SPECS[c].method: change
            for c, change in self.mutant.methods.items()
            if SPECS[c].role is role
        }
        return MutatedPort(self, port, changed) if changed else port

    def call(self, capability, *args, **kwargs):
        """Call the unchanged method of another capability."""
        spec = SPECS[capability]
        return getattr(self.real.port(spec.role), spec.method)(*args, **kwargs)

    def rows(self, deadline):
        return self.call(C.LIST_LIVE, list(Field)[:3], deadline=deadline)


class MutatedPort:
    def __init__(self, channel, port, changed):
        self._channel, self._port, self._changed = channel, port, changed

    def __getattr__(self, name):
        original = getattr(self._port, name)
        change = self._changed.get(name)
        if change is None:
            return original
        return lambda *args, **kwargs: change(self._channel, original, *args, **kwargs)


# -- changes that fit many methods -------------------------------------------------------


def answer(edit):
    """Change the answer."""

    def change(channel, original, *args, **kwargs):
        return edit(original(*args, **kwargs))

    return change


def instead(kind, make):
    """Raise something else instead of an error of this kind, or answer it."""

    def change(channel, original, *args, **kwargs):
        try:
            return original(*args, **kwargs)
        except kind as exc:
            other = make(exc)
            if isinstance(other, BaseException):
                raise other from exc
            return other

    return change


def strip(**fields):
    """Take fields off every error."""

    def edit(exc):
        for name, value in fields.items():
            setattr(exc, name, value)
        return exc

    return instead(e.XenparleyError, edit)


def again(kind):
    """Send it again after an error of this kind."""

    def change(channel, original, *args, **kwargs):
        try:
            return original(*args, **kwargs)
        except kind:
            return original(*args, **kwargs)

    return change


def patient(channel, original, *args, deadline, **kwargs):
    """Take its own time, whatever the deadline says."""
    return original(*args, deadline=deadline + 60, **kwargs)


def stale(channel, original, guest, *args, **kwargs):
    """Look at the domain id alone."""
    for row in channel.rows(kwargs["deadline"]):
        if row.domid == guest.domid:
            guest = evolve(guest, uuid=row.uuid)
    return original(guest, *args, **kwargs)


def by_name(channel, original, guest, *args, **kwargs):
    """Look the guest up by its name."""
    for row in channel.rows(kwargs["deadline"]):
        if row.values.get(Field.NAME) == guest.name:
            guest = GuestRef(domid=row.domid, uuid=row.uuid, name=guest.name)
    return original(guest, *args, **kwargs)


def success(value):
    """Answer a guest that is gone with success."""
    return instead(e.NotFound, lambda exc: value)


def once_only(value):
    """Refuse to do it to the same guest twice."""

    def change(channel, original, guest, *args, **kwargs):
        key = (value, guest.domid, guest.uuid)
        if channel.state.setdefault(key, 0):
            raise e.InvalidState(f"already {value}", guest=str(guest), operation=value, channel="x")
        channel.state[key] = 1
        return original(guest, *args, **kwargs)

    return change


def rows(edit):
    """Change each row; None drops it."""
    return answer(lambda found: [new for new in map(edit, found) if new is not None])


def row(original, **changes):
    """Copy a row with changed values."""
    values = {**original.values, **{Field[name]: value for name, value in changes.items()}}
    return GuestRow(original.domid, original.uuid, values, original.absent)


def without(original, field):
    """Copy a row without a field."""
    values = {key: value for key, value in original.values.items() if key is not field}
    return GuestRow(original.domid, original.uuid, values, original.absent)


def cached(channel, original, *args, **kwargs):
    """Answer what was answered the first time, and forget nobody."""
    key = (repr(args), repr(kwargs.get("domids")))
    found = list(original(*args, **kwargs))
    known = channel.state.setdefault(key, {})
    known.update({(r.domid, r.uuid): r for r in found})
    return list(known.values())


def shared_state(channel, original, *args, **kwargs):
    """Keep the answer where the next caller puts its own."""
    channel.state["answer"] = original(*args, **kwargs)
    threading.Event().wait(0.001)
    return channel.state["answer"]


def shared_target(channel, original, guest, *args, **kwargs):
    """Keep the guest where the next caller puts its own, until it is used."""
    channel.state["guest"] = guest
    threading.Event().wait(0.005)
    return original(channel.state["guest"], *args, **kwargs)


def offers(edit):
    """Change the offers of a probe that found the channel."""

    def change(channel, original, **kwargs):
        found = original(**kwargs)
        return edit(found) if isinstance(found, Available) else found

    return change
