"""Bytes of every pair and architecture, built from the measured layouts alone."""

from __future__ import annotations

import random

import pytest

from support.abi_facts import (
    HYPERCALLS,
    layout_sets,
    need_facts,
    op_struct,
    payload,
    sample,
    separate,
)
from xenparley_wire.abi.domaininfo import DomainInfo, DomainInfoCodec
from xenparley_wire.abi.host import decode_physinfo
from xenparley_wire.abi.scheduler import (
    CREDIT,
    CREDIT2,
    RTDS,
    SCHEDULERS,
    SEDF,
    VcpuParameters,
    decode_parameters,
    decode_vcpu_parameters,
    domain_request,
    encode_vcpu_parameters,
    parameter_names,
    vcpu_request,
)
from xenparley_wire.abi.table import InterfaceKey, load
from xenparley_wire.abi.vcpu import affinity_request, decode_vcpuinfo

SETS = layout_sets()
sets = pytest.mark.parametrize("one", SETS, ids=[one.id for one in SETS])


def abi_of(one):
    return load(one.arch, InterfaceKey(*one.key), one.first)


def test_there_are_facts():
    need_facts()
    assert len(SETS) == 29 + 29 + 19


@sets
def test_every_op_is_known_and_no_other(one):
    abi = abi_of(one)
    assert set(abi.ops) | {op for op in one.ops if op.endswith(".header")} == set(one.ops)


@sets
def test_requests(one):
    abi = abi_of(one)
    for op, layout in one.ops.items():
        if op.endswith(".header") or op == "domctl.schedparam_vcpu":
            continue
        family = op.split(".")[0]
        fields = layout.get("fields", {})
        for group in separate(fields) or [[]]:
            values = {
                name: sample(fields[name][2], fields[name][1], n)
                for n, name in enumerate(group)
                if name != "domain"
            }
            domain = 0x1234 if family == "domctl" else None
            request = abi.request(op, values, domain=domain)
            assert request.data == op_struct(one, op, domain, values), op
            if family in ("sysctl", "domctl"):
                assert request.hypercall == (7 if one.key[2] else HYPERCALLS[family])
                assert request.lead == ()
            else:
                assert request.hypercall == HYPERCALLS[family]
                assert request.lead == ((layout["cmd"],) if "cmd" in layout else ())


@sets
def test_answers(one):
    abi = abi_of(one)
    for op, layout in one.ops.items():
        if op.endswith(".header"):
            continue
        fields = layout.get("fields", {})
        for group in separate(fields):
            values = {
                name: sample(fields[name][2], fields[name][1], n) for n, name in enumerate(group)
            }
            if op == "domctl.schedparam_vcpu":
                got = abi.layout(op).unpack(payload(layout, values))
            else:
                got = abi.answer(op, op_struct(one, op, None, values))
            assert {name: got[name] for name in group} == values, op


@sets
def test_a_list_of_records(one):
    abi = abi_of(one)
    layout = one.ops["domctl.getdomaininfo"]
    codec = DomainInfoCodec(abi.layout("domctl.getdomaininfo"))
    assert codec.size == layout["size"]
    rng = random.Random(one.id)
    wanted, data = [], b""
    for number in range(7):
        values = {}
        for name, (_, size, kind) in layout["fields"].items():
            values[name] = sample(kind, size, rng.randrange(1000) + number)
        data += payload(layout, values)
        emulation = values.get("arch_config.emulation_flags")
        values["emulation_flags"] = emulation
        wanted.append(DomainInfo(*(values.get(name) for name in DomainInfo._fields)))
    assert codec.decode(data, 7) == wanted
    assert codec.decode(data + b"junk", 6) == wanted[:6]


@sets
def test_physinfo(one):
    layout = one.ops["sysctl.physinfo"]
    values = {
        name: sample(kind, size, n)
        for n, (name, (_, size, kind)) in enumerate(layout["fields"].items())
    }
    small = {
        "threads_per_core": 2,
        "cores_per_socket": 4,
        "sockets_per_node": 2,
        "nr_cpus": 16,
        "nr_nodes": 3,
        "max_node_id": 2,
        "max_cpu_id": 15,
    }
    values.update({name: n for name, n in small.items() if name in values})
    info = decode_physinfo(abi_of(one), op_struct(one, "sysctl.physinfo", None, values))
    assert info.nr_cpus == (16 if "nr_cpus" in values else 3 * 2 * 4 * 2)
    assert info.nr_nodes == 3
    for name in ("cpu_khz", "total_pages", "free_pages", "hw_cap", "threads_per_core"):
        assert getattr(info, name) == values[name]
    for name in ("scrub_pages", "outstanding_pages", "max_mfn", "capabilities", "max_cpu_id"):
        assert getattr(info, name) == values.get(name)


@sets
def test_vcpuinfo(one):
    values = {"vcpu": 3, "online": 1, "blocked": 0, "running": 1, "cpu_time": 2**40 + 7, "cpu": 9}
    if one.key[2]:
        values |= {"domain": 5, "cpumap": 0xF0}
    info = decode_vcpuinfo(abi_of(one), op_struct(one, "domctl.getvcpuinfo", None, values))
    assert info == (3, True, False, True, 2**40 + 7, 9, values.get("cpumap"))


@sets
def test_affinity(one):
    op = "domctl.setvcpuaffinity"
    fields = one.ops[op]["fields"]
    request = affinity_request(abi_of(one), op, 7, 2, bits=64, hard=0x5000, soft=None)
    if one.key[2]:
        values = {"vcpu": 2, "cpumap": 0x5000}
    elif "flags" in fields:
        values = {"vcpu": 2, "flags": 1, "cpumap_hard.bitmap": 0x5000, "cpumap_hard.nr_bits": 64}
        both = affinity_request(abi_of(one), op, 7, 2, bits=8, hard=1, soft=2)
        assert both.data == op_struct(
            one,
            op,
            7,
            {
                "vcpu": 2,
                "flags": 3,
                "cpumap_hard.bitmap": 1,
                "cpumap_hard.nr_bits": 8,
                "cpumap_soft.bitmap": 2,
                "cpumap_soft.nr_bits": 8,
            },
        )
    else:
        size = next(name for name in fields if name.startswith("cpumap.nr_"))
        values = {"vcpu": 2, "cpumap.bitmap": 0x5000, size: 64}
    assert request.data == op_struct(one, op, 7, values)


@sets
def test_scheduler_parameters(one):
    abi = abi_of(one)
    op = "domctl.scheduler_op"
    fields = one.ops[op]["fields"]
    tried = 0
    for sched_id in SCHEDULERS:
        names = parameter_names(abi, sched_id)
        given = {name: 100 + n for n, name in enumerate(names)}
        if not names:
            continue
        tried += 1
        prefix = f"u.{SCHEDULERS[sched_id]}."
        assert set(names) == {n[len(prefix) :] for n in fields if n.startswith(prefix)}
        way = "direction" if one.key[2] else "cmd"
        values = {"sched_id": sched_id, way: 0, **{prefix + n: v for n, v in given.items()}}
        assert domain_request(abi, 4, sched_id, given).data == op_struct(one, op, 4, values)
        asked = op_struct(one, op, 4, {"sched_id": sched_id, way: 1})
        assert domain_request(abi, 4, sched_id).data == asked
        assert decode_parameters(abi, sched_id, op_struct(one, op, 4, values)) == given
    assert tried >= 1
    if one.first >= (3, 0, 3):
        only_weight = {"sched_id": 5, "cmd": 0, "u.credit.weight": 512, "u.credit.cap": 0xFFFF}
        assert domain_request(abi, 1, CREDIT, {"weight": 512}).data == op_struct(
            one, op, 1, only_weight
        )
        only_cap = {"sched_id": 5, "cmd": 0, "u.credit.cap": 50}
        assert domain_request(abi, 1, CREDIT, {"cap": 50}).data == op_struct(one, op, 1, only_cap)
    assert ("cap" in parameter_names(abi, CREDIT2)) == (one.first >= (4, 10))
    assert bool(parameter_names(abi, SEDF)) == (one.first < (4, 6))
    assert bool(parameter_names(abi, RTDS)) == (one.first >= (4, 5))


@sets
def test_rtds_parameters_of_each_vcpu(one):
    abi = abi_of(one)
    assert abi.has("domctl.schedparam_vcpu") == (one.first >= (4, 7))
    if one.first < (4, 7):
        return
    layout = one.ops["domctl.schedparam_vcpu"]
    vcpus = [VcpuParameters(n, {"period": 10000 + n, "budget": 4000 + n}) for n in range(3)]
    data = b"".join(
        payload(layout, {"vcpuid": v.vcpu, **{f"u.rtds.{n}": x for n, x in v.parameters.items()}})
        for v in vcpus
    )
    assert encode_vcpu_parameters(abi, RTDS, vcpus) == data
    for got, put in zip(decode_vcpu_parameters(abi, RTDS, data, 3), vcpus, strict=True):
        assert got.vcpu == put.vcpu
        assert put.parameters.items() <= got.parameters.items()
    request = vcpu_request(abi, 6, RTDS, address=0x7000, count=3, setting=True)
    assert request.data == op_struct(
        one,
        "domctl.scheduler_op",
        6,
        {"sched_id": 8, "cmd": 2, "u.v.vcpus": 0x7000, "u.v.nr_vcpus": 3},
    )


def test_constants_of_the_facts():
    from xenparley_hypercall.commands import TRIGGERS
    from xenparley_wire.abi import flags, version

    constants = need_facts()["constants"]["x86_64"]

    def value(name):
        return constants[name][-1]["value"]

    for name, (number, since) in TRIGGERS.items():
        entry = constants[f"XEN_DOMCTL_SENDTRIGGER_{name.upper()}"][0]
        assert (entry["value"], since) == (
            number,
            tuple(int(p) for p in entry["from"].split("-")[0].split(".")[:2]),
        )
    for number, name in flags.SHUTDOWN_REASONS.items():
        assert value(f"SHUTDOWN_{name}") == number
    for name in (
        "extraversion",
        "compile_info",
        "capabilities",
        "changeset",
        "commandline",
        "build_id",
        "get_features",
        "pagesize",
        "guest_handle",
    ):
        assert value(f"XENVER_{name}") == getattr(version, name.upper())
    for number, name in SCHEDULERS.items():
        names = [f"XEN_SCHEDULER_{name.upper()}", f"SCHED_{name.upper()}"]
        assert number in [constants[n][-1]["value"] for n in names if n in constants]
    for label in ("3.0.3", "3.4.0", "4.3.0", "4.4.0", "4.7.0", "4.8.5", "4.9.0", "4.22.0"):
        at = tuple(int(p) for p in label.split("."))
        for bit in ("pvh_guest", "xs_domain", "hap", "debugged", "dying", "paused"):
            word = 0
            for entry in constants[f"XEN_DOMINF_{bit}"]:
                first = tuple(int(p) for p in entry["from"].split("-")[0].split("."))
                last = tuple(int(p) for p in entry["to"].split("-")[0].split("."))
                if first <= at <= last or (at == (3, 0, 3) and bit in ("dying", "paused")):
                    word = entry["value"]
            name = "pvh" if bit == "pvh_guest" else bit
            every = flags.decode_flags(word, at)
            assert getattr(every, name) is bool(word), (label, bit)
