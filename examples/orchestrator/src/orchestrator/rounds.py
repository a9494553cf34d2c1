"""One round: a host is brought to what the plan says. The host is any that xenparley knows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from orchestrator.plan import MARK, Wanted
from xenparley import Host, NotFound, OutcomeUnknown, Phase, XenparleyError

__all__ = ["Told", "bring_about"]


class Told(NamedTuple):
    """What was done to one guest, or why it was not."""

    guest: str
    done: tuple[str, ...]
    error: XenparleyError | None = None

    @property
    def unknown(self) -> bool:
        """Whether nobody can say if the last command took effect."""
        return isinstance(self.error, OutcomeUnknown)

    def __str__(self) -> str:
        """Word it in one line."""
        words = ", ".join(self.done)
        if self.error is None:
            return f"{self.guest}: {words}"
        return f"{self.guest}: {words + ', then ' if words else ''}{self.error.kind}: {self.error}"


def bring_about(host: Host, wanted: Iterable[Wanted], *, patience: float = 20.0) -> list[Told]:
    """Define, start, stop and remove what differs; what is right already is not told.

    ``patience`` is how many seconds a guest has to power off before its plug is pulled.
    """
    wanted = list(wanted)
    told = [_guest(host, one, patience) for one in wanted]
    names = {one.config.name for one in wanted}
    try:
        kept = [g.name for g in host.list(all=True) if g.defined and g.name and g.name not in names]
    except XenparleyError as exc:
        return [*told, Told("(others)", (), exc)]
    told += [_gone(host, name, patience) for name in kept]
    return [one for one in told if one.done or one.error]


def _guest(host: Host, wanted: Wanted, patience: float) -> Told:
    name, done = wanted.config.name, []
    try:
        try:
            guest = host.find(name, by="name")
        except NotFound:
            host.define(wanted.config)
            done.append("defined")
            guest = host.find(name, by="name")
        if wanted.running and guest.phase is not Phase.ACTIVE:
            host.ensure_running(guest.ref)
            done.append("started")
        elif not wanted.running and guest.living:
            host.ensure_stopped(guest.ref, destroy_after=patience)
            done.append("stopped")
    except XenparleyError as exc:
        return Told(name, tuple(done), exc)
    return Told(name, tuple(done))


def _gone(host: Host, name: str, patience: float) -> Told:
    """Remove a guest that the plan has no more, if it is one of ours."""
    done: list[str] = []
    try:
        if host.config(name, live=False).description != MARK:
            return Told(name, ())
        if not host.ensure_stopped(name, destroy_after=patience).already:
            done.append("stopped")
        host.undefine(name)
        done.append("removed")
    except XenparleyError as exc:
        return Told(name, tuple(done), exc)
    return Told(name, tuple(done))
