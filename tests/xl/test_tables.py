"""xl's tables: as a real xl 4.17 printed them, and as older releases did."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xenparley.domain.errors import ProtocolError
from xenparley.domain.runstate import RunFlags
from xenparley_xl.device_names import disk_name, disk_number
from xenparley_xl.tables import (
    cpu_set,
    parse_block_list,
    parse_list,
    parse_network_list,
    parse_pci_list,
    parse_scheduler,
    parse_vcpu_list,
)

# Captured from xl 4.17.7.
LIST_V = """\
Name                                        ID   Mem VCPUs\tState\tTime(s)   UUID                            Reason-Code\tSecurity Label
Domain-0                                     0  1024     2     r-----     298.5 00000000-0000-0000-0000-000000000000        -                -
pv one                                       1     4     1     -b----       0.2 11111111-2222-3333-4444-555555555501        -                -
crashed                                      2     4     1     ---sc-       0.0 c0d7bfef-9959-4091-8f2d-40f67c7178e0        3                -
21                                           3     4     1     --p---       0.0 daa5b855-3fba-4369-bce9-8196693efea3        -                -
"""  # noqa: E501
VCPU_LIST = """\
Name                                ID  VCPU   CPU State   Time(s) Affinity (Hard / Soft)
Domain-0                             0     0    0   -b-     173.2  all / all
Domain-0                             0     1    1   r--     155.0  all / all
pv one                               1     0    0   -b-       0.2  0-1 / all
pv one                               1     1    -   --p       0.0  1 / all
"""
CREDIT2 = "Name                                ID Weight  Cap\npv one                               1    256    0\n"  # noqa: E501
BLOCK_LIST = """\
Vdev  BE  handle state evt-ch ring-ref BE-path                       
51712 0   3      4     7      8        /local/domain/0/backend/vbd/3/51712
51728 0   3      6     -1     -1       /local/domain/0/backend/qdisk/3/51728
"""  # noqa: W291
NETWORK_LIST = """\
Idx BE Mac Addr.         handle state evt-ch   tx-/rx-ring-ref BE-path                       
0   0  00:16:3e:01:02:03     0     4     -1   522/523         /local/domain/0/backend/vif/3/0
"""  # noqa: W291
HEAD_41 = "Name                                        ID   Mem VCPUs\tState\tTime(s)\n"


def test_a_real_table():
    rows = parse_list(LIST_V)
    assert [row.name for row in rows] == ["Domain-0", "pv one", "crashed", "21"]
    assert [row.domid for row in rows] == [0, 1, 2, 3]
    assert rows[1].memory_kib == 4096
    assert rows[1].flags == RunFlags.BLOCKED
    assert rows[0].cpu_time_ns == 298_500_000_000
    assert (rows[2].flags, rows[2].reason) == (RunFlags.SHUTDOWN, 3)
    assert (rows[3].flags, rows[3].reason) == (RunFlags.PAUSED, None)
    assert rows[2].uuid == "c0d7bfef-9959-4091-8f2d-40f67c7178e0"


@pytest.mark.parametrize(
    ("letters", "flags", "reason"),
    [
        ("------", RunFlags.NONE, None),
        ("---s--", RunFlags.SHUTDOWN, None),
        ("---sr-", RunFlags.SHUTDOWN, 1),
        ("---ss-", RunFlags.SHUTDOWN, 2),
        ("--psc-", RunFlags.PAUSED | RunFlags.SHUTDOWN, 3),
        ("---sw-", RunFlags.SHUTDOWN, 4),
        ("---sS-", RunFlags.SHUTDOWN, 5),
        ("---s?-", RunFlags.SHUTDOWN, None),
        ("--p-cd", RunFlags.PAUSED | RunFlags.DYING, None),
        ("-bp---", RunFlags.BLOCKED | RunFlags.PAUSED, None),
        ("--ps-d", RunFlags.PAUSED | RunFlags.SHUTDOWN | RunFlags.DYING, None),
    ],
)
def test_state_letters(letters, flags, reason):
    text = HEAD_41 + f"{'a':<40} {5:>5} {64:>5} {1:>5}     {letters}  {1.5:>8.1f}\n"
    (row,) = parse_list(text)
    assert (row.flags, row.reason) == (flags, reason)
    assert row.uuid is None


def test_a_reason_is_read_from_its_code_where_there_is_one():
    uuid = "11111111-2222-3333-4444-555555555501"
    text = HEAD_41 + f"{'a':<40} {5:>5} {64:>5} {1:>5}     ---s?-  {1.5:>8.1f} {uuid} {'1f':>8} -\n"
    assert parse_list(text)[0].reason == 0x1F
    assert parse_list(text.replace("?", "-").replace("1f -", " 0 -"))[0].reason == 0


def line(name: str, domid: int) -> str:
    return (
        f"{name:<40} {domid:>5} {64:>5} {1:>5}     -b----  {1.5:>8.1f} "
        f"11111111-2222-3333-4444-{domid:012d} {'-':>8} {'-':>16}\n"
    )


@given(
    st.lists(
        st.text(
            st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=60
        ).map(lambda name: name.rstrip(" ")),
        max_size=8,
    )
)
def test_any_name_is_read_back(names):
    text = HEAD_41 + "".join(line(name, number) for number, name in enumerate(names))
    rows = parse_list(text)
    assert [row.domid for row in rows] == list(range(len(names)))
    assert [row.name for row in rows] == [None if name == "(null)" else name for name in names]


def test_a_name_that_looks_like_a_row_is_a_name():
    name = line("inner", 7).rstrip("\n")
    (row,) = parse_list(HEAD_41 + line(name, 9))
    assert (row.domid, row.name) == (9, name)


def test_a_name_with_a_line_end_is_put_together():
    rows = parse_list(HEAD_41 + line("first\nsecond", 3) + line("next", 4))
    assert [(row.domid, row.name) for row in rows] == [(3, "first\nsecond"), (4, "next")]


def test_a_name_that_forges_a_row_is_found_out():
    forged = line("x", 1) + "y"
    with pytest.raises(ProtocolError, match="order"):
        parse_list(HEAD_41 + line("first", 5) + line(forged, 6))


def test_warnings_before_the_table_are_let_pass():
    assert len(parse_list("libxl: warning: something\n" + LIST_V)) == 4


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00garbage",
        HEAD_41 + "half of a row    3   \n",
        HEAD_41 + line("a", 40000),
        HEAD_41 + "x" * 20000,
        LIST_V[: len(LIST_V) - 150],
        HEAD_41 + line("a", 3) + line("b", 3),
    ],
)
def test_what_is_no_table_is_refused(text):
    with pytest.raises(ProtocolError):
        parse_list(text)


def test_virtual_cpus():
    rows = parse_vcpu_list(VCPU_LIST, 1)
    assert [(r.number, r.online, r.cpu) for r in rows] == [(0, True, 0), (1, False, None)]
    assert [(r.affinity, r.soft) for r in rows] == [("0-1", "all"), ("1", "all")]
    assert parse_vcpu_list(VCPU_LIST, 0)[1].cpu_time_ns == 155_000_000_000
    assert parse_vcpu_list(VCPU_LIST, 9) == []
    with pytest.raises(ProtocolError):
        parse_vcpu_list("half", 1)
    with pytest.raises(ProtocolError):
        parse_vcpu_list(VCPU_LIST.replace(" 1     0    0", " 1     5    0"), 1)


def test_virtual_cpus_before_4_5():
    text = (
        "Name                                ID  VCPU   CPU State   Time(s) CPU Affinity\n"
        "two words                            4     0    1   r--       1.2  any cpu\n"
        "two words                            4     1    -   --p       0.0  0,2-3\n"
    )
    rows = parse_vcpu_list(text, 4)
    assert [r.affinity for r in rows] == ["any cpu", "0,2-3"]
    assert [r.soft for r in rows] == [None, None]


def test_sets_of_cpus():
    assert cpu_set("all", 4) == frozenset(range(4))
    assert cpu_set("all", None) is None
    assert cpu_set("0,2-3,7", 8) == frozenset({0, 2, 3, 7})
    assert cpu_set("none", 8) is None


def test_schedulers():
    assert parse_scheduler(CREDIT2, 1) == {"weight": 256, "cap": 0}
    rtds = "Name                                ID    Period    Budget  Extratime\nx  1 2 9     10000      4000        yes\n"  # noqa: E501
    assert parse_scheduler(rtds, 9) == {"period": 10000, "budget": 4000}
    plain = "Name                                ID    Period    Budget\nx 1                                9     10000      4000\n"  # noqa: E501
    assert parse_scheduler(plain, 9) == {"period": 10000, "budget": 4000}
    with pytest.raises(ProtocolError):
        parse_scheduler(CREDIT2, 2)


def test_devices():
    disks = parse_block_list(BLOCK_LIST)
    assert [(d.devid, d.backend_domid, d.state) for d in disks] == [(51712, 0, 4), (51728, 0, 6)]
    (nic,) = parse_network_list(NETWORK_LIST)
    assert (nic.devid, nic.mac, nic.state) == (0, "00:16:3e:01:02:03", 4)
    assert parse_pci_list("") == []
    (pci,) = parse_pci_list("Vdev Device\n05.0 0000:01:00.3\n")
    assert pci.address == "0000:01:00.3"
    for parse, text in (
        (parse_block_list, "Vdev\nhalf"),
        (parse_network_list, ""),
        (parse_pci_list, "x"),
    ):
        with pytest.raises(ProtocolError):
            parse(text)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("xvda", 51712),
        ("xvdb", 51728),
        ("xvda3", 51715),
        ("xvdq", 1 << 28 | 16 << 8),
        ("hda", 768),
        ("hdc", 5632),
        ("sda1", 2049),
        ("fda", 512),
    ],
)
def test_names_of_disks(name, number):
    assert disk_number(name) == number
    assert disk_name(number) == name


@given(st.integers(0, 700), st.integers(0, 255))
def test_numbers_of_xen_disks_come_back(disk, part):
    number = 1 << 28 | disk << 8 | part
    name = disk_name(number)
    again = disk_number(name)
    # Small ones have a number of the older kind too.
    assert again == (number if disk >= 16 or part >= 16 else 202 << 8 | disk << 4 | part)
