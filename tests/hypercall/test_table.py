"""Finding layouts by the pair of interface versions."""

from __future__ import annotations

import runpy

import pytest

from support.abi_facts import ARCHES, need_facts, pair
from support.corpus import ROOT, find_corpus
from xenparley.domain.errors import InvalidInput, ProtocolError, Unsupported
from xenparley_wire.abi.table import (
    InterfaceKey,
    architectures,
    candidates,
    known_keys,
    load,
    newest_release,
)


def test_the_table_is_what_the_generator_makes():
    source = need_facts()
    make = runpy.run_path(str(ROOT / "tools" / "make_abi_table.py"))["make"]
    shipped = ROOT / "adapters/xenparley_wire/abi/_table.py"
    assert make(source) == shipped.read_text(encoding="utf-8")
    assert find_corpus() is not None


@pytest.mark.parametrize("arch", ARCHES)
def test_every_pair_is_there(arch):
    source = need_facts()["arches"][arch]["version_table"]
    assert [tuple(key) for key in known_keys(arch)] == [pair(e["version_key"]) for e in source]
    assert arch in architectures()
    assert newest_release(arch) >= (4, 22)


def test_the_pair_is_the_key_not_either_number():
    sizes = {
        domctl: load("x86_64", InterfaceKey(0x10, domctl)).layout("domctl.getdomaininfo").size
        for domctl in (0xE, 0xF)
    }
    assert sizes == {0xE: 96, 0xF: 104}


@pytest.mark.parametrize("version", [(3, 2), (3, 3), (3, 4)])
def test_one_pair_with_two_layouts_goes_by_the_release(version):
    abi = load("x86_64", InterfaceKey(6, 5), version)
    fields = abi.layout("sysctl.physinfo").fields
    assert ("capabilities" in fields) == (version >= (3, 3))
    assert abi.release[:2] == version


def test_without_a_release_the_oldest_of_the_pair_counts():
    assert load("x86_64", InterfaceKey(0xA, 9)).release == (4, 3, 0)
    assert load("x86_64", InterfaceKey(0xA, 9), (4, 4)).release == (4, 4, 0)
    # A hypervisor that says something odd doesn't get conventions its pair never had.
    assert load("x86_64", InterfaceKey(0xA, 9), (9, 9)).release == (4, 4, 4)


@pytest.mark.parametrize(
    ("arch", "key"),
    [
        ("x86_64", InterfaceKey(0x17, 0x19)),
        ("x86_64", InterfaceKey(0x15, 0x18)),
        ("x86_64", InterfaceKey(4, 5)),
        ("arm64", InterfaceKey(9, 8)),
        ("ia64", InterfaceKey(3, 5)),
    ],
)
def test_an_unknown_pair_is_not_guessed_at(arch, key):
    with pytest.raises(Unsupported, match=arch):
        load(arch, key)


def test_candidates_begin_with_the_release_itself_and_leave_none_out():
    found = candidates("x86_64", (4, 10))
    assert found[:2] == (InterfaceKey(0x10, 0xF), InterfaceKey(0x10, 0xE))
    assert set(found) == set(known_keys("x86_64"))
    assert candidates("x86_64", (4, 99))[0] == InterfaceKey(0x16, 0x18)
    assert candidates("x86_64", (3, 0))[0] == InterfaceKey(2, 4)


def test_words_for_a_pair():
    assert str(InterfaceKey(0x15, 0x16)) == "sysctl 0x15, domctl 0x16"
    assert str(InterfaceKey(0, 0, 0x03000000)) == "dom0_op 0x3000000"


def test_wrong_values_and_fields_are_told():
    abi = load("x86_64", InterfaceKey(0x15, 0x15))
    with pytest.raises(Unsupported, match="no field 'nonsense'"):
        abi.request("domctl.max_mem", {"nonsense": 1}, domain=1)
    with pytest.raises(InvalidInput, match="max_memkb"):
        abi.request("domctl.max_mem", {"max_memkb": 1 << 64}, domain=1)
    with pytest.raises(InvalidInput, match="not a domain id"):
        abi.request("domctl.pausedomain", domain=0x8000)
    with pytest.raises(Unsupported, match="get_domain_state"):
        abi.request("domctl.get_domain_state", domain=1)
    with pytest.raises(ProtocolError, match="bytes"):
        abi.answer("sysctl.physinfo", b"\0" * 20)
