"""Real files through the adapter: what a listing tells is what the whole configuration says."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.corpus import corpus_dir
from xenparley.domain.errors import ConfigError, Unrepresentable
from xenparley.domain.guest import Field
from xenparley_formats.xl_format import config_from_xl
from xenparley_formats.xlcfg_syntax import parse_xlcfg
from xenparley_formats.xm_format import config_from_xm
from xenparley_formats.xm_syntax import parse_xm
from xenparley_xm.summary import summarise


def said(config):
    return {
        Field.MEMORY: config.memory_kib,
        Field.MAX_MEMORY: config.maximum_kib,
        Field.VCPUS: config.vcpus_online,
        Field.MAX_VCPUS: config.vcpus.maximum,
        Field.VIRT: config.virt,
    }


def corpus(*parts):
    return sorted(path for part in parts for path in corpus_dir().glob(f"libvirt/{part}/*.cfg"))


@pytest.mark.parametrize("version", ["1", "2", "3", "4"])
def test_xm_files_of_the_corpus(files, version):
    channel = files.channel = files.open(**{"xend-config-version": version})
    found = corpus("xmconfig")
    assert len(found) > 20
    read = 0
    for path in found:
        text = path.read_bytes().replace(b"\\\n", b"")
        copy = files.write("guest.cfg", text)
        (row,) = files.rows(channel=channel).values()
        try:
            config = files.read(uuid=row.uuid)
        except ConfigError:
            continue  # for another version of xend
        read += 1
        assert (row.values[Field.NAME], row.uuid) == (config.name, config.uuid), path
        assert {f: row.values[f] for f in said(config)} == said(config), path
        with contextlib.suppress(Unrepresentable):
            files.define(config)
        assert copy.read_bytes() == text, f"{path}: nothing changed, nothing is written"
    assert read > 20


def test_xl_files_of_the_corpus(files):
    channel = files.channel = files.open(toolstack="xl")
    found = corpus("xlconfig")
    assert len(found) > 20
    read = 0
    for path in found:
        text = path.read_bytes().replace(b"\\\n", b"")
        copy = files.write("guest.cfg", text)
        (row,) = files.rows(channel=channel).values()
        try:
            config = files.read(uuid=row.uuid)
        except ConfigError:
            continue
        read += 1
        assert (row.values[Field.NAME], row.uuid) == (config.name, config.uuid), path
        assert {f: row.values[f] for f in said(config)} == said(config), path
        with contextlib.suppress(Unrepresentable):
            files.define(config)
        assert copy.read_bytes() == text, path
    assert read > 20


NUMBERS = st.one_of(
    st.integers(0, 300).map(str),
    st.integers(0, 300).map(lambda n: f'"{n}"'),
    st.sampled_from(['"0x40"', "0", '""', '"many"', "[ 1 ]", "99999999"]),
)
KEYS = {
    "memory": NUMBERS,
    "maxmem": NUMBERS,
    "vcpus": NUMBERS,
    "maxvcpus": NUMBERS,
    "vcpu_avail": NUMBERS,
    "builder": st.sampled_from(['"hvm"', '"linux"', '"generic"']),
}


@given(st.fixed_dictionaries({}, optional=KEYS))
def test_a_listing_tells_what_xms_configuration_says(keys):
    text = 'name = "web"\n' + "".join(f"{key} = {value}\n" for key, value in keys.items())
    document = parse_xm(text, "web")
    summary = summarise(document, "xm", "web")
    try:
        config = config_from_xm(document, version=4)
    except ConfigError:
        return
    known = {f: v for f, v in said(config).items() if f not in summary.absent}
    assert {f: summary.values[f] for f in known} == known


@given(
    st.fixed_dictionaries(
        {},
        optional={
            **{k: v for k, v in KEYS.items() if k != "vcpu_avail"},
            "type": st.sampled_from(['"pv"', '"hvm"', '"pvh"']),
            "pvh": st.sampled_from(["0", "1"]),
        },
    )
)
def test_a_listing_tells_what_xls_configuration_says(keys):
    text = 'name = "web"\n' + "".join(f"{key} = {value}\n" for key, value in keys.items())
    document = parse_xlcfg(text, "web")
    summary = summarise(document, "xl", "web")
    try:
        config = config_from_xl(document)
    except ConfigError:
        return
    known = {f: v for f, v in said(config).items() if f not in summary.absent}
    assert {f: summary.values[f] for f in known} == known
