"""The contract kit over the hypercall adapter, on simulated hypervisors of several releases."""

from __future__ import annotations

import pytest

from support.hypercall_hosts import SETS
from support.hypercall_subject import subject as subject_of
from support.level import spread
from xenparley_testing import AdapterContract, Verdict, all_checks, run

CURRENT = next(one for one in SETS if one.id == "x86_64-4.17.0")
#: The rest run as one test each: the first dom0_op, the old ioctl, the odd pair, the first of
#: each era, and the newest of each architecture.
OTHERS = [
    one
    for one in SETS
    if one.id
    in (
        "x86_64-3.0.0",
        "x86_32-3.0.1",
        "x86_32-3.0.4",
        "x86_64-3.3.0",
        "x86_64-4.0.0",
        "x86_64-4.5.0",
        "x86_64-4.10.1",
        "arm64-4.22.0",
        "x86_64-4.22.0",
    )
]

#: Each release runs one of so many parts of the kit, unless everything is asked for.
PARTS = 3


class TestCurrent(AdapterContract):
    """Xen 4.17, check by check."""

    @pytest.fixture
    def subject(self):
        return subject_of(CURRENT)


@pytest.mark.heavy
@pytest.mark.parametrize("part", range(len(OTHERS)), ids=[one.id for one in OTHERS])
def test_the_contract_is_kept(part):
    checks = spread(all_checks(), part, PARTS)
    report = run(subject_of(OTHERS[part]), checks)
    assert report.ok, str(report)
    assert len(report.of(Verdict.PASSED)) > len(checks) / 4
    assert not report.of(Verdict.WARNED), str(report)
