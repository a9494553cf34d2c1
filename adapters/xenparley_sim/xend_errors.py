"""How the simulated XenD fails."""

from __future__ import annotations

__all__ = ["Missing", "NeverAnswers", "UnknownGuest", "XendFailure"]


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
