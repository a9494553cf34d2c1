"""The command: ``orchestrator PLAN``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import xenparley
from orchestrator.plan import read_plan
from orchestrator.rounds import bring_about

__all__ = ["main"]


def main(words: Sequence[str] | None = None) -> int:
    """Do one round on every host of the plan; 0: all is as it should be, 1: something isn't."""
    words = sys.argv[1:] if words is None else words
    if len(words) != 1:
        print("usage: orchestrator PLAN", file=sys.stderr)
        return 2
    try:
        plan = read_plan(Path(words[0]))
    except xenparley.ParseError as exc:
        print(exc, file=sys.stderr)
        return 2
    status = 0
    for uri, wanted in plan.items():
        try:
            with xenparley.connect(uri) as host:
                for told in bring_about(host, wanted):
                    print(f"{uri}: {told}")
                    status = status or int(told.error is not None)
        except xenparley.XenparleyError as exc:
            # One host that is down keeps nobody from the others.
            print(f"{uri}: {exc.kind}: {exc}")
            status = 1
    return status
