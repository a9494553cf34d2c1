"""The whole contract kit over each client adapter, on simulated hosts that speak all channels.

What each adapter does on each release is in its own tests; here toolstack, daemon, hypervisor and
guests are one host, so that what one of them does shows in the others.
"""

from __future__ import annotations

import pytest

from support.xen_subject import xen_subject
from xenparley_testing import Verdict, run

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


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("release", "channel"),
    [*FEW, *(pytest.param(*one, marks=pytest.mark.heavy) for one in MORE)],
)
def test_the_contract_is_kept(release, channel):
    more = {"toolstack": "xl"} if channel == "xl" else {}
    with xen_subject(release, channel, **more) as subject:
        report = run(subject)
    assert report.ok, str(report)
    assert len(report.of(Verdict.PASSED)) > 150
    assert not report.of(Verdict.WARNED), str(report)
    offered = {offer.capability for offer in subject.spec.offers}
    for result in report.of(Verdict.SKIPPED):
        # Nothing is left out but what is not declared, or withheld with its reason.
        capability = result.check.capability
        assert capability not in offered or "withheld" in result.message.lower(), str(result)
