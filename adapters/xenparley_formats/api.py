"""What a format's reader and writer return."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from xenparley.domain.config import GuestConfig
    from xenparley.domain.errors import Problem

__all__ = ["Reading", "Writing"]


@frozen
class Reading:
    """A configuration that was read, and what the reader wants to be known about it."""

    config: GuestConfig
    warnings: tuple[Problem, ...] = ()


@frozen
class Writing:
    """A document that was written, and what was left out of it with ``lossy``."""

    text: str
    warnings: tuple[Problem, ...] = ()
