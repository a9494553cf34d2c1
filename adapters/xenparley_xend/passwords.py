"""Keeping passwords out of messages."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from xenparley.domain.errors import XenparleyError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xenparley.domain.config import GuestConfig

__all__ = ["unsecret"]


@contextlib.contextmanager
def unsecret(config: GuestConfig) -> Iterator[None]:
    """Take the configuration's passwords out of the error that leaves, should a host echo them."""
    try:
        yield
    except XenparleyError as exc:
        for graphics in config.graphics:
            if graphics.password and graphics.password in exc.message:
                exc.message = exc.message.replace(graphics.password, "***")
                exc.args = (exc.message,)
        raise
