"""The contract kit over a whole host, its channels negotiated: on simulated hosts of each age."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from support.negotiated import SPEC, NegotiatedChannel
from support.simulated_hosts import QUICK
from support.xen_subject import BAD_NAMES
from support.xend_subject import CDROM
from xenparley_sim import SimulatedXen
from xenparley_testing import Faults, Limits, Subject, all_checks, run
from xenparley_testing.subject import FAULTS

#: What upsets a channel is tried on each; here another one may answer.
FAULTLESS = Faults(without=dict.fromkeys((*FAULTS, "sent"), "another channel may answer"))
CHECKS = [check for check in all_checks() if not check.is_law]
HOSTS = [("4.17", "xl")]
#: Before 3.0.4 guests are defined by files, XenD only makes them: the matrix says what that leaves.
MORE = [("3.0.4", "xend"), ("3.4", "xend"), ("4.1", "xend"), ("4.4", "xl"), ("4.22", "xl")]


def check(release, toolstack):
    with SimulatedXen(release, toolstack=toolstack, timing=QUICK) as xen:
        (xen.directory / "images").mkdir(exist_ok=True)
        subject = Subject(
            spec=SPEC,
            make_channel=lambda: NegotiatedChannel(lambda: xen.connect(timeout=30)),
            faults=FAULTLESS,
            limits=Limits(call=30.0, settle=5.0, slack=20.0, threads=2, rounds=1),
            guests_obey=True,
            image_path=lambda name: str(xen.directory / "images" / name),
            remove_image=lambda path: Path(path).unlink(missing_ok=True),
        )
        if toolstack == "xend":
            subject = evolve(subject, cdrom_template=CDROM, unholdable=BAD_NAMES)
        report = run(subject, CHECKS)
    assert report.ok, str(report)


@pytest.mark.parametrize(("release", "toolstack"), HOSTS)
def test_the_contract_is_kept(release, toolstack):
    check(release, toolstack)


@pytest.mark.heavy
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("release", "toolstack"), MORE)
def test_the_contract_is_kept_on_more(release, toolstack):
    check(release, toolstack)
