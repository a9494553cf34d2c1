"""The kit over the small reference adapter, as an adapter's author would run it."""

import subprocess
import sys

import pytest
from attrs import evolve

from support import reference_adapter as reference
from xenparley.negotiation.capability import Capability
from xenparley_testing import AdapterContract, ContractWarning, Faults, Verdict, all_checks, run
from xenparley_testing.checks.lifecycle import check_pause
from xenparley_testing.contract import perform
from xenparley_testing.registry import Check


class TestReference(AdapterContract):
    @pytest.fixture
    def subject(self):
        return reference.subject()


def test_every_capability_has_a_check_of_its_own():
    own = {check.capability for check in all_checks() if not check.is_law}
    assert set(Capability) <= own


def test_every_capability_is_under_every_general_law():
    laws = {check.name for check in all_checks() if check.is_law}
    for law in ("expired_deadline", "after_close", "undeclared", "stalled_peer", "absent_peer"):
        assert law in laws
        assert {c.capability for c in all_checks() if c.name == law} == set(Capability)


def test_labels_are_unique():
    labels = [check.label for check in all_checks()]
    assert len(set(labels)) == len(labels)


def test_nothing_offered_fails_and_the_rest_is_skipped():
    report = run(reference.subject())
    assert report.ok, str(report)
    offered = {offer.capability for offer in reference.OFFERS}
    for result in report.of(Verdict.SKIPPED):
        assert result.check.capability not in offered, str(result)
    assert not report.of(Verdict.WARNED)


def test_what_works_undeclared_is_a_warning():
    offers = tuple(o for o in reference.OFFERS if o.capability is not Capability.PAUSE)

    class Modest(reference.Reference):
        def probe(self, *, deadline):
            found = super().probe(deadline=deadline)
            return type(found)(version="1", offers=offers) if hasattr(found, "offers") else found

    peer = reference.Peer()
    spec = evolve(reference.SPEC, offers=offers)
    subject = evolve(
        reference.subject(spec=spec), make_channel=lambda: Modest(peer), faults=peer.faults()
    )
    report = run(subject)
    assert report.ok, str(report)
    assert [r.check.label for r in report.of(Verdict.WARNED)] == ["undeclared[pause]"]
    (skipped,) = [r for r in report.results if r.check.label == "pause"]
    assert skipped.verdict is Verdict.SKIPPED


def test_a_fault_that_is_not_made_is_a_warning_unless_explained():
    plain = reference.subject()
    silent = evolve(plain, faults=evolve(plain.faults, stall=None))
    explained = evolve(
        plain, faults=evolve(plain.faults, stall=None, without={"stall": "an ioctl can't hang"})
    )
    checks = [c for c in all_checks() if c.label in ("stalled_peer[pause]", "probe_faults")]
    assert {r.verdict for r in run(silent, checks).results} == {Verdict.WARNED}
    assert {r.verdict for r in run(explained, checks).results} == {Verdict.UNCHECKED}


def test_pytest_warns_of_a_fault_that_is_not_made():
    (check,) = [c for c in all_checks() if c.label == "stalled_peer[pause]"]
    with pytest.warns(ContractWarning, match="stall"):
        perform(check, evolve(reference.subject(), faults=Faults()))


def test_a_check_that_is_no_law_takes_the_subject_alone():
    subject = reference.subject()
    check_pause(subject)
    Check("pause", check_pause, Capability.PAUSE)(subject)


def test_the_kit_needs_no_pytest():
    code = (
        "import sys; sys.modules['pytest'] = None\n"
        "import xenparley_testing; xenparley_testing.all_checks()\n"
        "import xenparley_testing.checks.lifecycle\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
