"""The hypervisor model under a frozen clock."""

import pytest

from support.sim_guests import config
from xenparley.domain.config import Disk, Interface, Vcpus
from xenparley.domain.errors import (
    AlreadyExists,
    InvalidInput,
    NotFound,
    OperationFailed,
    Unsupported,
)
from xenparley.domain.identity import DOM0_HANDLE, MAX_DOMID
from xenparley.domain.runstate import RunFlags
from xenparley_sim import FrozenClock, HostFacts, Hypervisor
from xenparley_sim.hardware import vbd_devid


def only(host):
    (guest,) = [d for d in host.domains() if d.domid]
    return guest


def kinds(host, act):
    told = []
    stop = host.observe(lambda change: told.append(change))
    act()
    stop()
    return told


def test_a_new_host_has_domain_0_only(host):
    (dom0,) = host.domains()
    assert (dom0.domid, dom0.handle, dom0.name) == (0, DOM0_HANDLE, "Domain-0")
    assert dom0.flags == RunFlags.RUNNING


@pytest.mark.parametrize("command", ["pause", "destroy", "crash"])
def test_nobody_ends_or_holds_domain_0(host, command):
    with pytest.raises(Unsupported):
        getattr(host, command)(0)
    assert host.domain(0).flags == RunFlags.RUNNING


def test_cpu_time_ticks_while_running_only(host, clock):
    domid = host.create(config()).domid
    assert host.domain(domid).cpu_ns == 0
    clock.advance(2)
    running = host.domain(domid).cpu_ns
    assert running == int(2 * 2 * host.timing.load * 1e9)
    host.pause(domid)
    clock.advance(5)
    assert host.domain(domid).cpu_ns == running
    host.unpause(domid)
    clock.advance(1)
    assert host.domain(domid).cpu_ns > running


def test_a_cap_bounds_cpu_time(host, clock):
    domid = host.create(config()).domid
    host.set_credit(domid, cap=10)
    clock.advance(10)
    assert host.domain(domid).cpu_ns == 1_000_000_000


def test_looking_often_changes_nothing(host, clock):
    domid = host.create(config()).domid
    for _ in range(100):
        clock.advance(0.01)
        host.domain(domid)
    assert host.domain(domid).cpu_ns == pytest.approx(1 * 2 * host.timing.load * 1e9, rel=1e-6)


def test_domain_ids_ascend_and_wrap_past_the_living(host, clock):
    first = host.create(config("a")).domid
    second = host.create(config("b")).domid
    host.destroy(second)
    clock.advance(1)
    third = host.create(config("c")).domid
    assert (first, second, third) == (1, 2, 3)
    with host.change() as tx:
        tx.sql.execute("UPDATE host SET next_domid = ?", (MAX_DOMID,))
    assert host.create(config("last")).domid == MAX_DOMID
    assert host.create(config("wrapped")).domid == 2


def test_memory_follows_the_target_while_running(host, clock):
    domid = host.create(config()).domid
    host.set_target(domid, 131072)
    assert host.domain(domid).memory_kib == 65536
    host.pause(domid)
    clock.advance(60)
    assert host.domain(domid).memory_kib == 65536
    host.unpause(domid)
    clock.advance(32768 / host.timing.balloon_kib_s)
    assert host.domain(domid).memory_kib == pytest.approx(65536 + 32768, abs=2)
    clock.advance(60)
    assert host.domain(domid).memory_kib == 131072


def test_a_target_above_the_maximum_is_refused(host):
    domid = host.create(config()).domid
    with pytest.raises(InvalidInput, match="above the maximum"):
        host.set_target(domid, 131073)


def test_free_memory_is_what_guests_leave(host, clock):
    def free():
        with host.look() as tx:
            return host.free_kib(tx)

    before = free()
    domid = host.create(config()).domid
    assert free() == before - 65536
    host.set_target(domid, 131072)
    assert free() == before - 131072
    clock.advance(10)
    host.set_target(domid, 65536)
    assert free() == before - 131072  # it is free once the guest has given it back
    clock.advance(10)
    assert free() == before - 65536
    host.destroy(domid)
    clock.advance(10)
    assert free() == before


def test_what_is_not_free_can_not_be_had(tmp_path):
    facts = HostFacts(memory_kib=200_000, xen_kib=1000, dom0_kib=100_000)
    host = Hypervisor(facts=facts, clock=FrozenClock())
    domid = host.create(config()).domid
    with pytest.raises(OperationFailed, match="not enough free memory"):
        host.create(config("second"))
    with pytest.raises(OperationFailed, match="not enough free memory"):
        host.set_target(domid, 131072)
    assert len(host.domains()) == 2
    host.close()


def test_shutdown_goes_through_its_stages(host, clock):
    domid = host.create(config()).domid

    def steps():
        host.request(domid, "poweroff")
        clock.advance(host.timing.obey)
        held = host.domain(domid)
        assert (held.flags, held.reason) == (RunFlags.SHUTDOWN, 0)
        clock.advance(host.timing.linger)
        dying = host.domain(domid)
        assert dying.flags == RunFlags.SHUTDOWN | RunFlags.DYING | RunFlags.PAUSED
        assert dying.reason == 0
        with host.look() as tx:
            assert tx.by_name("web") == []
            assert len(tx.by_handle(dying.handle)) == 1
        clock.advance(host.timing.dying)
        assert host.domain(domid) is None

    told = kinds(host, steps)
    assert [c.kind for c in told] == ["requested", "shutdown", "dying", "stopped"]
    assert told[-1].detail == "poweroff"
    assert [c.at for c in told] == sorted(c.at for c in told)


def test_everything_due_is_carried_out_at_its_own_time(host, clock):
    domid = host.create(config(on_poweroff="restart")).domid
    start = clock.now()
    host.request(domid, "poweroff")
    told = kinds(host, lambda: (clock.advance(1000), host.settle()))
    assert [c.kind for c in told] == ["shutdown", "dying", "stopped", "started"]
    timing = host.timing
    expected = start + timing.obey + timing.linger + timing.dying
    assert told[-1].at == pytest.approx(expected)
    assert only(host).started == pytest.approx(expected)
    assert only(host).cpu_ns == pytest.approx((clock.now() - expected) * 0.5e9, rel=1e-6)


def test_a_paused_guest_answers_once_it_runs_again(host, clock):
    domid = host.create(config()).domid
    host.pause(domid)
    host.request(domid, "poweroff")
    clock.advance(100)
    assert host.domain(domid).flags == RunFlags.PAUSED
    host.unpause(domid)
    clock.advance(host.timing.obey)
    assert host.domain(domid).reason == 0


def test_a_withdrawn_request_is_forgotten(host, clock):
    domid = host.create(config()).domid
    host.request(domid, "poweroff")
    host.request(domid, None)
    clock.advance(100)
    assert host.domain(domid).runs


def test_a_stubborn_guest_leaves_the_request(host, clock):
    domid = host.create(config()).domid
    host.set_obedient(domid, False)
    host.request(domid, "poweroff")
    clock.advance(100)
    assert host.domain(domid).runs
    assert host.domain(domid).request == "poweroff"
    host.set_obedient(domid, True)
    clock.advance(100)
    assert host.domain(domid) is None


def test_a_word_that_guests_do_not_know_stays(host, clock):
    domid = host.create(config()).domid
    host.request(domid, "crash")
    clock.advance(100)
    assert host.domain(domid).runs
    assert host.domain(domid).request == "crash"


def test_reboot_brings_another_id_and_the_same_handle(host, clock):
    old = host.create(config())
    host.request(old.domid, "reboot")
    clock.advance(1)
    new = only(host)
    assert new.domid != old.domid
    assert (new.handle, new.name, new.phase) == (old.handle, old.name, old.phase)
    assert host.config(new.domid).interfaces == host.config(new.domid).interfaces
    assert len(host.hardware(new.domid).devices) == 4


@pytest.mark.parametrize(
    ("action", "ids", "cores"),
    [
        ("destroy", [], 0),
        ("restart", [2], 0),
        ("preserve", [1], 0),
        ("rename-restart", [1, 2], 0),
        ("coredump-destroy", [], 1),
        ("coredump-restart", [2], 1),
    ],
)
def test_what_follows_a_crash(host, clock, action, ids, cores):
    host.create(config(on_crash=action))
    host.crash(1)
    assert host.domain(1).flags == RunFlags.SHUTDOWN
    clock.advance(10)
    assert [d.domid for d in host.domains() if d.domid] == ids
    with host.look() as tx:
        (found,) = tx.sql.execute("SELECT count(*) FROM files WHERE kind = 'core'").fetchone()
    assert found == cores


def test_rename_restart_keeps_the_handle_twice(host, clock):
    old = host.create(config(on_crash="rename-restart"))
    host.crash(old.domid)
    clock.advance(1)
    kept, new = host.domain(1), host.domain(2)
    assert kept.handle == new.handle == old.handle
    assert (kept.name, new.name) == ("web-1", "web")
    assert kept.reason == 3
    assert new.runs


def test_pauses_are_counted_to_255(host):
    domid = host.create(config()).domid
    for _ in range(255):
        host.pause(domid)
    with pytest.raises(InvalidInput, match="255"):
        host.pause(domid)
    for _ in range(255):
        host.unpause(domid)
    with pytest.raises(InvalidInput, match="not paused"):
        host.unpause(domid)


def test_destroy_leaves_no_shutdown_flag(host, clock):
    domid = host.create(config()).domid
    host.destroy(domid)
    assert host.domain(domid).flags == RunFlags.DYING | RunFlags.PAUSED
    clock.advance(1)
    with pytest.raises(NotFound):
        host.pause(domid)


def test_the_same_name_or_uuid_lives_once_unless_forced(host):
    first = host.create(config())
    with pytest.raises(AlreadyExists):
        host.create(config())
    with pytest.raises(AlreadyExists):
        host.create(config("other", uuid=first.handle))
    second = host.create(config(uuid=first.handle), even_twice=True)
    with host.look() as tx:
        assert [d.domid for d in tx.by_handle(first.handle)] == [first.domid, second.domid]
        assert len(tx.by_name("web")) == 2


def test_devices_connect_once_the_guest_has_run(host, clock):
    domid = host.create(config(), paused=True).domid
    (disk,) = [d for d in host.hardware(domid).devices if d.name == "xvda"]
    clock.advance(1)
    assert disk.states(host.domain(domid).cpu_ns, ended=False) == (1, 2)
    host.unpause(domid)
    clock.advance(1)
    assert disk.states(host.domain(domid).cpu_ns, ended=False) == (4, 4)


def test_devices_come_and_go_with_the_configuration(host):
    domid = host.create(config()).domid
    host.attach(domid, Disk(target="xvdc"))
    with pytest.raises(AlreadyExists):
        host.attach(domid, Disk(target="xvdc"))
    assert [d.target for d in host.config(domid).disks] == ["xvda", "xvdb", "xvdc"]
    host.detach(domid, Disk(target="xvda"))
    assert [d.target for d in host.config(domid).disks] == ["xvdb", "xvdc"]
    host.attach(domid, Interface(mac="00:16:3E:AA:BB:CC"))
    host.detach(domid, Interface(mac="00:16:3e:aa:bb:cc"))
    assert len(host.config(domid).interfaces) == 1
    with pytest.raises(NotFound):
        host.detach(domid, Interface())


@pytest.mark.parametrize(
    ("target", "devid"),
    [
        # Linux major and minor numbers; from the 17th disk on Xen's extended numbering.
        ("xvda", 51712),
        ("xvdb1", 51729),
        ("xvdq", 268439552),
        ("hda", 768),
        ("hdc", 5632),
        ("hdd1", 5697),
        ("sda", 2048),
        ("sdb2", 2066),
        ("disk1", None),
        ("xvd", None),
        ("xvda/../b", None),
    ],
)
def test_device_numbers(target, devid):
    assert vbd_devid(target) == devid


@pytest.mark.parametrize(
    "changes",
    [
        {"memory_kib": 0},
        {"memory_kib": 1 << 60, "max_memory_kib": 1 << 60},
        {"memory_kib": 131073},
        {"vcpus": Vcpus(maximum=0)},
        {"vcpus": Vcpus(maximum=1, current=2)},
        {"vcpus": Vcpus(maximum=2, cpuset="900")},
        {"vcpus": Vcpus(maximum=2, cpuset="1-,")},
        {"on_crash": "explode"},
        {"name": "a/b"},
        {"uuid": DOM0_HANDLE},
        {"uuid": "nothing"},
        {"disks": (Disk(target="../../etc"),)},
    ],
)
def test_what_makes_no_guest_is_refused_and_leaves_nothing(host, changes):
    with pytest.raises(InvalidInput):
        host.create(config(**changes))
    with pytest.raises(InvalidInput):
        host.define(config(**changes))
    assert len(host.domains()) == 1
    assert host.definitions() == []


def test_observers_hear_everything_in_order_though_one_fails(host, clock, caplog):
    def failing(change):
        raise RuntimeError("observer")

    stop = host.observe(failing)
    told = kinds(host, lambda: (host.create(config()), host.pause(1), host.unpause(1)))
    stop()
    assert [c.kind for c in told] == ["started", "paused", "unpaused"]
    assert [c.seq for c in told] == sorted(c.seq for c in told)
    assert "observer of the simulated host failed" in caplog.text


def test_an_observer_may_act_itself(host, clock):
    told = []

    def pausing(change):
        told.append(change.kind)
        if change.kind == "started":
            host.pause(change.domid)

    stop = host.observe(pausing)
    host.create(config())
    stop()
    assert told == ["started", "paused"]
    assert host.domain(1).flags == RunFlags.PAUSED


def test_defined_started_saved_restored_undefined(host, clock):
    uuid = host.define(config()).uuid
    first = host.start(uuid)
    assert first.handle == uuid
    with pytest.raises(AlreadyExists):
        host.start(uuid)
    host.save(first.domid, "/save/web")
    clock.advance(1)
    second = host.restore("/save/web")
    assert (second.domid, second.handle) == (first.domid + 1, uuid)
    with pytest.raises(AlreadyExists):
        host.save(second.domid, "/save/web")
    host.undefine(uuid)
    assert host.domain(second.domid).runs
    for act in (host.undefine, host.start):
        with pytest.raises(NotFound):
            act(uuid)


@pytest.mark.parametrize("path", ["relative", "/a/../b", "/a/", "", "/a\0b", "/" + "x" * 5000])
def test_paths_on_the_simulated_host(host, path):
    domid = host.create(config()).domid
    with pytest.raises(InvalidInput):
        host.save(domid, path)
    with pytest.raises(InvalidInput):
        host.restore(path)
    assert host.domain(domid).runs
