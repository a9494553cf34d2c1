"""Moving a living guest to another host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from xenparley.domain.identity import GuestRef
from xenparley.ports.lifecycle import Receipt

__all__ = ["Migration"]


class Migration(Protocol):
    """Migrates. Sent at most once; a doubtful end is OutcomeUnknown on both hosts."""

    def migrate(
        self,
        guest: GuestRef,
        destination: str,
        *,
        live: bool,
        options: Mapping[str, str],
        deadline: float,
    ) -> Receipt:
        """Move the guest to the host ``destination``; ``options`` are the channel's own words.

        Known options: ``port``, ``ssl`` (XenD), ``ssh`` (xl: the ssh command, split like a shell
        would, never run by one). InvalidInput names an unknown one.
        """
        ...
