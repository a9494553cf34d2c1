"""Why a question or command goes where it goes: each channel with its verdict and reason."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from xenparley.application.reading import ALL_FIELDS
from xenparley.domain.guest import Field
from xenparley.negotiation.capability import SPECS, Capability, Role
from xenparley.negotiation.plan import (
    ChannelView,
    CommandPlan,
    Verdict,
    plan_command,
    plan_read,
)

__all__ = ["Explanation", "explain"]


class Explanation(NamedTuple):
    """A plan as data. ``chosen`` lists channels in order, each with the fields it is to tell."""

    capability: Capability
    chosen: tuple[tuple[str, tuple[Field, ...]], ...]
    verdicts: tuple[Verdict, ...]
    missing: Mapping[Field, str] = MappingProxyType({})


def explain(
    views: Iterable[ChannelView],
    capability: Capability,
    fields: Collection[Field] | None,
    prefer: Sequence[str],
    *,
    force: bool,
) -> Explanation:
    """Plan without doing anything."""
    if capability is Capability.LIST_LIVE:
        asked = ALL_FIELDS[: ALL_FIELDS.index(Field.DEFINED)] if fields is None else fields
        plan = plan_read(capability, asked, views, prefer=prefer)
        return Explanation(
            capability=capability,
            chosen=tuple((p.channel, p.fields) for p in plan.parts),
            verdicts=plan.verdicts,
            missing=plan.missing,
        )
    views = tuple(views)
    order = plan_command(capability, views, prefer=prefer, force=force)
    if capability is Capability.START and not order.candidates:
        order = _carried(views, prefer) or order
    candidates: tuple[str, ...] = order.candidates
    # Every channel that keeps definitions is read; a look-up or command goes to the first.
    every = SPECS[capability].role is Role.INVENTORY
    chosen = candidates if every else candidates[:1]
    return Explanation(
        capability=capability,
        chosen=tuple((name, ()) for name in chosen),
        verdicts=order.verdicts,
    )


def _carried(views: Sequence[ChannelView], prefer: Sequence[str]) -> CommandPlan | None:
    """Plan a start where no keeper of definitions starts guests: who creates them is given one.

    None: there is no keeper to read from, or nobody to give it to.
    """
    keepers = plan_command(Capability.READ_DEFINED, views, prefer=prefer).candidates
    order = plan_command(Capability.CREATE, views, prefer=prefer)
    if not keepers or not order.candidates:
        return None
    first = order.candidates[0]
    verdicts = [
        v._replace(reason=f"is given the definition that {' or '.join(keepers)} keeps")
        if v.channel == first
        else v._replace(reason="keeps definitions, and starts none itself")
        if v.channel in keepers and v.channel not in order.candidates
        else v
        for v in order.verdicts
    ]
    return CommandPlan(
        capability=Capability.START, candidates=order.candidates, verdicts=tuple(verdicts)
    )
