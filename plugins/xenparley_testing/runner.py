"""Running checks without a test framework."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable
from enum import Enum

from attrs import frozen

from xenparley_testing import checks as _checks
from xenparley_testing.errors import ContractBroken, ContractWarning, NotMade, NotOffered
from xenparley_testing.registry import CHECKS, Check
from xenparley_testing.subject import Subject

__all__ = ["Report", "Result", "Verdict", "all_checks", "judge", "run"]


class Verdict(Enum):
    """What came of a check."""

    PASSED = "passed"
    #: The channel offers it and breaks the contract.
    FAILED = "FAILED"
    #: The channel doesn't offer the capability.
    SKIPPED = "skipped"
    #: Works, but isn't declared; or could not be checked and nobody said why.
    WARNED = "warning"
    #: Could not be checked, for the reason that the author gave.
    UNCHECKED = "not checked"


@frozen
class Result:
    """One check's verdict, its message (empty: passed) and how long it took."""

    check: Check
    verdict: Verdict
    message: str = ""
    seconds: float = 0.0

    def __str__(self) -> str:
        """Word it on one line."""
        tail = f": {self.message}" if self.message else ""
        return f"{self.verdict.value} {self.check.label}{tail}"


@frozen
class Report:
    """All results, in the order of the checks."""

    results: tuple[Result, ...]

    def of(self, verdict: Verdict) -> tuple[Result, ...]:
        """Return the results with this verdict."""
        return tuple(r for r in self.results if r.verdict is verdict)

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.of(Verdict.FAILED)

    def __str__(self) -> str:
        """Word what did not pass (skips are counted only), and the counts."""
        told = [r for r in self.results if r.verdict not in (Verdict.PASSED, Verdict.SKIPPED)]
        counts = ", ".join(f"{len(self.of(v))} {v.value}" for v in Verdict if self.of(v))
        return "\n".join([*map(str, told), counts])


def all_checks() -> tuple[Check, ...]:
    """Return every check of the kit."""
    assert _checks.__all__
    return tuple(CHECKS)


def judge(check: Check, subject: Subject) -> Result:
    """Run one check. Errors other than a check's own mean that the adapter broke the contract."""
    began = time.monotonic()
    verdict, message = Verdict.PASSED, ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ContractWarning)
        try:
            check(subject)
        except NotOffered as exc:
            verdict, message = Verdict.SKIPPED, exc.reason
        except NotMade as exc:
            verdict = Verdict.WARNED if exc.reason is None else Verdict.UNCHECKED
            message = str(exc)
        except ContractBroken as exc:
            verdict, message = Verdict.FAILED, str(exc)
        except Exception as exc:  # noqa: BLE001  the adapter's, on whatever way it came
            verdict, message = Verdict.FAILED, f"{type(exc).__name__}: {exc}"
    words = [str(w.message) for w in caught if issubclass(w.category, ContractWarning)]
    if words and verdict is Verdict.PASSED:
        verdict, message = Verdict.WARNED, "; ".join(words)
    return Result(check, verdict, message, time.monotonic() - began)


def run(subject: Subject, checks: Iterable[Check] | None = None) -> Report:
    """Run the checks (all, when not said) one after the other."""
    chosen = all_checks() if checks is None else tuple(checks)
    return Report(tuple(judge(check, subject) for check in chosen))
