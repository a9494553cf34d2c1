"""Listing and steering on every release, through the simulated ioctl."""

from __future__ import annotations

import errno

import pytest

from support.hypercall_hosts import SETS, device, handle, session, small_host, soon
from xenparley.domain.errors import (
    AccessRefused,
    InvalidInput,
    InvalidState,
    NotFound,
    OperationFailed,
    ProtocolError,
    Unsupported,
)
from xenparley_hypercall import commands, host, reads, vcpus
from xenparley_hypercall.session import connect
from xenparley_sim.ioctl_model import SimDomain, SimVcpu
from xenparley_wire.abi import version as xenver
from xenparley_wire.abi.flags import decode_flags, state_text

sets = pytest.mark.parametrize("one", SETS, ids=[one.id for one in SETS])
CURRENT = next(one for one in SETS if one.arch == "x86_64" and one.first == (4, 17, 0))
OLD = next(
    one
    for one in SETS
    if (one.arch == "x86_64" and one.first == (3, 4, 0))
    or (one.arch == "x86_64" and one.first == (3, 3, 0))
)


class Host:
    """A session and the host behind it."""

    def __init__(self, one, **options):
        self.host = options.pop("host", None) or small_host(options.pop("sched_id", 5))
        self.session = session(one, self.host, **options)
        self.abi = self.session.abi

    def do(self, job, operation="test", deadline=None):
        return self.session.run(job, deadline=deadline or soon(), operation=operation)

    def info(self, domid):
        return self.do(lambda turn: self.session.reader.one(turn, domid))

    def listing(self):
        return self.do(self.session.reader.listing)


@pytest.fixture
def on():
    opened = []

    def make(one, **options):
        found = Host(one, **options)
        opened.append(found)
        return found

    yield make
    for found in opened:
        found.session.close()


@sets
def test_list(one, on):
    it = on(one)
    found = it.listing()
    assert [record.domain for record in found] == [0, 1, 3, 7, 9]
    by_id = {record.domain: record for record in found}
    assert by_id[1].handle == handle(1)
    assert by_id[1].memory_kib == 131072
    assert by_id[1].max_memory_kib == 262144
    assert by_id[0].max_memory_kib is None
    assert by_id[0].cpu_time == 2 * 10**9
    assert (by_id[3].vcpus, by_id[3].nr_online_vcpus) == (2, 1)
    release = it.abi.release
    states = {n: state_text(decode_flags(r.flags, release)) for n, r in by_id.items()}
    assert states == {0: "r-----", 1: "-b----", 3: "------", 7: "----c-", 9: "--p---"}
    assert decode_flags(by_id[3].flags, release).hvm == (release >= (3, 0, 4))


@sets
def test_one(one, on):
    it = on(one)
    assert it.info(3) in it.listing()
    # Up to 4.17 the hypervisor answers for the next domain.
    for absent in (2, 8, 10):
        with pytest.raises(NotFound):
            it.info(absent)


@sets
def test_pause_and_unpause(one, on):
    it = on(one)
    reader = it.session.reader
    info = it.info(1)
    assert it.do(lambda turn: commands.pause(turn, reader, info)) is True
    assert it.host.guests[1].pauses == 1
    info = it.info(1)
    assert it.do(lambda turn: commands.pause(turn, reader, info)) is False
    assert it.host.guests[1].pauses == 1
    assert it.do(lambda turn: commands.unpause(turn, reader, info)) is True
    assert it.host.guests[1].pauses == 0
    info = it.info(1)
    assert it.do(lambda turn: commands.unpause(turn, reader, info)) is False


@sets
def test_unpause_is_refused_for_what_may_be_half_built_or_has_a_device_model(one, on):
    it = on(one)
    fresh = it.info(9)
    with pytest.raises(Unsupported, match="under construction"):
        it.do(lambda turn: commands.unpause(turn, it.session.reader, fresh))
    it.host.guests[3].pauses = 1
    full = it.info(3)
    if it.abi.release >= (3, 0, 4) and not one.arch.startswith("arm"):
        with pytest.raises(Unsupported, match="device model"):
            it.do(lambda turn: commands.unpause(turn, it.session.reader, full))
        assert it.host.guests[3].pauses == 1


@sets
def test_destroy(one, on):
    it = on(one)
    it.do(lambda turn: commands.destroy(turn, it.abi, 3))
    assert [record.domain for record in it.listing()] == [0, 1, 7, 9]
    with pytest.raises(NotFound):
        it.do(lambda turn: commands.destroy(turn, it.abi, 3))


@sets
def test_max_memory(one, on):
    it = on(one)
    info = it.info(1)
    it.do(lambda turn: commands.set_max_memory(turn, it.abi, info, 200_000))
    assert it.info(1).max_memory_kib == 200_000
    with pytest.raises(InvalidInput, match="holds 131072 KiB"):
        it.do(lambda turn: commands.set_max_memory(turn, it.abi, info, 131071))
    assert it.info(1).max_memory_kib == 200_000


@sets
def test_vcpus_and_affinity(one, on):
    it = on(one)
    first, second = it.do(lambda turn: vcpus.vcpu_infos(turn, it.abi, 3, 2))
    assert (first.online, second.online) == (True, False)
    assert first.cpu_time == 77
    get = lambda: it.do(lambda turn: vcpus.get_affinity(turn, it.abi, 3, 1, 8))  # noqa: E731
    assert get()[0] == tuple(range(8))
    it.do(lambda turn: vcpus.set_affinity(turn, it.abi, 3, 1, 8, hard=[2, 5]))
    hard, soft = get()
    assert hard == (2, 5)
    if it.abi.release >= (4, 5):
        assert soft == tuple(range(8))
        it.do(lambda turn: vcpus.set_affinity(turn, it.abi, 3, 1, 8, soft=[5]))
        assert get() == ((2, 5), (5,))
    else:
        assert soft is None
        with pytest.raises(Unsupported, match="soft"):
            it.do(lambda turn: vcpus.set_affinity(turn, it.abi, 3, 1, 8, soft=[5]))
    with pytest.raises(InvalidInput, match="CPU 99999"):
        it.do(lambda turn: vcpus.set_affinity(turn, it.abi, 3, 1, 8, hard=[99999]))
    with pytest.raises(OperationFailed):
        it.do(lambda turn: vcpus.set_affinity(turn, it.abi, 3, 7, 8, hard=[1]))


@pytest.mark.parametrize("sched_id", [0, 4, 5, 6, 8, 9])
@sets
def test_schedulers(one, on, sched_id):
    from xenparley_wire.abi.scheduler import is_per_vcpu, parameter_names

    it = on(one, sched_id=sched_id)
    assert it.do(lambda turn: host.scheduler_id(turn, it.abi)) == sched_id
    names = parameter_names(it.abi, sched_id)
    if not names:
        assert it.do(lambda turn: vcpus.get_parameters(turn, it.abi, 1, sched_id)) == {}
        return
    wanted = {name: 40 + n for n, name in enumerate(names)}
    if is_per_vcpu(it.abi, sched_id):
        given = [
            vcpus.sched.VcpuParameters(n, {k: v + n for k, v in wanted.items()}) for n in range(2)
        ]
        it.do(lambda turn: vcpus.set_vcpu_parameters(turn, it.abi, 3, sched_id, given))
        got = it.do(lambda turn: vcpus.get_vcpu_parameters(turn, it.abi, 3, sched_id, 2))
        assert list(got) == given
        return
    it.do(lambda turn: vcpus.set_parameters(turn, it.abi, 1, sched_id, wanted))
    assert it.do(lambda turn: vcpus.get_parameters(turn, it.abi, 1, sched_id)) == wanted
    if sched_id == 5:
        it.do(lambda turn: vcpus.set_parameters(turn, it.abi, 1, sched_id, {"weight": 999}))
        got = it.do(lambda turn: vcpus.get_parameters(turn, it.abi, 1, sched_id))
        assert got == {**wanted, "weight": 999}
    with pytest.raises(Unsupported, match="nonsense"):
        it.do(lambda turn: vcpus.set_parameters(turn, it.abi, 1, sched_id, {"nonsense": 1}))


@sets
def test_arinc653(one, on):
    if one.first < (4, 1):
        it = on(one)
        with pytest.raises(Unsupported, match="scheduler_op"):
            it.do(lambda turn: vcpus.arinc653_schedule(turn, it.abi))
        return
    it = on(one, sched_id=7)
    schedule = it.do(lambda turn: vcpus.arinc653_schedule(turn, it.abi))
    assert [entry.handle for entry in schedule.entries][1] == handle(1)
    assert schedule.major_frame == 50_000_000
    other = on(one, sched_id=5)
    with pytest.raises(Unsupported, match="arinc653"):
        other.do(lambda turn: vcpus.arinc653_schedule(turn, other.abi))


@sets
def test_host(one, on):
    it = on(one)
    info = it.do(lambda turn: host.physinfo(turn, it.abi))
    assert (info.nr_cpus, info.nr_nodes, info.cpu_khz) == (8, 2, 2_400_000)
    assert info.total_pages == 1 << 20
    ring = it.do(lambda turn: host.console_ring(turn, it.abi))
    assert ring == b"(XEN) line\n" * 5000
    assert it.do(lambda turn: host.console_ring(turn, it.abi, 100)) == ring[:100]
    version = it.session.found.version
    text = lambda command: it.do(  # noqa: E731
        lambda turn: host.version_text(turn, command, version)
    )
    assert text(xenver.CHANGESET) == "Fri Nov 13"
    assert "hvm-3.0-x86_" in text(xenver.CAPABILITIES)
    if version >= (4, 0):
        # The old form cuts it at 1023 bytes; 4.20 has one that doesn't.
        assert len(text(xenver.COMMANDLINE)) == (1212 if version >= (4, 20) else 1023)
    assert it.do(host.compile_info) == ("gcc 12", "builder", "", "")
    build = it.do(lambda turn: host.build_id(turn, version))
    assert build == (bytes(range(20)).hex() if version >= (4, 7) else None)


@sets
def test_nodes_pools_and_heap(one, on):
    it = on(one)
    heap = lambda node: it.do(  # noqa: E731
        lambda turn: host.available_heap(turn, it.abi, node=node)
    )
    if one.first < (3, 2):
        with pytest.raises(Unsupported):
            heap(0)
    else:
        assert (heap(-1), heap(0), heap(1)) == (3 << 29, 1 << 30, 512 << 20)
    if one.first < (4, 1):
        for job in (host.numa_info, host.cpu_topology):
            with pytest.raises(Unsupported):
                it.do(lambda turn, job=job: job(turn, it.abi))
        with pytest.raises(Unsupported):
            it.do(lambda turn: host.cpupools(turn, it.abi, 8))
        return
    numa = it.do(lambda turn: host.numa_info(turn, it.abi))
    assert numa.nodes == ((2 << 30, 1 << 30), (2 << 30, 512 << 20))
    assert numa.distances == ((10, 20), (20, 10))
    topology = it.do(lambda turn: host.cpu_topology(turn, it.abi))
    assert [cpu.socket for cpu in topology] == [0, 0, 0, 0, 1, 1, 1, 1]
    assert [cpu.core for cpu in topology] == [0, 0, 1, 1, 0, 0, 1, 1]
    (pool,) = it.do(lambda turn: host.cpupools(turn, it.abi, 8))
    assert pool == (0, 5, 5, tuple(range(8)))


@sets
def test_triggers(one, on):
    it = on(one)
    info, plain = it.info(3), it.info(1)
    press = lambda event, who=info: it.do(  # noqa: E731
        lambda turn: commands.trigger(turn, it.abi, who, event)
    )
    release = it.abi.release
    if release >= (3, 4) and not one.arch.startswith("arm"):
        press("power")
        assert it.host.pressed == [(3, 3)]
        with pytest.raises(Unsupported, match="only HVM"):
            press("power", plain)
    elif release < (3, 4):
        with pytest.raises(Unsupported, match=r"3\.4"):
            press("power")
    with pytest.raises(Unsupported, match="nonsense"):
        press("nonsense")


@sets
def test_remote_shutdown(one, on):
    it = on(one)
    if one.first < (3, 0, 3):
        with pytest.raises(Unsupported):
            it.do(lambda turn: commands.remote_shutdown(turn, it.abi, 1, 0))
        return
    it.do(lambda turn: commands.remote_shutdown(turn, it.abi, 1, 1))
    flags = decode_flags(it.info(1).flags, it.abi.release)
    assert (flags.shutdown, flags.shutdown_reason) == (True, 1)


@pytest.mark.parametrize("count", [255, 256, 257, 5000])
def test_a_large_host_in_few_calls(count, on):
    it = on(CURRENT)
    it.host.guests = {n: SimDomain(n * 3, bytes(16), vcpus=[SimVcpu()]) for n in range(count)}
    it.host.guests = {domain.domid: domain for domain in it.host.guests.values()}
    made = []
    it.session._device._before = made.append
    assert [record.domain for record in it.listing()] == [n * 3 for n in range(count)]
    assert len(made) == (1 if count < 256 else 2 if count < 256 + 4096 else 3)


def lying(change):
    """A device whose getdomaininfolist answers are changed on their way."""

    def make(one):
        hypervisor = device(one)
        real = hypervisor._operations._sysctl._ops["getdomaininfolist"]
        hypervisor._operations._sysctl._ops["getdomaininfolist"] = lambda values: change(
            real(values), values, hypervisor
        )
        return connect(soon(), hypervisor, one.arch)

    return make


def more_than_asked(answer, values, hypervisor):
    return {"num_domains": values["max_domains"] + 1}


def the_same_again(answer, values, hypervisor):
    record = hypervisor.memory.read(values["buffer"], 112)
    hypervisor.memory.write(values["buffer"], record * values["max_domains"])
    return {"num_domains": values["max_domains"]}


@pytest.mark.parametrize("change", [more_than_asked, the_same_again])
def test_answers_that_cannot_be_true_end_the_listing(change):
    opened = lying(change)(CURRENT)
    with pytest.raises(ProtocolError):
        opened.run(opened.reader.listing, deadline=soon(), operation="list")
    opened.close()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (errno.EPERM, AccessRefused),
        (errno.EACCES, AccessRefused),
        (errno.ESRCH, NotFound),
        (errno.ENOSYS, Unsupported),
        (errno.EINVAL, OperationFailed),
        (errno.EOVERFLOW, InvalidState),
        (errno.EFAULT, ProtocolError),
    ],
)
def test_refusals_are_told_apart(code, error, on):
    it = on(CURRENT)

    def before(number):
        raise OSError(code, "no")

    it.session._device._before = before
    with pytest.raises(error) as caught:
        it.listing()
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.operation == "test"


def test_pauses_that_others_made_are_counted_by_the_hypervisor(on):
    it = on(CURRENT)
    it.host.guests[1].pauses = 255
    with pytest.raises(InvalidState, match="as often as it can"):
        it.do(lambda turn: turn.act(it.abi.request("domctl.pausedomain", domain=1)))


def test_a_destroy_in_pieces_goes_on_until_it_is_done(on):
    it = on(CURRENT)
    real = it.host.destroy
    left = [3]

    def destroy(domid):
        if left[0]:
            left[0] -= 1
            raise OSError(errno.EAGAIN, "again")
        real(domid)

    it.session._device._operations._domctl._ops["destroydomain"] = lambda domid, values: (
        destroy(domid) or {}
    )
    it.do(lambda turn: commands.destroy(turn, it.abi, 1))
    assert left == [0]
    assert 1 not in it.host.guests


def test_get_domain_state_is_not_asked_for_anybody(on):
    newest = max((one for one in SETS if one.arch == "x86_64"), key=lambda one: one.first)
    it = on(newest)
    version = it.session.found.version
    state = it.do(lambda turn: reads.domain_state(turn, 0, version))
    assert (state.exists, state.control, state.unique_id) == (True, True, 1000)
    for number in (0x7FF0, 0x7FF4, -1, 70000):
        with pytest.raises(NotFound):
            it.do(lambda turn, number=number: reads.domain_state(turn, number, version))
