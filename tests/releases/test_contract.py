"""The whole contract kit over each client adapter, on simulated hosts that speak all channels.

What each adapter does on each release is in its own tests; here toolstack, daemon, hypervisor and
guests are one host, so that what one of them does shows in the others.
"""

from __future__ import annotations

import pytest

from support.level import spread
from support.xen_subject import xen_subject
from support.xend_subject import Narrowed
from xenparley.negotiation.capability import Capability
from xenparley_sim.releases import RELEASES, release_of
from xenparley_testing import Verdict, all_checks, run

FEW = [("3.0.4", "xenstore"), ("4.17", "hypercall")]
#: Every release with each of its channels.
MORE = [
    *((each, channel) for channel in ("xenstore", "hypercall") for each in RELEASES),
    *((each, "xend") for each in RELEASES if release_of(each).has_xend),
    *((each, "xl") for each in RELEASES if release_of(each).has_xl),
]
#: How many times the kit's checks go over all of a channel's releases together; a run of xl is a
#: process. At the level ``all`` they all go over each.
ROUNDS = {"xenstore": 2, "hypercall": 2, "xend": 2, "xl": 1}


@pytest.mark.parametrize(("release", "channel"), FEW)
def test_the_contract_is_kept(release, channel):
    _check(release, channel, all_checks())


@pytest.mark.heavy
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("release", "channel"), MORE)
def test_the_contract_is_kept_on_more(release, channel):
    releases = [each for each, name in MORE if name == channel]
    # The releases share the checks between them.
    parts = len(releases) // ROUNDS[channel]
    _check(release, channel, spread(all_checks(), releases.index(release), parts))


@pytest.mark.parametrize("channel", sorted(ROUNDS))
def test_every_check_goes_over_some_release(channel):
    releases = [each for each, name in MORE if name == channel]
    parts = len(releases) // ROUNDS[channel]
    met = [spread(all_checks(), number, parts) for number in range(len(releases))]
    assert {check.label for one in met for check in one} == {c.label for c in all_checks()}


def _check(release, channel, checks):
    more = {"toolstack": "xl"} if channel == "xl" else {}
    if channel == "xend" and release in ("3.0.1", "3.0.2"):
        # They start a guest at once, and a restored one: paused is what the kit asks for too.
        more["wrap"] = lambda made: Narrowed(made, (Capability.START, Capability.RESTORE))
    with xen_subject(release, channel, **more) as subject:
        report = run(subject, checks)
    assert report.ok, str(report)
    assert len(report.of(Verdict.PASSED)) > len(checks) / 8
    assert not report.of(Verdict.WARNED), str(report)
    offered = {offer.capability for offer in subject.spec.offers}
    for result in report.of(Verdict.SKIPPED):
        # Nothing is left out but what is not declared, or withheld with its reason.
        assert result.check.capability not in offered or result.message, str(result)
