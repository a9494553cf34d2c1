"""The checks, grouped by port; importing this package fills ``registry.CHECKS``."""

from xenparley_testing.checks import (
    channel,
    definitions,
    events,
    faults,
    hardware,
    host,
    images,
    inventory,
    laws,
    lifecycle,
    resources,
)

__all__ = [
    "channel",
    "definitions",
    "events",
    "faults",
    "hardware",
    "host",
    "images",
    "inventory",
    "laws",
    "lifecycle",
    "resources",
]
