"""The installed plugins: those that discovery found, chosen by name and loaded."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from xenparley.plugin import loader
from xenparley.plugin.discovery import PLUGIN_GROUP, SCHEME_GROUP, EntryPoint, discover
from xenparley.plugin.guard import Job, run_all
from xenparley.plugin.registrations import Registrations
from xenparley.plugin.selection import Selection
from xenparley.plugin.spi import SchemeSpec
from xenparley.plugin.status import Candidate, PluginStatus, judged

__all__ = ["Installed"]


class Installed:
    """What is installed. Making one reads the entry points; :meth:`load` imports plugins."""

    def __init__(self, selection: Selection, path: Sequence[str] | None, timeout: float) -> None:
        self._selection = selection
        self._timeout = timeout
        self._entries, findings = discover(path)
        #: Found to be unusable without importing anything.
        self.unusable = [
            Candidate(
                PluginStatus(
                    name=f.name or f.distribution,
                    distribution=f.distribution or None,
                    version=f.version or None,
                    state="failed",
                    phase="discover",
                    error=f.problem,
                )
            )
            for f in findings
        ]
        for word, where in selection.unknown(self._entries):
            text = f"{where} names it, but no plugin of this name is installed"
            status = PluginStatus(name=word, state="failed", phase="discover", error=text)
            self.unusable.append(Candidate(status))
        #: Scheme name to (distribution, spec), from the group xenparley.schemes.
        self.schemes: dict[str, tuple[str, SchemeSpec]] = {}
        for entry in self._entries:
            if entry.group == SCHEME_GROUP:
                self._name_scheme(entry)

    def load(self) -> list[Candidate]:
        """Import every plugin that isn't blocked, in the total order, and let it register.

        Of two distributions with one plugin name the first by distribution name has it; the
        other is not even imported.
        """
        holders: dict[str, str] = {}
        found: list[Candidate | Job[Registrations]] = []
        statuses: list[PluginStatus] = []
        for entry in self._entries:
            if entry.group != PLUGIN_GROUP:
                continue
            status = _status(entry)
            statuses.append(status)
            blocked = self._selection.blocked(entry.name, entry.distribution)
            if blocked is not None:
                found.append(_blocked(status, blocked))
            elif entry.name in holders:
                text = f"the plugin name {entry.name!r} is taken by {holders[entry.name]}"
                found.append(Candidate(status).failed("conflict", text))
            else:
                holders[entry.name] = entry.distribution
                found.append(Job(entry.name, partial(loader.load, entry.value)))
        run_all((job for job in found if isinstance(job, Job)), timeout=self._timeout)
        return [
            judged(one, status, self._timeout) if isinstance(one, Job) else one
            for one, status in zip(found, statuses, strict=True)
        ]

    def _name_scheme(self, entry: EntryPoint) -> None:
        name = entry.name.lower()
        status = _status(entry)
        blocked = self._selection.blocked(name, entry.distribution)
        if blocked is not None:
            self.unusable.append(_blocked(status, blocked))
        elif ":" not in entry.value:
            text = f"the scheme's value is not MODULE:FUNCTION: {entry.value}"
            self.unusable.append(Candidate(status).failed("discover", text))
        elif name in self.schemes:
            text = f"the scheme {name!r} is taken by {self.schemes[name][0]}"
            self.unusable.append(Candidate(status).failed("conflict", text))
        else:
            summary = f"served by {entry.distribution} {entry.version}".rstrip()
            spec = SchemeSpec(name=name, connect=entry.value, summary=summary)
            self.schemes[name] = (entry.distribution, spec)


def _status(entry: EntryPoint) -> PluginStatus:
    return PluginStatus(
        name=entry.name, distribution=entry.distribution, version=entry.version or None
    )


def _blocked(status: PluginStatus, reason: str) -> Candidate:
    return Candidate(status._replace(state="blocked", error=reason))
