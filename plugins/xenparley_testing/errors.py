"""What checks raise."""

from __future__ import annotations

from xenparley.negotiation.capability import Capability

__all__ = ["ContractBroken", "ContractWarning", "NotMade", "NotOffered"]


class ContractBroken(AssertionError):
    """The adapter breaks the contract; the message says which word of it, and how."""


class ContractWarning(UserWarning):
    """Something works that isn't declared, or could not be checked."""


class NotOffered(Exception):
    """The channel doesn't offer the capability: the check does not apply."""

    def __init__(self, capability: Capability, reason: str) -> None:
        super().__init__(f"{capability.value} is not offered: {reason}")
        self.capability = capability
        self.reason = reason


class NotMade(Exception):
    """The check needs a fault that the author can't make; ``reason`` is the author's, or None."""

    def __init__(self, fault: str, reason: str | None) -> None:
        super().__init__(
            f"not checked, the peer can't be made to {fault}: {reason or 'no reason given'}"
        )
        self.fault = fault
        self.reason = reason
