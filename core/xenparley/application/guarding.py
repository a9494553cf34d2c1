"""What a program does about being stopped (Ctrl-Z): adapters say it, programs ask for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from xenparley.domain.errors import InvalidInput, PluginError

if TYPE_CHECKING:
    from xenparley.application.channels import ChannelSet
    from xenparley.plugin.registry import Plugins

__all__ = ["guarded"]


@contextmanager
def guarded(channels: ChannelSet, plugins: Plugins | None) -> Iterator[None]:
    """Hold the guards of the available channels' adapters. InvalidInput: not the main thread."""
    if threading.current_thread() is not threading.main_thread():
        raise InvalidInput("signals are the main thread's: it alone can guard against stopping")
    with ExitStack() as stack:
        for status in channels.statuses():
            target = channels[status.name].spec.stop_guard
            if target is None or status.state != "available":
                continue
            make = plugins.resolve(target) if plugins is not None else target
            if not callable(make):
                raise PluginError(f"{status.name}: its stop_guard is no callable")
            stack.enter_context(make())
        yield
