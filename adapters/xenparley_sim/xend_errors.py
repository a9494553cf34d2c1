"""How the simulated XenD fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xenparley_sim.domain import Domain
    from xenparley_sim.xend_host import Guest

__all__ = ["Missing", "NeverAnswers", "UnknownGuest", "XendFailure", "living_domain"]


class XendFailure(Exception):
    """XenD's own error; its text goes into ``(xend.err 'text')``."""


class Missing(XendFailure):
    """A parameter is missing."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Missing parameter: {name}")


class UnknownGuest(Exception):
    """No guest answers to this key."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class NeverAnswers(Exception):
    """The thread dies: the connection stays open without an answer."""


def living_domain(guest: Guest) -> Domain:
    """Return a guest's domain; for a dormant one Python's own complaint, as XenD passes it on."""
    if guest.domain is None:
        raise XendFailure("int() argument must be a string or a number, not 'NoneType'")
    return guest.domain
