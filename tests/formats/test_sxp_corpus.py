"""xend's S-expressions beside libvirt's test data and what xend itself answered."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from support.corpus import corpus_dir, find_corpus
from support.libvirt_documents import case_bytes, libvirt_cases, shape
from support.normal import normal
from xenparley.domain.config.validate import validate
from xenparley.domain.errors import ConfigError, Unrepresentable
from xenparley.domain.runstate import RunFlags
from xenparley_formats import sxp_format, xml_format
from xenparley_formats.native_run import ReadLog
from xenparley_formats.sxp_live import live_domain
from xenparley_formats.sxp_read import config_from_sxp
from xenparley_formats.sxp_write import config_to_sxp
from xenparley_wire.sxp import Sexp, loads

#: Where libvirt is wrong and we are not, with the reason; docs/formats.md lists them, too.
BETTER = {
    "1.2.2:xml2sexpr:pv-localtime->pv-localtime@v1": (
        "libvirt drops the display of a guest that has a bootloader"
    ),
}


def options(case: dict[str, Any]) -> dict[str, str]:
    # 3.2 cases name no version: that libvirt knew only the last
    return {"xend-config-version": str(case.get("xend_config_version") or 4)}


def top_level(tree: Sexp) -> Any:
    """Return a tree in which the order of top-level keys doesn't matter."""
    assert isinstance(tree, list)
    return tree[0], sorted(tree[1:], key=repr)


@pytest.mark.parametrize("case", libvirt_cases("sexpr2xml"), ids=lambda case: case["id"])
def test_sexpr_to_xml(case: dict[str, Any]) -> None:
    corpus_dir()
    reading = sxp_format.read(
        case_bytes(case, "input"), source=case["input"], options=options(case)
    )
    written = xml_format.write(reading.config, options={"secrets": "no"}).text
    release = case["release"]
    wanted = case_bytes(case, "expected")
    assert shape(written, release=release) == shape(wanted, release=release)


@pytest.mark.parametrize("case", libvirt_cases("xml2sexpr"), ids=lambda case: case["id"])
def test_xml_to_sexpr(case: dict[str, Any]) -> None:
    corpus_dir()
    config = xml_format.read(case_bytes(case, "input"), source=case["input"], options={}).config
    writing = sxp_format.write(config, lossy=True, options=options(case))
    # before 3.0.3 xend knew no more of VNC than on or off, which libvirt doesn't tell
    foreign = [w for w in writing.warnings if not w.startswith("devices/graphics[1]/")]
    assert foreign == []
    assert not writing.warnings or case["xend_config_version"] == 1
    wanted = loads(case_bytes(case, "expected"), lenient=True)
    same = top_level(loads(writing.text)) == top_level(wanted)
    assert same is (case["id"] not in BETTER)


def test_the_display_that_libvirt_drops_is_there() -> None:
    case = next(
        c for c in libvirt_cases("xml2sexpr") if c["id"] in BETTER or "no-corpus" in c["id"]
    )
    config = xml_format.read(case_bytes(case, "input"), source="", options={}).config
    writing = sxp_format.write(config, lossy=True, options=options(case))
    assert config.graphics
    assert "(image (linux (vnc 1)))" in writing.text


SEEDS = ("pv-bootloader", "pv-kernel", "hvm-bios", "hvm-kernel")


@pytest.mark.parametrize("version", ["1", "2", "3", "4"])
@pytest.mark.parametrize("name", SEEDS)
def test_the_four_kinds_of_guests_come_back(name: str, version: str) -> None:
    data = (corpus_dir() / "seed" / f"{name}.xml").read_bytes()
    config = xml_format.read(data, source=name, options={}).config
    chosen = {"xend-config-version": version}
    if version == "1" and config.virt == "hvm":
        with pytest.raises(Unrepresentable) as caught:
            sxp_format.write(config, options=chosen)
        assert [p.place for p in caught.value.problems] == ["devices/graphics[1]/@port"]
        return
    first = sxp_format.write(config, options=chosen).text
    back = sxp_format.read(first.encode(), source=name, strict=True, options=chosen)
    assert back.warnings == ()
    assert normal(back.config, int(version)) == normal(config, int(version))
    assert sxp_format.write(back.config, options=chosen).text.replace(
        "(on_poweroff destroy) (on_reboot restart) (on_crash restart) ", ""
    ) == first.replace("(on_poweroff destroy) (on_reboot restart) (on_crash restart) ", "")


def answers() -> list[tuple[str, int, str]]:
    """Return (name, version, expression) of every guest that a recorded xend showed."""
    if find_corpus() is None:
        return [("no-corpus", 4, "")]
    recorded = json.loads((corpus_dir() / "xend" / "config-cases.json").read_bytes())
    found = []
    for release, version in (("3.0.4", 3), ("3.1.0", 4), ("4.1.6", 4)):
        for case in recorded["cases"]:
            for step in ("defined", "created"):
                body = case.get(release, {}).get(step, {}).get("body", "")
                if body.startswith("(domain"):
                    found.append((f"{release}-{case['id']}-{step}", version, body))
    return found


def pairs(tree: Sexp, path: str = "") -> list[str]:
    """Return path and value of each atom. What differs only in spelling is told in one way."""
    if isinstance(tree, str):
        return [f"{path}={tree}"]
    if not tree:
        return []
    head = tree[0]
    inside, rest = (f"{path}/{head}", tree[1:]) if isinstance(head, str) else (path, tree)
    return [pair for item in rest for pair in pairs(item, inside)]


#: What is not written back, and why that loses nothing. docs/formats.md words it.
SILENT = re.compile(
    r"/(description|bootloader|bootloader_args)=$|/image/(linux|hvm)/kernel=$"  # empty: not there
    r"|/device/(vbd|tap|tap2)/dev=[^:]*:disk$"  # what a disk is anyway
    r"|/device/[a-z0-9]+/backend=0$"  # Domain 0 serves anyway
    r"|/vcpu_avail=[0-9]+$"  # all of them
    r"|/(status|state|domid|cpu_time|start_time|online_vcpus|store_mfn|console_mfn)="  # its life
    r"|/device/vfb/(vnc|sdl)=1$|/device/vfb/type=(vnc|sdl)$"  # one stands for the other
    r"|/device/pci/dev/(domain|bus|slot|func)=0x"  # written with leading zeros
    r"|/cpus/"  # written as a range
)


@pytest.mark.parametrize(("name", "version", "body"), answers(), ids=lambda value: str(value)[:24])
def test_what_xend_answers_is_written_back(name: str, version: int, body: str) -> None:
    corpus_dir()
    data = body.encode("latin-1")
    chosen = {"xend-config-version": str(version)}
    reading = sxp_format.read(data, source=name, options=chosen)
    written = sxp_format.write(reading.config, lossy=True, options=chosen).text
    again = sxp_format.read(written.encode("utf-8", "surrogateescape"), source=name, options=chosen)
    assert normal(again.config, version) == normal(reading.config, version)
    had, has = set(pairs(loads(data)[1:])), set(pairs(loads(written)[1:]))
    lost = {pair for pair in had - has if not SILENT.search(pair)}
    told = {pair.rpartition("=")[2] for pair in has} | {pair.rpartition("/")[2] for pair in has}
    # a display, the loader and the clock can be told at two places
    moved = {pair for pair in lost if "/image/" in pair and pair.rpartition("=")[2] in told}
    moved |= {pair for pair in lost if "/vfb/" in pair and pair.rpartition("/")[2] in told}
    assert lost - moved == (({"/vcpus=0"} & lost) if reading.warnings else set())
    assert not any("vnc" in pair for pair in lost) or "(vfb " in written or "(vnc 1)" in written


@pytest.mark.parametrize(("name", "version", "body"), answers(), ids=lambda value: str(value)[:24])
def test_the_life_of_what_xend_answers(name: str, version: int, body: str) -> None:
    corpus_dir()
    tree = loads(body.encode("latin-1"))
    live = live_domain(tree)
    config = config_from_sxp(tree, version=version)
    assert (live.name, live.uuid) == (config.name, config.uuid)
    assert live.memory_kib == config.memory_kib
    assert live.alive is name.endswith("created")
    if live.alive:
        assert live.flags == RunFlags.PAUSED and live.status == "paused"
        assert live.cpu_time_ns and live.start_time and live.online_vcpus is not None
        assert live.store_mfn or live.hvm
    else:
        assert live.flags is None and live.status == "halted"
    kinds = [device.kind for device in live.devices]
    assert kinds.count("vif") == len(config.interfaces)
    assert all(device.uuid for device in live.devices if device.kind == "vif")


@pytest.mark.parametrize("release", ["3.1.0", "4.1.6"])
def test_every_guest_that_xend_showed_is_read(release: str) -> None:
    path = corpus_dir() / "xend" / f"transcript-{release}.json"
    found = 0
    for exchange in json.loads(path.read_bytes())["exchanges"]:
        body = exchange["response"].partition("\r\n\r\n")[2]
        if not body.startswith(("(domain", "((domain")) or "(vcpu_count" in body:
            continue
        tree = loads(body.encode("latin-1"))
        for guest in [tree] if isinstance(tree[0], str) else tree:
            log = ReadLog(release)
            if live_domain(guest).name == "bi":
                # defined with an image of a kind that there isn't
                with pytest.raises(ConfigError, match="unknown kind of image: 'foo'"):
                    config_from_sxp(guest, log=log)
                continue
            config = config_from_sxp(guest, log=log)
            assert log.warnings == []
            assert validate(config) == ()
            # what xend shows can be defined again
            config_to_sxp(config)
            found += 1
    assert found > 50
