"""What a host can run: libvirt's documents, and what later releases add."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from support.corpus import corpus_dir, find_corpus
from xenparley.domain.host import NumaNode, XenVersion
from xenparley_formats.capabilities import cpu_features, host_capabilities
from xenparley_formats.capabilities_xml import write_capabilities


def cases() -> list[dict[str, Any]]:
    if find_corpus() is None:
        return [{"id": "no-corpus"}]
    index = json.loads((corpus_dir() / "libvirt" / "index.json").read_bytes())
    return [case for case in index["tests"] if case["suite"] == "xencaps"]


def shape(element: Any) -> Any:
    inside = [shape(child) for child in element]
    return (element.tag, dict(element.attrib), (element.text or "").strip(), inside)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["id"])
def test_the_document_is_libvirts(case: dict[str, Any]) -> None:
    folder = corpus_dir() / "libvirt"
    cpuinfo, caps = (
        (folder / name).read_text(encoding="utf-8")
        for name in sorted(case["input"], key=lambda name: name.endswith(".caps"))
    )
    made = write_capabilities(host_capabilities(caps, cpuinfo=cpuinfo, arch=case["host_arch"]))
    wanted = etree.parse(str(folder / case["expected"])).getroot()
    assert shape(etree.fromstring(made)) == shape(wanted)


TODAY = (
    "xen-3.0-x86_64 xen-3.0-x86_32p hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 "
    "made-up-3.0 hvm-3.0-riscv"
)


def test_todays_host_takes_pvh_guests_and_features_follow_the_release() -> None:
    host = host_capabilities(TODAY, cpuinfo="flags\t: fpu pae vmx\n", version=XenVersion(4, 17))
    kinds = [(guest.virt, guest.arch) for guest in host.guests]
    assert kinds == [
        ("pv", "x86_64"),
        ("pv", "i686"),
        ("hvm", "i686"),
        ("pvh", "i686"),
        ("hvm", "x86_64"),
        ("pvh", "x86_64"),
    ]
    assert host.cpu_features == ("vmx", "pae")
    root = etree.fromstring(write_capabilities(host))
    assert [e.tag for e in root.findall("host/cpu/features/*")] == ["vmx"]
    hvm = next(g for g in root.findall("guest") if g.findtext("os_type") == "hvm")
    toggles = {e.tag: e.get("default") for e in hvm.findall("features/*")}
    assert toggles == {
        "pae": None,
        "nonpae": None,
        "acpi": "on",
        "apic": "on",
        "hap": "on",
        "viridian": "off",
    }


@pytest.mark.parametrize(
    ("release", "names"),
    [
        ((3, 0), {"acpi", "apic"}),
        ((3, 3), {"acpi", "apic", "hap"}),
        ((3, 4), {"acpi", "apic", "hap", "viridian"}),
    ],
)
def test_features_of_old_releases(release: tuple[int, int], names: set[str]) -> None:
    host = host_capabilities("hvm-3.0-x86_64", version=XenVersion(*release))
    root = etree.fromstring(write_capabilities(host))
    assert {e.tag for e in root.findall("guest/features/*")} == names


def test_arm_and_the_topology() -> None:
    nodes = [NumaNode(number=0, cpus=(0, 1), memory_kib=4096), NumaNode(number=1, cpus=(2,))]
    host = host_capabilities(
        "xen-3.0-aarch64 xen-3.0-armv7l", arch="aarch64", version=XenVersion(4, 17), nodes=nodes
    )
    assert [(g.virt, g.arch, g.wordsize) for g in host.guests] == [
        ("pvh", "aarch64", 64),
        ("pvh", "armv7l", 32),
    ]
    root = etree.fromstring(write_capabilities(host))
    cells = root.findall("host/topology/cells/cell")
    assert [[cpu.get("id") for cpu in cell.iter("cpu")] for cell in cells] == [["0", "1"], ["2"]]


@given(st.text(), st.text(), st.text())
def test_any_text_makes_a_document(caps: str, cpuinfo: str, arch: str) -> None:
    text = write_capabilities(host_capabilities(caps, cpuinfo=cpuinfo, arch=arch))
    assert etree.fromstring(text).tag == "capabilities"


def test_flags_are_words() -> None:
    assert cpu_features("flags : xpae svmx vmx_x\n") == ()
    assert cpu_features("model name : vmx\nflags\t\t: a svm pae b\nflags : vmx") == ("svm", "pae")
