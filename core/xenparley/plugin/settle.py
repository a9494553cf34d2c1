"""Who has which name, when several plugins want it. Pure, total, and told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from xenparley.plugin.registrations import KINDS, Registrations
from xenparley.plugin.spi import SchemeSpec
from xenparley.plugin.status import Candidate, PluginStatus

__all__ = ["Tables", "clash", "settle"]

#: Kind ("adapter", ...) to name to spec.
Tables = dict[str, dict[str, Any]]


def settle(
    by_hand: Iterable[Candidate],
    installed: Iterable[Candidate],
    schemes: Mapping[str, tuple[str, SchemeSpec]],
) -> tuple[Tables, list[PluginStatus]]:
    """Take the plugins over in this order; one whose names clash is left out as a whole.

    ``schemes`` (of the group ``xenparley.schemes``) come between the two: they hold against
    other distributions, and go with the plugin of their own distribution.
    """
    tables: Tables = {kind: {} for kind in KINDS}
    holders: dict[tuple[str, str], str] = {}
    statuses = [_take(one, tables, holders) for one in by_hand]
    names = {status.name for status in statuses if status.state == "loaded"}
    for name, (distribution, spec) in schemes.items():
        if ("scheme", name) not in holders:
            holders["scheme", name] = distribution
            tables["scheme"][name] = spec
    for one in installed:
        if one.registrations is not None and one.status.name in names:
            text = f"the plugin name {one.status.name!r} is taken by one registered by hand"
            statuses.append(one.failed("conflict", text).status)
        else:
            statuses.append(_take(one, tables, holders))
    return {kind: dict(sorted(table.items())) for kind, table in tables.items()}, statuses


def clash(registrations: Registrations, holders: Mapping[tuple[str, str], str], own: str) -> str:
    """Word the names that others hold already; empty: none. ``own`` is the own distribution."""
    words = [
        f"the {kind} name {name!r} is taken by {holders[kind, name]}"
        for kind in KINDS
        for name in registrations.specs[kind]
        if (kind, name) in holders and not (kind == "scheme" and holders[kind, name] == own)
    ]
    return "; ".join(words)


def _take(
    candidate: Candidate, tables: Tables, holders: dict[tuple[str, str], str]
) -> PluginStatus:
    registrations, status = candidate.registrations, candidate.status
    if registrations is None:
        return status
    own = status.distribution or ""
    taken = clash(registrations, holders, own)
    if taken:
        return candidate.failed("conflict", taken).status
    who = f"plugin {status.name!r}" + (f" of {own}" if own else ", registered by hand")
    for kind in KINDS:
        for name, spec in registrations.specs[kind].items():
            named = tables[kind].get(name)
            if isinstance(named, SchemeSpec):
                # What the group says is what is used without loading; only the summary is better.
                tables[kind][name] = named._replace(summary=spec.summary)
            else:
                tables[kind][name] = spec
            holders[kind, name] = who
    return status
