"""The probe, against a simulated hypervisor of every release."""

from __future__ import annotations

import errno

import pytest

from support.hypercall_hosts import SETS, device, session, small_host, soon
from xenparley.domain.errors import AccessRefused, DeadlineExceeded, Unavailable, Unsupported
from xenparley_hypercall.session import connect
from xenparley_sim.ioctl import SimulatedDevice
from xenparley_wire.abi.table import InterfaceKey

sets = pytest.mark.parametrize("one", SETS, ids=[one.id for one in SETS])
NEWEST = InterfaceKey(0x16, 0x18)


@sets
def test_every_release_is_recognised(one):
    hypervisor = device(one)
    opened = connect(soon(), hypervisor, one.arch)
    found = opened.found
    opened.close()
    assert found.abi is not None, found.reason
    assert (found.abi.sysctl, found.abi.domctl, found.abi.dom0_op) == one.key
    assert found.abi.release == (*one.first, 0)[:3]
    assert found.version == one.version
    assert found.extraversion == one.extraversion
    if not one.key[2]:
        # dom0_op's number is platform_op's on these.
        assert 7 not in hypervisor.calls
    assert hypervisor.memory.in_use == 0


@sets
def test_without_a_right_it_says_so(one):
    opened = session(one, privileged=False)
    found = opened.found
    opened.close()
    assert found.abi is None
    assert found.refused
    assert "dom0" in (found.reason or "")


@sets
def test_a_vendor_release_number_does_not_matter(one):
    hypervisor = device(one, vendor="-vendor")
    opened = connect(soon(), hypervisor, one.arch)
    abi = opened.found.abi
    opened.close()
    assert abi is not None
    assert (abi.sysctl, abi.domctl, abi.dom0_op) == one.key


@pytest.mark.parametrize(
    ("key", "version", "words"),
    [
        (InterfaceKey(0x17, 0x19), (4, 23), "newer than this program|takes none"),
        (InterfaceKey(0x20, 0x20), (5, 1), "newer than this program"),
        (InterfaceKey(0x16, 0x19), (4, 24), "domctl.*0x17, 0x18"),
        (InterfaceKey(0x15, 0x14), (4, 17), "takes none of the known domctl"),
        (InterfaceKey(5, 5), (3, 1), "takes none of the known sysctl|policy"),
    ],
)
def test_an_unknown_pair_offers_only_what_is_stable(key, version, words):
    hypervisor = SimulatedDevice(
        small_host(), key=key, version=version, extraversion=".1", layout_key=NEWEST
    )
    opened = connect(soon(), hypervisor, "x86_64")
    found = opened.found
    assert found.abi is None
    import re

    assert re.search(words, found.reason or ""), found.reason
    with pytest.raises(Unsupported, match=re.escape((found.reason or "")[:20])):
        _ = opened.reader
    from xenparley_hypercall import host, reads

    text = opened.run(
        lambda turn: host.version_text(turn, 3, found.version), deadline=soon(), operation="caps"
    )
    assert text.startswith("xen-3.0")
    if version >= (4, 21):
        state = opened.run(
            lambda turn: reads.domain_state(turn, 7, found.version),
            deadline=soon(),
            operation="state",
        )
        assert (state.exists, state.shutdown, state.dying) == (True, True, False)
    else:
        with pytest.raises(Unsupported, match=r"4\.21"):
            opened.run(
                lambda turn: reads.domain_state(turn, 7, found.version),
                deadline=soon(),
                operation="state",
            )
    opened.close()


@pytest.mark.parametrize(
    ("denied", "words"),
    [
        (["sysctl.sched_id"], "policy .* refuses sysctl"),
        (["domctl.getdomaininfo"], "takes none of the known domctl"),
    ],
)
def test_a_policy_that_refuses(denied, words):
    one = next(one for one in SETS if one.first >= (4, 17))
    opened = session(one, denied=denied)
    found = opened.found
    opened.close()
    assert found.abi is None
    import re

    assert re.search(words, found.reason or "")


def test_an_architecture_without_layouts():
    opened = connect(soon(), device(SETS[5]), "riscv64")
    assert opened.found.abi is None
    assert "riscv64" in (opened.found.reason or "")
    opened.close()


def test_a_32_bit_dom0_on_a_64_bit_hypervisor_of_3_0_is_not_misread():
    wide = next(one for one in SETS if one.arch == "x86_64" and one.first == (3, 0, 4))
    opened = connect(soon(), device(wide), "x86_32")
    assert opened.found.abi is None
    assert opened.found.reason
    opened.close()


def refusing(code):
    def before(number):
        raise OSError(code, "refused")

    return before


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (errno.ENOSYS, Unavailable),
        (errno.ENOTTY, Unavailable),
        (errno.EPERM, AccessRefused),
        (errno.EIO, Unavailable),
    ],
)
def test_a_kernel_that_lets_nothing_through(code, error):
    hypervisor = device(SETS[5], before=refusing(code))
    with pytest.raises(error, match="simulated privcmd"):
        connect(soon(), hypervisor, "x86_64")


def test_a_deadline_that_has_passed_sends_nothing():
    hypervisor = device(SETS[5])
    with pytest.raises(DeadlineExceeded):
        connect(0.0, hypervisor, "x86_64")
    assert hypervisor.calls == []
