"""Each client adapter with one thing wrong, of each kind of check: the kit catches it.

The mutants are those of the reference and of the simulated host, fitted to what an adapter offers.
Where a check of a kind passes for an adapter as it is, some mutant of that kind must fail it.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack, contextmanager

import pytest
from attrs import evolve

from support import mutants_core
from support.mutants_everywhere import CHECKS, KINDS, candidates
from support.xen_subject import xen_subject
from support.xm_subject import xm_subject
from xenparley_testing import Limits, Verdict, judge

#: The release on which each adapter is tried.
RELEASES = {"xend": "3.1", "xenstore": "4.17", "hypercall": "4.17", "xm": None, "xl": "4.17"}
#: A mutant that hangs is found out after this slack; one that does nothing, after settling.
LIMITS = Limits(stall=0.2, slack=0.3, settle=0.3, call=3.0)
XL_LIMITS = Limits(call=30.0, stall=1.5, settle=3.0, slack=2.0, threads=2, rounds=1)
#: Mutants that are tried of one kind, until one is caught.
TRIES = 8
#: Kinds of checks that an adapter passes whatever it does, with the reason.
CANNOT_FAIL = {("hypercall", "odd_names_living"): "it tells no names"}


@pytest.fixture(autouse=True)
def _clean():
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
    mutants_core.clean()


@contextmanager
def subject_of(adapter, folder, wrap=lambda channel: channel, limits=None):
    """Give the subject of one adapter on a new host; mutants may forget to close, this doesn't."""
    with ExitStack() as closing:

        def kept(channel):
            closing.callback(channel.close)
            return wrap(channel)

        if adapter != "xm":
            made = xen_subject(RELEASES[adapter], adapter, wrap=kept, limits=limits)
            yield closing.enter_context(made)
            return
        subject = closing.enter_context(xm_subject(folder, toolstack="xm"))
        make = subject.make_channel
        more = {} if limits is None else {"limits": limits}
        yield evolve(subject, make_channel=lambda: kept(make()), **more)


def _cases():
    for adapter in RELEASES:
        for kind in KINDS:
            # Each question to xl is a process: they are tried in heavy runs, and half of XenD.
            heavy = adapter == "xl" or (adapter == "xend" and KINDS.index(kind) % 2)
            marks = [pytest.mark.heavy, pytest.mark.timeout(300)] if heavy else []
            yield pytest.param(adapter, kind, id=f"{adapter}-{kind}", marks=marks)


@pytest.mark.parametrize(("adapter", "kind"), list(_cases()))
def test_a_mutant_of_each_kind_is_caught(adapter, kind, tmp_path):
    folders = (tmp_path / str(number) for number in range(1000))
    with subject_of(adapter, next(folders)) as subject:
        offered = {offer.capability for offer in subject.spec.offers}
    survivors, unasked = [], {}
    fitting = list(candidates(kind, offered))
    for check, mutant in fitting:
        if len(survivors) == TRIES:
            break
        with subject_of(adapter, next(folders)) as subject:
            plain = judge(check, subject)
        assert plain.verdict not in (Verdict.FAILED, Verdict.WARNED), str(plain)
        if plain.verdict is not Verdict.PASSED:
            unasked[check.label] = plain.message
            continue
        limits = XL_LIMITS if adapter == "xl" else LIMITS
        with subject_of(adapter, next(folders), mutant.wrap, limits) as subject:
            result = judge(check, subject)
        mutants_core.clean()
        if result.verdict is Verdict.FAILED:
            return
        survivors.append(f"{mutant}: {result}")
    assert not survivors or (adapter, kind) in CANNOT_FAIL, survivors
    # Nobody was caught: nothing of this kind is asked of it, which was told.
    assert survivors or all(unasked.values()), unasked
    if not fitting:
        about = {check.capability for check in CHECKS.values() if check.name == kind}
        assert not about & offered, (about & offered, kind)


def test_most_kinds_of_checks_are_tried_on_every_adapter(tmp_path):
    tried = {}
    for number, adapter in enumerate(RELEASES):
        with subject_of(adapter, tmp_path / str(number)) as subject:
            offered = {offer.capability for offer in subject.spec.offers}
        tried[adapter] = {kind for kind in KINDS if any(candidates(kind, offered))}
    assert all(len(kinds) > len(KINDS) / 3 for kinds in tried.values()), tried
    # Together they leave nothing out but what only a channel without a peer can get wrong.
    assert set(KINDS) == set().union(*tried.values())
