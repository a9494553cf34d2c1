"""The whole contract kit over each client adapter, on simulated hosts that speak all channels.

What each adapter does on each release is in its own tests; here toolstack, daemon, hypervisor and
guests are one host, so that what one of them does shows in the others.
"""

from __future__ import annotations

import pytest

from support.level import spread
from support.xen_subject import xen_subject
from xenparley_testing import Verdict, all_checks, run

FEW = [("3.0.4", "xenstore"), ("4.17", "hypercall")]
MORE = [
    ("3.0.3", "xend"),
    ("3.1", "xend"),
    ("4.1", "xend"),
    ("4.4", "xend"),
    ("4.1", "xl"),
    ("4.5", "xl"),
    ("4.17", "xl"),
    ("4.22", "xl"),
    *((release, "xenstore") for release in ("3.0.1", "3.4", "4.1", "4.14", "4.17", "4.22")),
    *((release, "hypercall") for release in ("3.0.1", "3.0.3", "3.1", "3.4", "4.1", "4.22")),
]


@pytest.mark.parametrize(("release", "channel"), FEW)
def test_the_contract_is_kept(release, channel):
    _check(release, channel, all_checks())


@pytest.mark.heavy
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("release", "channel"), MORE)
def test_the_contract_is_kept_on_more(release, channel):
    part = [one for one in MORE if one[1] == channel].index((release, channel))
    # Each run of xl is a process: the releases share the checks between them.
    _check(release, channel, spread(all_checks(), part, 8 if channel == "xl" else 2))


def _check(release, channel, checks):
    more = {"toolstack": "xl"} if channel == "xl" else {}
    with xen_subject(release, channel, **more) as subject:
        report = run(subject, checks)
    assert report.ok, str(report)
    assert len(report.of(Verdict.PASSED)) > len(checks) / 5
    assert not report.of(Verdict.WARNED), str(report)
    offered = {offer.capability for offer in subject.spec.offers}
    for result in report.of(Verdict.SKIPPED):
        # Nothing is left out but what is not declared, or withheld with its reason.
        assert result.check.capability not in offered or result.message, str(result)
