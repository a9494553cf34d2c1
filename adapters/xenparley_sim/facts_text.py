"""The host's facts as the store keeps them."""

from __future__ import annotations

import json

from xenparley.domain.errors import Unavailable
from xenparley_sim.facts import HostFacts

__all__ = ["facts_text", "read_facts"]


def facts_text(facts: HostFacts) -> str:
    """Write the facts."""
    return json.dumps(facts._asdict())


def read_facts(text: str) -> HostFacts:
    """Read them. Unavailable: the file is damaged."""
    try:
        held = json.loads(text)
        defaults = HostFacts()._asdict()
        major, minor, extra = held.pop("version")
        facts = HostFacts(version=(int(major), int(minor), str(extra)), **held)
        odd = [name for name in held if type(held[name]) is not type(defaults[name])]
    except (ValueError, TypeError, KeyError, RecursionError, AttributeError) as exc:
        raise Unavailable("the stored facts about the host are damaged") from exc
    if odd:
        raise Unavailable(f"the stored facts about the host are damaged: {', '.join(odd)}")
    return facts
