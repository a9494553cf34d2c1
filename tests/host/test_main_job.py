"""The main job by the public API on the simulated host: describe, define, start, look, steer."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
from attrs import evolve

import xenparley
from xenparley import Phase
from xenparley.domain.config import Boot, Disk, DiskSource, GuestConfig, Loader, Vcpus
from xenparley.domain.errors import (
    AlreadyExists,
    ConfigError,
    InvalidInput,
    InvalidState,
    NotFound,
    Unsupported,
)

PV = GuestConfig(
    name="pv",
    memory_kib=131072,
    max_memory_kib=262144,
    vcpus=Vcpus(maximum=4, current=2),
    boot=Boot(kernel="/boot/vmlinuz"),
    disks=(Disk(target="xvda", source=DiskSource(path="/images/pv")),),
)
HVM = GuestConfig(
    name="hvm",
    memory_kib=131072,
    boot=Boot(virt="hvm", loader=Loader(path="/usr/lib/xen/boot/hvmloader"), devices=("hd",)),
)


@pytest.fixture
def host():
    with xenparley.connect("sim:", timeout=20) as found:
        yield found


def test_a_whole_life(host):
    defined = host.define(PV)
    assert defined.name == "pv"
    assert host.find("pv").phase is Phase.SHUT_OFF
    assert host.config("pv") == evolve(PV, uuid=defined.uuid, autostart=False)

    outcome = host.start("pv")
    assert outcome.reached
    assert outcome.phase is Phase.ACTIVE
    guest = host.find("pv")
    assert (guest.uuid, guest.defined, guest.virt) == (defined.uuid, True, "pv")
    assert (guest.memory_kib, guest.max_memory_kib) == (131072, 262144)
    assert (guest.vcpus, guest.max_vcpus) == (2, 4)
    assert guest.missing == {}
    assert host.config("pv", live=True).domid == guest.domid

    assert host.pause("pv").phase is Phase.PAUSED
    with pytest.raises(InvalidState):
        host.shutdown("pv")
    assert host.unpause("pv").phase is Phase.ACTIVE

    rebooted = host.reboot("pv")
    assert rebooted.guest.uuid == defined.uuid
    assert rebooted.guest.domid != guest.domid

    host.rename("pv", "web")
    assert host.find("web").domid == rebooted.guest.domid

    assert host.shutdown("web").reached
    assert host.find(defined.uuid).phase is Phase.SHUT_OFF
    host.undefine(defined.uuid)
    with pytest.raises(NotFound):
        host.find(defined.uuid)


def test_memory_vcpus_and_scheduling(host):
    host.create(PV)
    host.set_memory("pv", 196608)
    assert host.memory("pv").target_kib == 196608
    with pytest.raises(InvalidInput):
        host.set_memory("pv", 1 << 30)
    host.set_max_memory("pv", 229376)
    assert host.memory("pv").maximum_kib == 229376
    host.set_vcpus("pv", 3)
    assert sum(v.online for v in host.vcpus("pv")) == 3
    host.pin_vcpu("pv", 0, {1})
    assert host.vcpus("pv")[0].affinity == {1}
    host.set_scheduler_parameters("pv", {"weight": 512})
    assert host.scheduler_parameters("pv")["weight"] == 512
    for wrong in (0, -1, True, 1 << 60):
        with pytest.raises(InvalidInput):
            host.set_memory("pv", wrong)


def test_devices(host):
    host.create(PV)
    disk = Disk(target="xvdb", source=DiskSource(path="/images/more"))
    host.attach_device("pv", disk)
    assert "xvdb" in {d.name for d in host.devices("pv")}
    with pytest.raises(AlreadyExists):
        host.attach_device("pv", disk)
    host.detach_device("pv", disk)
    assert "xvdb" not in {d.name for d in host.devices("pv")}
    with pytest.raises(NotFound):
        host.detach_device("pv", disk)


def test_save_and_restore(host, tmp_path):
    image = str(tmp_path / "pv.save")
    first = host.create(PV).guest
    assert host.save("pv", image).reached
    with pytest.raises(NotFound):
        host.find("pv")
    second = host.restore(image, paused=True)
    assert second.phase is Phase.PAUSED
    assert second.guest.uuid == first.uuid or host.find("pv").uuid is not None
    with pytest.raises(InvalidInput):
        host.save("pv", "relative")


def test_events_of_a_life(host):
    with host.events() as stream:
        host.define(PV)
        host.start("pv")
        host.pause("pv")
        host.destroy("pv")
        host.undefine("pv")
        kinds = []
        while "undefined" not in kinds:
            event = stream.get(10)
            assert event is not None, kinds
            kinds.append(event.kind.value)
    for kind in ("defined", "started", "paused", "stopped"):
        assert kinds.count(kind) == 1, kinds


def test_what_should_be(host):
    first = host.ensure_running(PV)
    assert first.phase is Phase.ACTIVE
    assert not first.already
    assert host.ensure_running(PV).already
    assert host.ensure_running("pv").already
    assert host.ensure_paused("pv").phase is Phase.PAUSED
    assert host.ensure_paused("pv").already
    assert host.ensure_running("pv").phase is Phase.ACTIVE
    changed = evolve(PV, description="changed")
    host.ensure_defined(changed)
    assert host.config("pv", live=False).description == "changed"
    assert host.ensure_stopped("pv").reached
    assert host.ensure_stopped("pv").already
    assert host.ensure_paused("pv").phase is Phase.PAUSED
    # Paused guests can't be asked: without leave to destroy that is an error.
    with pytest.raises(InvalidState):
        host.ensure_stopped("pv")
    assert host.ensure_stopped("pv", destroy_after=1).reached
    host.ensure_running("pv")
    host.ensure_absent("pv")
    host.ensure_absent("pv")
    assert host.ensure_stopped("pv").already
    assert [g.domid for g in host.list(all=True)] == [0]


def test_waiting(host):
    host.define(PV)
    threading.Timer(0.1, host.start, ["pv"]).start()
    assert host.wait_for("pv", Phase.ACTIVE, timeout=20).domid is not None
    threading.Timer(0.1, host.ensure_absent, ["pv"]).start()
    seen = host.wait_for("pv", {Phase.ABSENT, Phase.SHUT_OFF}, timeout=20)
    assert seen.domid is None
    with pytest.raises(InvalidInput):
        host.wait_for("pv", ())


def test_bad_configurations_list_everything_that_is_wrong(host):
    wrong = evolve(PV, name="a/b", memory_kib=0, disks=(PV.disks[0], PV.disks[0]))
    with pytest.raises(ConfigError) as caught:
        host.define(wrong)
    assert len(caught.value.problems) >= 3
    assert all(p.place for p in caught.value.problems)
    with pytest.raises(ConfigError):
        host.create(wrong)
    assert len(host.list(all=True)) == 1


def test_names_and_uuids_are_taken_once(host):
    ref = host.define(PV)
    with pytest.raises(AlreadyExists):
        host.define(evolve(HVM, name="pv", uuid="11111111-1111-1111-1111-111111111111"))
    host.start("pv")
    with pytest.raises(AlreadyExists):
        host.create(evolve(HVM, uuid=ref.uuid))
    with pytest.raises(AlreadyExists):
        host.create(evolve(HVM, name="pv"))


def test_domain_0_stays(host):
    for command in (host.destroy, host.shutdown, host.pause, host.reboot):
        with pytest.raises(Unsupported):
            command("Domain-0")
    with pytest.raises(NotFound):
        host.undefine("Domain-0")


def test_autostart_and_host(host):
    host.define(HVM)
    host.set_autostart("hvm", True)
    assert host.find("hvm").autostart is True
    info = host.host_info()
    assert info.version is not None
    assert info.cpus
    assert info.free_memory_kib < info.memory_kib
    assert set(info.sources.values()) == {"sim"}
    assert host.host_capabilities().guests
    assert host.scheduler()
    assert host.console_ring()


def test_many_threads_share_one_host(host):
    failures = []

    def live(number):
        try:
            config = evolve(PV, name=f"g{number}", memory_kib=8192, max_memory_kib=None)
            host.ensure_running(config)
            host.pause(config.name)
            assert host.find(config.name).phase is Phase.PAUSED
            host.ensure_absent(config.name)
        except BaseException as exc:
            failures.append(exc)

    threads = [threading.Thread(target=live, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(host.list(all=True)) == 1


def test_two_hosts_share_nothing(host):
    with xenparley.connect("sim:") as other:
        host.define(PV)
        assert len(other.list(all=True)) == 1


def test_a_persistent_host_is_found_again(tmp_path):
    uri = f"sim:{tmp_path}/host.db"
    with xenparley.connect(uri) as host:
        host.define(PV)
        domid = host.start("pv").guest.domid
    with xenparley.connect(uri) as host:
        assert host.find("pv").domid == domid
        assert host.find("pv").phase is Phase.ACTIVE


def test_a_child_process_is_told_to_connect_again(tmp_path):
    script = tmp_path / "forks.py"
    script.write_text(
        "import os, warnings, xenparley\n"
        "warnings.simplefilter('ignore')\n"
        "host = xenparley.connect('sim:')\n"
        "host.list()\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    try:\n"
        "        host.list()\n"
        "    except xenparley.Unavailable as error:\n"
        "        os._exit(7 if 'fork' in str(error) else 8)\n"
        "    os._exit(9)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7\n"
        "assert len(host.list()) == 1\n"
        "host.close()\n"
    )
    subprocess.run([sys.executable, str(script)], check=True, timeout=60)
