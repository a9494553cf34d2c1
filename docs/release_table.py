"""What works where: each release is simulated, and asked which channel would answer what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from xenparley.negotiation.capability import Capability
from xenparley_sim import SimulatedXen
from xenparley_sim.releases import RELEASES, release_of

__all__ = ["LETTERS", "World", "asked", "release_tables", "worlds"]

#: One letter for each channel, so that the table fits.
LETTERS = {"hypercall": "H", "xenstore": "S", "xend": "D", "xl": "X", "xm": "F"}


class World(NamedTuple):
    """A release with a toolstack, and what was found there.

    ``chosen`` says who would answer each capability, in their order; ``offered`` who could.
    """

    release: str
    toolstack: str
    chosen: dict[Capability, tuple[str, ...]]
    offered: dict[Capability, tuple[str, ...]]


def worlds() -> list[tuple[str, str]]:
    """Return every release with each toolstack that it has, oldest first, xl behind XenD."""
    found = []
    for name in RELEASES:
        release = release_of(name)
        found += [(name, "xend")] * release.has_xend + [(name, "xl")] * release.has_xl
    return sorted(found, key=lambda pair: (pair[1] != "xend", RELEASES.index(pair[0])))


def asked(release: str, toolstack: str) -> World:
    """Simulate one, and ask it."""
    with SimulatedXen(release, toolstack=toolstack) as xen, xen.connect() as host:
        chosen = {c: tuple(name for name, _ in host.explain(c).chosen) for c in Capability}
        status = [s for s in host.channels() if s.state == "available"]
    offered = {
        c: tuple(s.name for s in status if any(offer.capability is c for offer in s.offers))
        for c in Capability
    }
    return World(release, toolstack, chosen, offered)


def release_tables(found: Sequence[World] | None = None) -> str:
    """Return two tables: who is asked on each release, and which releases a channel serves."""
    found = [asked(*one) for one in worlds()] if found is None else found
    return f"{_by_release(found)}\n\n{_by_channel(found)}\n"


def _by_release(found: Sequence[World]) -> str:
    groups: list[list[World]] = []
    for world in found:
        last = groups[-1][-1] if groups else None
        if last and (last.toolstack, last.chosen) == (world.toolstack, world.chosen):
            groups[-1].append(world)
        else:
            groups.append([world])
    titles = [f"{_span([w.release for w in group])} {_who(group[0])}" for group in groups]
    lines = [
        "**Who is asked**, when every channel is there and root asks: "
        + ", ".join(f"{letter} {name}" for name, letter in LETTERS.items())
        + ".",
        "",
        f"| capability | {' | '.join(titles)} |",
        "|---" * (len(groups) + 1) + "|",
    ]
    for capability in Capability:
        cells = [" ".join(LETTERS[n] for n in group[0].chosen[capability]) for group in groups]
        lines.append(f"| `{capability.value}` | {' | '.join(cell or '-' for cell in cells)} |")
    return "\n".join(lines)


def _by_channel(found: Sequence[World]) -> str:
    lines = [
        "**Who could be asked**: the releases on which each channel offers it.",
        "",
        f"| capability | {' | '.join(LETTERS)} |",
        "|---" * (len(LETTERS) + 1) + "|",
    ]
    for capability in Capability:
        cells = [
            _spans([w.release for w in found if channel in w.offered[capability]])
            for channel in LETTERS
        ]
        lines.append(f"| `{capability.value}` | {' | '.join(cell or '-' for cell in cells)} |")
    return "\n".join(lines)


def _who(world: World) -> str:
    return {"xend": "XenD", "xl": "xl"}[world.toolstack]


def _span(releases: Sequence[str]) -> str:
    return releases[0] if len(releases) == 1 else f"{releases[0]} to {releases[-1]}"


def _spans(releases: Iterable[str]) -> str:
    """Word a set of releases as few ranges."""
    places = sorted({RELEASES.index(release) for release in releases})
    runs: list[list[int]] = []
    for place in places:
        if runs and runs[-1][-1] == place - 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return ", ".join(_span([RELEASES[place] for place in run]) for run in runs)
