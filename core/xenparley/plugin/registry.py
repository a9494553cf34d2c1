"""The plugins of one connection or program: found, loaded, and what became of each.

The order is total, so that neither the order of ``sys.path`` nor a race decides anything:
plugins registered by hand first, in the order in which they were; then installed ones, by
distribution and name. Where two want one name the first in this order has it, and the other is
rolled back as a whole and listed with the phase ``conflict``.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from xenparley.domain.errors import InvalidInput, PluginError
from xenparley.domain.identity import printable
from xenparley.plugin import loader
from xenparley.plugin.guard import Job, run_all
from xenparley.plugin.installed import Installed
from xenparley.plugin.log import logger
from xenparley.plugin.registrations import Registrations
from xenparley.plugin.selection import Selection
from xenparley.plugin.settle import Tables, settle
from xenparley.plugin.spi import AdapterSpec, CommandSpec, FormatSpec, SchemeSpec
from xenparley.plugin.status import Candidate, PluginStatus, judged, plugin_error

__all__ = ["PluginStatus", "Plugins"]

_NO = ("", "0", "no", "false", "off")


class Plugins:
    """A set of plugins. Nothing is global: two of these don't know of each other. Thread-safe.

    ``load`` says whether installed plugins take part; they are looked for at the first need.
    ``allow`` and ``disable`` narrow them by name, as $XENPARLEY_PLUGINS and
    $XENPARLEY_DISABLE_PLUGINS do (``environ`` takes the environment's place). ``path`` takes the
    place of ``sys.path`` where distributions are looked for. ``timeout`` is how many seconds a
    plugin may take to be imported and to register. ``strict`` (or $XENPARLEY_STRICT): any failure
    or conflict raises PluginError at the first use, where otherwise it is only told in
    :attr:`status` and logged.
    """

    def __init__(
        self,
        *,
        load: bool = True,
        allow: Collection[str] | None = None,
        disable: Collection[str] = (),
        strict: bool = False,
        environ: Mapping[str, str] | None = None,
        path: Sequence[str] | None = None,
        timeout: float = 30.0,
    ) -> None:
        self._load = load
        self._selection = Selection(allow, disable, environ)
        environ = os.environ if environ is None else environ
        self._strict = strict or environ.get("XENPARLEY_STRICT", "").lower() not in _NO
        self._path = path
        self._timeout = timeout
        self._lock = threading.RLock()
        self._by_hand: list[Candidate] = []
        self._installed: Installed | None = None
        self._loaded: list[Candidate] | None = None
        self._settled: tuple[Tables, tuple[PluginStatus, ...]] | None = None

    def register(self, plugin: object, name: str | None = None) -> None:
        """Register a module or object with the hook, without installing it.

        It outweighs installed plugins that want its names, however late it comes. Raises
        PluginError when it fails, or wants a name that another registered by hand has.
        """
        name = name or loader.name_of(plugin)
        status = PluginStatus(name=name)
        blocked = self._selection.blocked(name, None)
        if blocked is not None:
            with self._lock:
                self._by_hand.append(Candidate(status._replace(state="blocked", error=blocked)))
                self._settled = None
            return
        job: Job[Registrations] = Job(name, lambda job: loader.register(plugin, name, job))
        run_all([job], timeout=self._timeout)
        new = judged(job, status, self._timeout)
        with self._lock:
            if any(one.status.name == name and one.registrations for one in self._by_hand):
                new = new.failed("conflict", f"a plugin {name!r} is registered already")
            self._by_hand.append(new)
            self._settled = None
            told = settle(self._by_hand, (), {})[1][-1]
        if told.state != "loaded":
            raise plugin_error(told) from told.exception

    @property
    def adapters(self) -> Mapping[str, AdapterSpec]:
        """The adapters, by name, in alphabetical order."""
        return MappingProxyType(self._tables()["adapter"])

    @property
    def formats(self) -> Mapping[str, FormatSpec]:
        """The formats, by name, in alphabetical order."""
        return MappingProxyType(self._tables()["format"])

    @property
    def schemes(self) -> Mapping[str, SchemeSpec]:
        """The URI schemes, by name, in alphabetical order."""
        return MappingProxyType(self._tables()["scheme"])

    @property
    def commands(self) -> Mapping[str, CommandSpec]:
        """The commands of the command line, by name, in alphabetical order."""
        return MappingProxyType(self._tables()["command"])

    @property
    def status(self) -> tuple[PluginStatus, ...]:
        """What became of each plugin: those registered by hand, then the installed ones.

        Never raises for a broken plugin, strict or not.
        """
        return self._settle()[1]

    def adapters_for(self, scheme: str) -> tuple[AdapterSpec, ...]:
        """Return the adapters that serve a URI scheme, by name."""
        return tuple(spec for spec in self.adapters.values() if scheme in spec.schemes)

    def scheme(self, name: str) -> SchemeSpec:
        """Return who serves a URI scheme; InvalidInput when nobody does.

        Imports nothing when the group ``xenparley.schemes`` names it (unless strict).
        """
        name = name.lower()
        with self._lock:
            if not self._strict and self._settled is None:
                by_hand = settle(self._by_hand, (), {})[0]["scheme"].get(name)
                if by_hand is not None:
                    return by_hand  # type: ignore[no-any-return]
                named = self._found().schemes.get(name) if self._load else None
                if named is not None:
                    return named[1]
            schemes = self.schemes
            if name in schemes:
                return schemes[name]
            broken = [s.name for s in self.status if s.state in ("failed", "quarantined")]
        hint = f"; known: {', '.join(schemes)}" if schemes else "; no plugin serves any"
        if broken:
            hint += f"; plugins that failed: {', '.join(map(printable, broken))}"
        raise InvalidInput(f"unknown URI scheme {printable(name, limit=40)!r}{hint}")

    def resolve(self, target: str | Callable[..., Any]) -> Callable[..., Any]:
        """Return what ``"module:name"`` names, importing it within the time limit.

        Raises PluginError with the cause when it can't be imported, isn't callable or the import
        never returns.
        """
        if not isinstance(target, str):
            return target
        known = loader.at_hand(target)
        if callable(known):
            return known  # type: ignore[no-any-return]
        job: Job[Any] = Job(target, lambda _: loader.locate(target))
        run_all([job], timeout=self._timeout)
        if job.abandoned:
            raise PluginError(f"importing {target} did not return within {self._timeout:g} s")
        if job.error is not None:
            words = loader.worded(job.error)
            raise PluginError(f"cannot import {target}: {words}") from job.error
        if not callable(job.result):
            raise PluginError(f"{target} is not callable")
        found: Callable[..., Any] = job.result
        return found

    def _found(self) -> Installed:
        """Look for what is installed, once. Call it with the lock held."""
        if self._installed is None:
            self._installed = Installed(self._selection, self._path, self._timeout)
        return self._installed

    def _tables(self) -> Tables:
        tables, statuses = self._settle()
        if self._strict:
            broken = [s for s in statuses if s.state in ("failed", "quarantined")]
            if broken:
                error = plugin_error(broken[0])
                if len(broken) > 1:
                    names = ", ".join(printable(s.name) for s in broken[1:])
                    error = PluginError(f"{error}; and so did: {names}")
                raise error from broken[0].exception
        return tables

    def _settle(self) -> tuple[Tables, tuple[PluginStatus, ...]]:
        """Load what isn't loaded, and settle who has which name."""
        with self._lock:
            if self._settled is not None:
                return self._settled
            first = self._loaded is None
            schemes, unusable = {}, []
            if self._load:
                found = self._found()
                schemes, unusable = found.schemes, found.unusable
                if self._loaded is None:
                    self._loaded = found.load()
            tables, statuses = settle(self._by_hand, self._loaded or (), schemes)
            statuses += [one.status for one in unusable]
            self._settled = tables, tuple(statuses)
            if first:
                _tell(statuses)
            return self._settled


def _tell(statuses: Sequence[PluginStatus]) -> None:
    """Log what went wrong. logging is imported for that only: it costs a start-up 10 ms."""
    broken = [s for s in statuses if s.state in ("failed", "quarantined")]
    if broken:
        for status in broken:
            logger("plugin").warning("%s", plugin_error(status))
