"""The contract kit: proves that an adapter keeps what the ports promise.

Plain check functions (``xenparley_testing.checks``) that any runner can call, :func:`run`,
and pytest classes over them (:class:`AdapterContract`, imported when asked for: it needs pytest).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenparley_testing.errors import ContractBroken, ContractWarning, NotMade, NotOffered
from xenparley_testing.names import ODD_NAMES
from xenparley_testing.registry import Check
from xenparley_testing.runner import Report, Result, Verdict, all_checks, judge, run
from xenparley_testing.subject import Fault, Faults, Limits, Subject

if TYPE_CHECKING:
    from xenparley_testing.contract import AdapterContract

__all__ = [
    "ODD_NAMES",
    "AdapterContract",
    "Check",
    "ContractBroken",
    "ContractWarning",
    "Fault",
    "Faults",
    "Limits",
    "NotMade",
    "NotOffered",
    "Report",
    "Result",
    "Subject",
    "Verdict",
    "all_checks",
    "judge",
    "run",
]

if not TYPE_CHECKING:

    def __getattr__(name):
        if name == "AdapterContract":
            from xenparley_testing.contract import AdapterContract

            return AdapterContract
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
