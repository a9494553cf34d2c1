"""Properties of the codecs, over all their fields."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xenparley.domain.errors import InvalidInput, ProtocolError, XenparleyError
from xenparley_wire.abi import flags as fl
from xenparley_wire.abi import host, scheduler, version
from xenparley_wire.abi.cpumap import cpus_of, map_bytes, map_of
from xenparley_wire.abi.domaininfo import DomainInfo, DomainInfoCodec, pages_to_kib
from xenparley_wire.abi.layout import Layout
from xenparley_wire.abi.table import known_keys, load

KEYS = [(arch, key) for arch in ("x86_64", "x86_32", "arm64") for key in known_keys(arch)]
RELEASES = st.sampled_from(
    [
        (3, 0, 0),
        (3, 0, 4),
        (3, 2, 0),
        (3, 4, 0),
        (4, 0, 0),
        (4, 3, 0),
        (4, 4, 0),
        (4, 7, 0),
        (4, 8, 0),
        (4, 9, 0),
        (4, 17, 0),
        (4, 22, 0),
    ]
)
BOUNDS = {"B": 2**8, "H": 2**16, "I": 2**32, "Q": 2**64}


def value_for(code: str) -> st.SearchStrategy:
    if code.endswith("s"):
        return st.binary(min_size=int(code[:-1]), max_size=int(code[:-1]))
    if code.endswith("I") and len(code) > 1:
        size = int(code[:-1])
        return st.lists(st.integers(0, 2**32 - 1), min_size=size, max_size=size).map(tuple)
    if code in BOUNDS:
        return st.integers(0, BOUNDS[code] - 1)
    bound = BOUNDS[code.upper()] // 2
    return st.integers(-bound, bound - 1)


@given(st.data())
def test_any_field_of_any_op_comes_back(data):
    arch, key = data.draw(st.sampled_from(KEYS))
    abi = load(arch, key)
    op = data.draw(st.sampled_from(abi.ops))
    layout = abi.layout(op)
    if not layout.fields:
        return
    name = data.draw(st.sampled_from(sorted(layout.fields)))
    offset, code = layout.fields[name]
    value = data.draw(value_for(code))
    buffer = bytearray(layout.size + 3)
    layout.pack_into(buffer, 3, {name: value})
    assert layout.unpack(buffer, 3)[name] == value
    size = {"s": 1}.get(code[-1]) or {"B": 1, "H": 2, "I": 4, "Q": 8}[code[-1].upper()]
    size *= int(code[:-1] or 1)
    assert not any(buffer[: 3 + offset]) and not any(buffer[3 + offset + size :])


@given(st.data())
def test_records_of_any_layout(data):
    arch, key = data.draw(st.sampled_from(KEYS))
    layout = load(arch, key).layout("domctl.getdomaininfo")
    codec = DomainInfoCodec(layout)
    records = data.draw(st.lists(st.binary(min_size=codec.size, max_size=codec.size), max_size=4))
    found = codec.decode(b"".join(records), len(records))
    for raw, record in zip(records, found, strict=True):
        fields = layout.unpack(raw)
        fields["emulation_flags"] = fields.get("arch_config.emulation_flags")
        assert record == DomainInfo(*(fields.get(name) for name in DomainInfo._fields))
        assert record.vcpus >= 0
    with pytest.raises(ProtocolError):
        codec.decode(b"".join(records), len(records) + 1)


@given(RELEASES, st.integers(0, 2**32 - 1))
def test_any_flags_word_can_be_read_and_unknown_reasons_stay_numbers(release, word):
    found = fl.decode_flags(word, release)
    assert found.shutdown_reason == ((word >> 16) & 0xFF if word & 4 else None)
    assert len(fl.state_text(found)) == 6
    again = fl.decode_flags(fl.encode_flags(found, release), release)
    assert again == found
    if found.shutdown_reason is not None and found.shutdown_reason > 5:
        assert fl.reason_name(found.shutdown_reason) == str(found.shutdown_reason)


@pytest.mark.parametrize(
    ("release", "bit", "name"),
    [
        ((4, 4, 0), 7, "pvh"),
        ((4, 8, 0), 7, "pvh"),
        ((4, 9, 0), 7, "xs_domain"),
        ((4, 7, 0), 8, "xs_domain"),
        ((4, 8, 0), 8, "xs_domain"),
        ((4, 9, 0), 8, "hap"),
        ((4, 8, 0), 9, "hap"),
        ((4, 3, 0), 7, None),
        ((4, 6, 0), 8, None),
        ((4, 9, 0), 9, None),
        ((3, 0, 3), 1, None),
        ((3, 0, 4), 1, "hvm"),
        ((3, 1, 0), 6, None),
        ((3, 2, 0), 6, "debugged"),
    ],
)
def test_bits_that_moved(release, bit, name):
    found = fl.decode_flags(1 << bit, release)
    truthy = {key for key, value in found._asdict().items() if value is True}
    assert truthy == ({name} if name else set())


def test_the_last_cpu_is_told_by_the_old_releases_only():
    assert fl.decode_flags(0x0500, (3, 4, 0)).cpu == 5
    assert fl.decode_flags(0x0500, (4, 0, 0)).cpu is None


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (0, "------"),
        (32, "r-----"),
        (16, "-b----"),
        (8 | 16, "-bp---"),
        (4, "---s--"),
        (4 | 3 << 16, "----c-"),
        (1 | 8 | 4 | 1 << 16, "--ps-d"),
        (0xFFFF0020, "r-----"),
    ],
)
def test_state_letters(flags, text):
    assert fl.state_text(fl.decode_flags(flags, (4, 17))) == text


@pytest.mark.parametrize("unlimited", [0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF])
def test_all_ones_of_memory_are_no_limit(unlimited):
    assert pages_to_kib(unlimited) is None
    assert pages_to_kib(3) == 12


@given(st.sets(st.integers(0, 300)), st.integers(1, 300))
def test_cpu_maps(cpus, count):
    size = map_bytes(301)
    data = map_of(cpus, size)
    assert len(data) == size == 40
    assert cpus_of(data) == tuple(sorted(cpus))
    assert cpus_of(data, count) == tuple(sorted(cpu for cpu in cpus if cpu < count))
    assert cpus_of(b"\xff" * size, count) == tuple(range(count))


@pytest.mark.parametrize("cpu", [-1, 64, 10**9, 10**30])
def test_cpus_that_a_map_cannot_hold(cpu):
    with pytest.raises(InvalidInput, match=f"CPU {cpu}"):
        map_of([cpu], 8)


@given(st.integers())
def test_versions(result):
    try:
        major, minor = version.decode_version(result)
    except ProtocolError:
        assert result < 0 or not 2 <= result >> 16 & 0xFFFF <= 99
    else:
        assert (major << 16 | minor) == result & 0xFFFFFFFF


@pytest.mark.parametrize(
    ("text", "point"),
    [(".2-2", 2), (".4-1", 4), (".0", 0), ("-unstable", None), ("", None), (".1234", None)],
)
def test_point_releases_of_3_0(text, point):
    assert version.era_of_3_0(text) == point


@given(st.binary(max_size=200), st.integers(0, 40))
def test_arrays_are_never_read_beyond_their_end(data, count):
    for decode, size in (
        (host.decode_cputopo, 12),
        (host.decode_meminfo, 16),
        (lambda d, n: host.decode_u64s(d, n, "x"), 8),
    ):
        if len(data) >= count * size:
            assert len(decode(data, count)) == count
        else:
            with pytest.raises(ProtocolError):
                decode(data, count)


@given(st.binary(max_size=2200))
def test_arinc653_schedules_of_any_bytes(data):
    try:
        schedule = scheduler.decode_arinc653(data)
    except XenparleyError:
        assert len(data) < scheduler.ARINC653_BYTES or data[8] > 64
    else:
        assert len(schedule.entries) == data[8]


def test_physcaps_by_release():
    assert host.physcap_names(3, (3, 4, 0)) == ("hvm", "hvm_directio")
    assert host.physcap_names(3, (4, 17, 0)) == ("hvm", "pv")
    assert host.physcap_names(0x3FF, (4, 17, 0))[-1] == "gnttab_v2"
    assert host.physcap_names(1, (3, 2, 0)) == ()


def test_a_layout_says_what_it_is():
    layout = Layout("domctl.max_mem 11 8 0 max_memkb@0:Q")
    assert repr(layout) == "<Layout domctl.max_mem, 8 bytes>"
    with pytest.raises(ProtocolError, match="4 bytes, but the layout has 8"):
        layout.unpack(b"1234")
    with pytest.raises(ProtocolError):
        layout.get(b"1234", "max_memkb")
