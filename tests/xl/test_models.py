"""What xl keeps of a guest, as the model: JSON, the notation of 4.1; facts of the host."""

from __future__ import annotations

import json

import pytest

from xenparley.domain.errors import NotFound, OperationFailed, ProtocolError
from xenparley.domain.host import XenVersion
from xenparley_xl.displays import _displays
from xenparley_xl.info import (
    capabilities_of,
    host_info_of,
    parse_claims,
    parse_info,
    parse_numa,
    parse_pool_cpus,
    parse_pools,
    parse_uptime,
)
from xenparley_xl.json_model import config_of
from xenparley_xl.live import parse_long_list
from xenparley_xl.saved import MAGIC, read_head
from xenparley_xl.specs import interface_words
from xenparley_xl.sxp_model import config_of_sxp

# Shapes and values as a real xl 4.17.7 printed them.
REAL = """\
[
    {
        "domid": 0,
        "config": {"c_info": {"type": "pv", "name": "Domain-0"},
                   "b_info": {"max_memkb": 1048576, "target_memkb": 1048575, "type.pv": {}}}
    },
    {
        "domid": 1,
        "config": {
            "c_info": {"type": "pv", "name": "pv one", "domid": 4294967295,
                       "uuid": "11111111-2222-3333-4444-555555555501",
                       "run_hotplug_scripts": "True"},
            "b_info": {"max_memkb": 8192, "target_memkb": 4096, "video_memkb": 0,
                       "sched_params": {"sched": "credit2", "weight": 256, "cap": 0},
                       "claim_mode": "True", "kernel": "/lab/guest/tiny.elf", "cmdline": "idle",
                       "type.pv": {}, "arch_arm": {}, "arch_x86": {"msr_relaxed": "False"}},
            "on_reboot": "restart", "on_crash": "rename_restart", "on_soft_reset": "soft_reset"
        }
    }
]
"""
INFO = """\
host                   : xenlab
release                : 6.1.0-56-amd64
machine                : x86_64
nr_cpus                : 2
nr_nodes               : 1
cores_per_socket       : 2
threads_per_core       : 1
cpu_mhz                : 2445.426
total_memory           : 4095
free_memory            : 3028
cpu_topology           :
cpu:    core    socket     node
  0:       0        0        0
  1:       1        0        0
device topology        :
device           node
No device topology data available
numa_info              :
node:    memsize    memfree    distances
   0:      6144       3028      10
xen_major              : 4
xen_minor              : 17
xen_extra              : .7
xen_version            : 4.17.7
xen_caps               : xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 
xen_scheduler          : credit2
xen_changeset          : 
xen_commandline        : console=com1 dom0_mem=1024M,max:1024M
xend_config_format     : 4
"""  # noqa: W291


def test_a_real_configuration():
    found = parse_long_list(REAL)
    config = config_of(found[1], 1)
    assert (config.name, config.uuid) == ("pv one", "11111111-2222-3333-4444-555555555501")
    assert (config.memory_kib, config.max_memory_kib) == (4096, 8192)
    assert (config.virt, config.boot.kernel, config.boot.cmdline) == (
        "pv",
        "/lab/guest/tiny.elf",
        "idle",
    )
    assert (config.on_reboot, config.on_crash) == ("restart", "rename-restart")
    assert config_of(found[0], 0).name == "Domain-0"
    with pytest.raises(NotFound):
        config_of(None, 9)


def test_an_hvm_guest_with_everything():
    config = config_of(
        {
            "c_info": {"type": "hvm", "name": "win", "uuid": "x", "pool_name": "Pool-1"},
            "b_info": {
                "max_vcpus": 3,
                "avail_vcpus": [0, 1],
                "vcpu_hard_affinity": [[], [0, 1], [2]],
                "max_memkb": 18446744073709551615,
                "target_memkb": 65536,
                "localtime": "True",
                "type.hvm": {
                    "bios": "ovmf",
                    "boot": "dc",
                    "acpi": "False",
                    "viridian": "True",
                    "serial": "pty",
                    "vnc": {
                        "enable": "True",
                        "listen": "0.0.0.0",
                        "display": 7,
                        "findunused": "False",
                        "passwd": "secret",
                    },
                    "spice": {"enable": "True", "port": 6000, "host": "::1"},
                },
            },
            "disks": [
                {
                    "pdev_path": "/a,b.img",
                    "vdev": "hda",
                    "format": "qcow2",
                    "backend": "qdisk",
                    "readwrite": 1,
                },
                {"vdev": "hdc", "is_cdrom": 1, "format": "empty"},
                {"not": "a disk"},
                7,
            ],
            "nics": [
                {
                    "mac": "00:16:3E:00:00:01",
                    "bridge": "br0",
                    "rate_bytes_per_interval": 52428,
                    "rate_interval_usecs": 50000,
                }
            ],
            "pcidevs": [{"func": 3, "dev": 2, "bus": 1, "domain": 0, "permissive": "True"}],
        },
        4,
    )
    assert config.uuid is None
    assert config.vcpus.maximum == 3
    assert config.vcpus.current == 2
    assert [(p.vcpu, p.cpuset) for p in config.vcpus.pins] == [(1, "0,1"), (2, "2")]
    assert config.max_memory_kib is None
    assert config.boot.devices == ("cdrom", "hd")
    assert config.boot.firmware == "efi"
    assert {f.name: f.enabled for f in config.features} == {"acpi": False, "viridian": True}
    assert [(d.target, d.device, d.source.path, d.readonly) for d in config.disks] == [
        ("hda", "disk", "/a,b.img", False),
        ("hdc", "cdrom", None, True),
    ]
    assert config.interfaces[0].mac == "00:16:3e:00:00:01"
    assert config.interfaces[0].rate_kib_s == 1024
    assert str(config.pci[0].address) == "0000:01:02.3"
    assert [(g.type, g.port) for g in config.graphics] == [("vnc", 5907), ("spice", 6000)]
    assert "secret" not in repr(config)
    assert config.cpupool == "Pool-1"


def test_displays():
    held = {
        "b_info": {"type.hvm": {"vnc": {"enable": "True", "findunused": "True"}}},
        "vfbs": [{"vnc": {"enable": "True", "listen": "127.0.0.1", "display": 3}}, "x"],
    }
    assert [(d.type, d.host, d.port) for d in _displays(held)] == [
        ("vnc", None, None),
        ("vnc", "127.0.0.1", 5903),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        "{}",
        '[{"domid": true, "config": {}}]',
        '[{"domid": 1, "config": 7}]',
        "[" * 100_000,
        '[{"domid": 1, "config": ' + '{"a":' * 70 + "1" + "}" * 70 + "}]",
        REAL[:200],
    ],
)
def test_what_is_no_configuration_is_refused(text):
    with pytest.raises(ProtocolError):
        parse_long_list(text)


def test_the_notation_of_4_1():
    text = """(domain
\t(domid 7)
\t(create_info)
\t(hvm 1)
\t(name old guest)
\t(uuid 11111111-2222-3333-4444-555555555501)
\t(xsdata contains:
\t(build_info)
\t(max_vcpus 2)
\t(max_memkb 65536)
\t(target_memkb 32768)
\t(image
\t\t(hvm
\t\t\t(firmware hvmloader)
\t\t)
\t)
\t(device
\t\t(tap
\t\t\t(physpath /dev/vg/old)
\t\t\t(virtpath hda)
\t\t\t(readwrite 0)
\t\t\t(is_cdrom 0)
\t\t)
\t)
\t(device
\t\t(vif
\t\t\t(mac 00163e000001)
\t\t)
\t)
\t(device
\t\t(pci 0000:01:02.3@5)
\t\t(opts msitranslate 0 power_mgmt 0)
\t)
)
"""
    config = config_of_sxp(text, 7)
    assert (config.name, config.virt, config.vcpus.maximum) == ("old guest", "hvm", 2)
    assert (config.memory_kib, config.max_memory_kib) == (32768, 65536)
    assert [(d.target, d.source.path, d.readonly) for d in config.disks] == [
        ("hda", "/dev/vg/old", True)
    ]
    assert config.interfaces[0].mac == "00:16:3e:00:00:01"
    with pytest.raises(NotFound):
        config_of_sxp(text, 8)
    with pytest.raises(ProtocolError):
        config_of_sxp("nothing", 7)


def test_facts_of_a_real_host():
    told = parse_info(INFO)
    info = host_info_of(told)
    assert info.version == XenVersion(4, 17, ".7")
    assert (info.hostname, info.cpus, info.cpu_khz, info.sockets) == ("xenlab", 2, 2445426, 1)
    assert (info.memory_kib, info.free_memory_kib) == (4095 * 1024, 3028 * 1024)
    assert info.scheduler == "credit2"
    assert info.changeset is None
    guests = {(g.virt, g.arch, g.pae) for g in capabilities_of(told).guests}
    assert ("pv", "x86_64", False) in guests
    assert ("hvm", "i686", True) in guests
    assert ("pvh", "x86_64", False) in guests
    (node,) = parse_numa(INFO)
    assert (node.number, node.cpus, node.memory_kib) == (0, (0, 1), 6144 * 1024)
    with pytest.raises(ProtocolError):
        parse_info("host : x\n")


def test_uptime_claims_and_pools():
    uptime = (
        "Name                                ID Uptime\n"
        "Domain-0                             0  0:05:30\n"
        "two words                            1 12 days,  0:02:53\n"
    )
    assert parse_uptime(uptime) == {0: 330, 1: 12 * 86400 + 173}
    claims = (
        "Name                                        ID   Mem VCPUs\tState\tTime(s)  Claimed\n"
        "pv one                                       1     4     1     -b----       0.2     16\n"
    )
    assert parse_claims(claims.replace("\t", " ")) == {1: 16384}
    pools = (
        "Name               CPUs   Sched     Active   Domain count\n"
        "Pool-0               2   credit2       y          4\n"
        "my pool              0    credit       n          0\n"
    )
    assert parse_pools(pools) == [("Pool-0", "credit2", 4), ("my pool", "credit", 0)]
    assert parse_pool_cpus("Name               CPU list\nPool-0             0,1\n") == {
        "Pool-0": (0, 1)
    }


def head(config: bytes, flags: int, order: str = "little") -> bytes:
    data = len(config).to_bytes(4, order) + config
    numbers = (0x01020304, flags, 0, len(data))
    return MAGIC + b"".join(n.to_bytes(4, order) for n in numbers) + data + b"rest"


@pytest.mark.parametrize("order", ["little", "big"])
def test_whose_a_saved_file_is(tmp_path, order):
    uuid = "11111111-2222-3333-4444-555555555501"
    path = tmp_path / "save"
    path.write_bytes(head(json.dumps({"c_info": {"name": "a b", "uuid": uuid}}).encode(), 3, order))
    assert read_head(str(path)) == ("a b", uuid)
    path.write_bytes(head(f'name = "old"\n uuid="{uuid}"\n'.encode(), 1, order))
    assert read_head(str(path)) == ("old", uuid)
    for config in (b"{", b"[]", b'{"c_info": 7}', b""):
        path.write_bytes(head(config, 3, order))
        assert read_head(str(path)) == (None, None)
    for data in (b"", b"x" * 100, MAGIC, MAGIC + b"\0" * 16):
        path.write_bytes(data)
        with pytest.raises(OperationFailed):
            read_head(str(path))


def test_words_for_an_interface():
    from xenparley.domain.config import Interface
    from xenparley.domain.errors import InvalidInput, Unrepresentable

    words = interface_words(
        Interface(source="br0", mac="00:16:3e:00:00:01", ips=("10.0.0.1",), rate_kib_s=1024)
    )
    assert words == ["mac=00:16:3e:00:00:01", "bridge=br0", "ip=10.0.0.1", "rate=1024KB/s"]
    for bad in ("br0,script=/tmp/x", "br 0\n", "a=b", ""):
        with pytest.raises(InvalidInput):
            interface_words(Interface(source=bad))
    with pytest.raises(Unrepresentable):
        interface_words(Interface(type="network", source="default"))
