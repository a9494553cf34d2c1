"""What one plugin registers: a transaction of its own, taken over as a whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from xenparley.domain.errors import PluginError
from xenparley.domain.identity import printable
from xenparley.negotiation.offer import Offer
from xenparley.plugin.spi import AdapterSpec, CommandSpec, FormatSpec, SchemeSpec

__all__ = ["KINDS", "Registrations"]

#: What can be registered, in the order in which it is listed.
KINDS = ("adapter", "format", "scheme", "command")

_NAME = re.compile(r"[a-z][a-z0-9._+-]*")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def _is_target(value: object) -> bool:
    return isinstance(value, str) and _TARGET.fullmatch(value) is not None


class Registrations:
    """The registrar that a plugin's hook gets.

    It belongs to one plugin, so a plugin that is abandoned half-way can't register anything
    under another's name later: a sealed one refuses. The first error stays, even when the plugin
    swallows it: a plugin is taken over with all that it wanted to register or not at all.
    """

    def __init__(self) -> None:
        self.specs: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
        self.error: PluginError | None = None
        self._sealed = False

    def seal(self) -> None:
        """Refuse everything from now on."""
        self._sealed = True

    @property
    def provides(self) -> tuple[str, ...]:
        """What was registered, in words: ``adapter xenstore``, ``scheme xen``."""
        return tuple(f"{kind} {name}" for kind in KINDS for name in self.specs[kind])

    def adapter(self, spec: AdapterSpec) -> None:
        """Register an adapter."""
        self._add("adapter", AdapterSpec, spec, "factory")

    def format(self, spec: FormatSpec) -> None:
        """Register a format."""
        self._add("format", FormatSpec, spec, "reader", "writer")

    def scheme(self, spec: SchemeSpec) -> None:
        """Register a URI scheme."""
        self._add("scheme", SchemeSpec, spec, "connect")

    def command(self, spec: CommandSpec) -> None:
        """Register a command of the command line."""
        self._add("command", CommandSpec, spec, "configure", "run")

    def _add(self, kind: str, wanted: type, spec: Any, *targets: str) -> None:
        problem = self._problem(kind, wanted, spec, targets)
        if problem is None:
            self.specs[kind][spec.name] = spec
            return
        error = PluginError(problem)
        self.error = self.error or error
        raise error

    def _problem(self, kind: str, wanted: type, spec: Any, targets: tuple[str, ...]) -> str | None:
        if self._sealed:
            return "registered too late: the hook had returned or was abandoned"
        if not isinstance(spec, wanted):
            return f"registrar.{kind}() takes {wanted.__name__}, not {type(spec).__name__}"
        name = spec.name  # type: ignore[attr-defined]
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            shown = printable(repr(name), limit=80)
            return f"not a name for {kind}s (small letters, digits, . _ + -): {shown}"
        if name in self.specs[kind]:
            return f"{kind} {name!r} is registered twice"
        for target in targets:
            value = getattr(spec, target)
            if not callable(value) and not _is_target(value):
                return f"{kind} {name!r}: {target} is neither callable nor 'module:name'"
        if isinstance(spec, AdapterSpec):
            if not all(isinstance(offer, Offer) for offer in spec.offers):
                return f"adapter {name!r}: offers hold something that is no Offer"
            guard: object = spec.stop_guard
            if guard is not None and not callable(guard) and not _is_target(guard):
                return f"adapter {name!r}: stop_guard is neither callable nor 'module:name'"
            schemes: object = spec.schemes
            if not isinstance(schemes, (set, frozenset)) or not schemes:
                return f"adapter {name!r}: schemes must be a set of at least one scheme"
            settings: object = spec.settings
            if not isinstance(settings, Mapping) or not all(
                isinstance(key, str) and key and "." not in key for key in settings
            ):
                return f"adapter {name!r}: settings map names without dots to what they are for"
        return None
