"""The same commands on several releases at once: the same outcomes, the same observations.

One host is the simulated one in memory, whose channel is the hypervisor itself; the others are
reached as real hosts of their release are. Time stands still but for what each step lets pass.
"""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from attrs import evolve
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from support.simulated_hosts import CONFIG
from support.xenstored import need
from xenparley import connect
from xenparley.domain.errors import OutcomeUnknown, XenparleyError
from xenparley.plugin.registry import Plugins
from xenparley_sim import FrozenClock, Hypervisor, SimulatedXen, plugin_for

#: XenD without definitions, with them, the last one, and xl.
RELEASES = ("3.0.2", "3.1", "4.1", "4.17")
NAMES = ("web", "mail", "db")


def config(name, **more):
    number = NAMES.index(name)
    mac = f"00:16:3e:00:00:{number:02x}"
    return evolve(
        CONFIG,
        name=name,
        uuid=f"0f4e1d2c-3b5a-4978-8c6d-7e8f90a1b3{number:02x}",
        interfaces=(evolve(CONFIG.interfaces[0], mac=mac),),
        on_crash="preserve",
        **more,
    )


class Lives(RuleBasedStateMachine):
    """Guests live alike on every host."""

    HOSTS = tuple((release, "in-process") for release in RELEASES)

    def __init__(self):
        super().__init__()
        self.closing = ExitStack()
        self.hosts = {}
        self.hypervisors = {}
        self.settles = []
        hypervisor = Hypervisor(clock=FrozenClock())
        self.closing.callback(hypervisor.close)
        plugins = Plugins(load=False)
        plugins.register(plugin_for(hypervisor))
        self.hypervisors["sim"] = hypervisor
        self.hosts["sim"] = self.closing.enter_context(connect("sim:", plugins=plugins))
        for release, keeper in self.HOSTS:
            self.add(release, keeper)

    def add(self, release, keeper):
        xen = SimulatedXen(release, clock=FrozenClock(), xenstored=keeper)
        self.closing.enter_context(xen)
        name = f"{release} {keeper}"
        self.settles.append(xen.settle)
        self.hypervisors[name] = xen.hypervisor
        self.hosts[name] = self.closing.enter_context(xen.connect())

    def teardown(self):
        self.closing.close()

    def everywhere(self, command):
        """Do it on every host; all of them do it, or all refuse it for the same reason."""
        told = {release: self._once(host, command) for release, host in self.hosts.items()}
        assert len(set(told.values())) == 1, told
        self.settle()
        self.pass_time(5)

    @staticmethod
    def _once(host, command):
        try:
            outcome = command(host)
        except OutcomeUnknown:
            raise
        except XenparleyError as exc:
            return exc.kind
        return "done" if outcome is None else ("done", outcome.already)

    def pass_time(self, seconds):
        for hypervisor in self.hypervisors.values():
            hypervisor.clock.advance(seconds)
            hypervisor.settle()
        self.settle()

    def settle(self):
        """Have guests take what was written, and the toolstack write what it was told."""
        for settle in self.settles:
            settle()

    def seen(self, host):
        """Return what anybody may see of the guests; domain ids included."""
        return {
            (g.domid, g.uuid, g.name, g.phase, g.reason, g.memory_kib, g.vcpus)
            for g in host.list()
            if g.domid
        }

    @invariant()
    def all_hosts_look_alike(self):
        seen = {release: self.seen(host) for release, host in self.hosts.items()}
        assert all(each == seen["sim"] for each in seen.values()), seen

    @initialize()
    def begin(self):
        self.everywhere(lambda host: host.create(config("web"), wait=False))

    @rule(name=st.sampled_from(NAMES), paused=st.booleans())
    def create(self, name, paused):
        # Domain ids are used up by what xl tries and undoes: nobody tries what must fail.
        if any(d.name == name for d in self.hypervisors["sim"].domains()):
            return
        # Up to 3.0.2 XenD starts a guest at once.
        self.everywhere(lambda host: host.create(config(name), wait=False))
        if paused:
            self.everywhere(lambda host: host.pause(name, wait=False))

    @rule(name=st.sampled_from(NAMES))
    def pause(self, name):
        self.everywhere(lambda host: host.pause(name, wait=False))

    @rule(name=st.sampled_from(NAMES))
    def unpause(self, name):
        self.everywhere(lambda host: host.unpause(name, wait=False))

    @rule(name=st.sampled_from(NAMES))
    def destroy(self, name):
        self.everywhere(lambda host: host.destroy(name, wait=False))

    @rule(name=st.sampled_from(NAMES))
    def shut_down(self, name):
        self.everywhere(lambda host: host.shutdown(name, wait=False))

    @rule(name=st.sampled_from(NAMES))
    def reboot(self, name):
        self.everywhere(lambda host: host.reboot(name, wait=False))

    @rule(name=st.sampled_from(NAMES), mib=st.sampled_from((32, 64, 96)))
    def set_memory(self, name, mib):
        self.everywhere(lambda host: host.set_memory(name, mib * 1024))

    @rule(name=st.sampled_from(NAMES), count=st.sampled_from((1, 2)))
    def set_vcpus(self, name, count):
        self.everywhere(lambda host: host.set_vcpus(name, count))

    @precondition(lambda self: len(self.hypervisors["sim"].domains()) > 1)
    @rule(data=st.data())
    def crash(self, data):
        living = [d.domid for d in self.hypervisors["sim"].domains() if d.domid]
        domid = data.draw(st.sampled_from(living))
        for hypervisor in self.hypervisors.values():
            hypervisor.crash(domid)
        self.pass_time(5)


class LongLives(Lives):
    """The same for longer."""


class RealLives(Lives):
    """The same where real daemons keep XenStore."""

    HOSTS = (("3.1", "xenstored"), ("4.17", "xenstored"), ("4.17", "oxenstored"))


@pytest.fixture
def real_daemons():
    need("xenstored")
    need("oxenstored")


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=6, stateful_step_count=15, deadline=None)
TestLongLives = LongLives.TestCase
TestLongLives.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestLongLives.pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]
TestRealLives = RealLives.TestCase
TestRealLives.settings = settings(max_examples=8, stateful_step_count=20, deadline=None)
TestRealLives.pytestmark = [
    pytest.mark.heavy,
    pytest.mark.timeout(900),
    pytest.mark.usefixtures("real_daemons"),
]
