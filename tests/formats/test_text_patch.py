"""Changing an existing XM file or xl.cfg: what did not change stays byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.corpus import corpus_dir, find_corpus
from xenparley.domain.config import Disk, DiskSource, GuestConfig, Interface
from xenparley.domain.errors import Unrepresentable
from xenparley_formats import xl_format, xm_format

XM = """\
# -*- mode: python -*-
import_dir = '/images'   # where the images are
name   = 'web' + '1'
memory = 0400            # octal, as Python 2 reads it
kernel = "/boot/vmlinuz"
vif  = [ 'mac=00:16:3e:00:00:01, bridge=br0, script=vif-nat',
         'mac=00:16:3e:00:00:02,bridge=br1' ] # two
disk = [ 'file:%s/root,xvda,w' % import_dir, 'phy:vg/swap,xvdb,w' ]
shadow_memory = 8;  on_crash = 'preserve'
"""
XL = """\
# the web server
name = "web1"
memory = 0400     # octal, as strtol reads it
kernel = '/boot/vmlinuz'
vif = [ 'mac=00:16:3e:00:00:01, bridge=br0',
        'bridge=br1,mac=00:16:3e:00:00:02', ]
disk = [ '/images/root,,xvda,w', 'phy:/dev/vg/swap,xvdb,w' ]
nestedhvm = 0; on_crash = 'preserve'
"""


def xm(text: str) -> tuple[Any, Callable[[], GuestConfig], Callable[[GuestConfig], Any]]:
    document = xm_format.parse_xm(text)
    return (
        document,
        lambda: xm_format.config_from_xm(document),
        lambda config: xm_format.apply_to_xm(document, config),
    )


def xl(text: str) -> tuple[Any, Callable[[], GuestConfig], Callable[[GuestConfig], Any]]:
    document = xl_format.parse_xlcfg(text)
    return (
        document,
        lambda: xl_format.config_from_xl(document),
        lambda config: xl_format.apply_to_xl(document, config),
    )


def real_files() -> list[Any]:
    own = [pytest.param(xm, XM, id="xm"), pytest.param(xl, XL, id="xl")]
    if find_corpus() is None:
        return own
    files = sorted((corpus_dir() / "libvirt").rglob("*.cfg"))
    return own + [
        pytest.param(
            xl if "xlconfig" in str(f) else xm, f.read_text(), id=f"{f.parent.name}/{f.stem}"
        )
        for f in files
    ]


def changed(before: str, after: str) -> list[tuple[str, str]]:
    old, new = before.splitlines(), after.splitlines()
    assert len(old) == len(new)
    return [(a, b) for a, b in zip(old, new, strict=True) if a != b]


@pytest.mark.parametrize(("form", "text"), real_files())
def test_the_same_guest_changes_nothing(form: Any, text: str) -> None:
    document, back, apply = form(text)
    apply(back())
    assert document.render() == text


@pytest.mark.parametrize(("form", "text"), real_files())
def test_one_change_changes_one_line(form: Any, text: str) -> None:
    document, back, apply = form(text)
    config = evolve(back(), memory_kib=100 * 1024, max_memory_kib=None)
    config = evolve(config, max_memory_kib=back().maximum_kib)
    apply(config)
    touched = [old.split("=")[0].strip() for old, _ in changed(text, head(document, text))]
    assert touched == ["memory"]
    assert back() == config


def head(document: Any, text: str) -> str:
    """Return the document without lines that were added at its end."""
    lines = document.render().splitlines(keepends=True)
    return "".join(lines[: len(text.splitlines())])


@pytest.mark.parametrize(("form", "text"), [(xm, XM), (xl, XL)])
def test_items_of_a_list_keep_their_spelling(form: Any, text: str) -> None:
    document, back, apply = form(text)
    config = back()
    third = Interface(mac="00:16:3e:00:00:03", source="br2")
    apply(evolve(config, interfaces=(*config.interfaces, third)))
    rendered = document.render()
    assert "mac=00:16:3e:00:00:01, bridge=br0" in rendered
    assert [nic.source for nic in back().interfaces] == ["br0", "br1", "br2"]
    apply(evolve(config, interfaces=config.interfaces[1:]))
    assert [nic.source for nic in back().interfaces] == ["br1"]
    assert "shadow_memory = 8" in rendered or "nestedhvm = 0" in rendered
    assert rendered.count("#") == text.count("#")


def test_a_variable_that_a_value_was_made_from_stays() -> None:
    document, back, apply = xm(XM)
    config = back()
    disks = (*config.disks, Disk(target="xvdc", source=DiskSource(path="/c")))
    apply(evolve(config, disks=disks))
    assert "import_dir = '/images'   # where" in document.render()
    assert [disk.source.path for disk in back().disks] == ["/images/root", "/dev/vg/swap", "/c"]


@pytest.mark.parametrize(("form", "text"), [(xm, XM), (xl, XL)])
def test_keys_that_the_model_does_not_know_outlive_a_guest_from_elsewhere(
    form: Any, text: str
) -> None:
    document, back, apply = form(text)
    other = GuestConfig(name="web1", memory_kib=1 << 20, boot=back().boot)
    apply(other)
    found = back()
    assert found.memory_kib == 1 << 20 and found.disks == () and found.interfaces == ()
    assert found.extras
    assert "disk" not in document and document.render().count("#") >= 2


@pytest.mark.parametrize(("form", "text"), [(xm, XM), (xl, XL)])
def test_what_was_left_to_a_default_is_said_when_that_changes(form: Any, text: str) -> None:
    document, back, apply = form(text)
    wanted = evolve(back(), memory_kib=64 << 10)
    assert "maxmem" not in document
    apply(wanted)
    assert back() == wanted and document.get("maxmem") == 256


@pytest.mark.parametrize(("form", "text"), [(xm, XM), (xl, XL)])
def test_what_cannot_be_said_leaves_the_document_alone(form: Any, text: str) -> None:
    document, back, apply = form(text)
    with pytest.raises(Unrepresentable, match="title"):
        apply(evolve(back(), title="t", memory_kib=1 << 20))
    assert document.render() == text


EDITS: dict[str, st.SearchStrategy[Any]] = {
    "memory_kib": st.integers(1, 1 << 20).map(lambda mib: mib * 1024),
    "on_crash": st.sampled_from(["destroy", "restart", "preserve"]),
    "uuid": st.uuids().map(str),
    "disks": st.lists(st.sampled_from(["xvda", "xvdb", "hdc", "sda"]), unique=True).map(
        lambda names: tuple(Disk(target=n, source=DiskSource(path=f"/{n}")) for n in names)
    ),
    "interfaces": st.lists(st.integers(0, 9), unique=True, max_size=3).map(
        lambda ns: tuple(Interface(mac=f"00:16:3e:00:00:0{n}", source=f"br{n}") for n in ns)
    ),
}
KEYS = {
    "memory_kib": {"memory", "maxmem"},
    "on_crash": {"on_crash"},
    "uuid": {"uuid"},
    "disks": {"disk"},
    "interfaces": {"vif"},
}


@pytest.mark.parametrize("form", [xm, xl])
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_edit_keeps_every_other_line(form: Any, data: st.DataObject) -> None:
    texts = [param.values[1] for param in real_files() if param.values[0] is form]
    text = data.draw(st.sampled_from(texts))
    document, back, apply = form(text)
    name = data.draw(st.sampled_from(sorted(EDITS)))
    value = data.draw(EDITS[name])
    config = evolve(back(), **{name: value})
    if name == "memory_kib":
        config = evolve(config, max_memory_kib=max(value, config.maximum_kib))
    spans = {
        line
        for statement in document.statements
        if statement.key in KEYS[name]
        for line in range(statement.line, statement.end_line + 1)
    }
    apply(config)
    rest = [line for n, line in enumerate(text.splitlines(), 1) if n not in spans]
    kept = document.render().splitlines()
    at = 0
    for line in rest:
        at = kept.index(line, at) + 1
    if name in ("uuid", "on_crash", "memory_kib"):
        assert getattr(back(), name) == value
    else:
        assert len(getattr(back(), name)) == len(value)
