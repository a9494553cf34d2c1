"""The host as embedders see it, all channels negotiated, on Xen 4.17: what is said and done.

Each observation is checked against tools that owe nothing to xenparley.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import xenparley
from real_xen.channels import Mapped
from real_xen.guests import KERNELS, Guest, Guests, until
from real_xen.looks import command, xc_domains, xenstore_list, xenstore_read, xl_list
from xenparley import Capability
from xenparley.application.events import EventStream
from xenparley.domain.config import Boot, GuestConfig, Vcpus
from xenparley.domain.errors import (
    AlreadyExists,
    AmbiguousGuest,
    DeadlineExceeded,
    InvalidState,
    NotFound,
    Unsupported,
    XenparleyError,
)
from xenparley.domain.events import EventKind
from xenparley.domain.guest import Field
from xenparley.domain.lifecycle import Phase
from xenparley.domain.runstate import RunFlags
from xenparley_cli.entry import main

pytestmark = [pytest.mark.real_xen, pytest.mark.timeout(480)]

PATIENCE = 180.0
NAMES = ("two words", "ä → ß", "-semi;'x\"")


@pytest.fixture(scope="module")
def host(dom0: None) -> Iterator[xenparley.Host]:
    with xenparley.connect("xen:///", timeout=PATIENCE) as connected:
        yield connected


@pytest.fixture(scope="module")
def standing(dom0: None) -> Iterator[dict[str, Guest]]:
    """Paused guests with odd names, one of them named like another one's domain id."""
    with Guests() as made:
        found = [made.tiny(paused=True, name=name) for name in NAMES]
        found.append(made.tiny(paused=True, name=str(found[0].domid)))
        yield {guest.name: guest for guest in found}


def tiny(guests: Guests, name: str, words: str = "idle", **more: object) -> GuestConfig:
    """Return the configuration of a tiny guest that goes when the test ends."""
    return guests.adopt(
        GuestConfig(
            name=name,
            uuid=str(uuid.uuid4()),
            memory_kib=4096,
            boot=Boot(kernel=str(KERNELS / "tiny.elf"), cmdline=words),
            **more,  # type: ignore[arg-type]
        )
    )


def undefined(host: xenparley.Host, config: GuestConfig) -> None:
    """Take a definition away, if there still is one."""
    with contextlib.suppress(NotFound):
        host.undefine(xenparley.GuestRef(uuid=config.uuid))


def agree(host: xenparley.Host) -> None:
    """Check our listing against xl's table, XenStore's client and Xen's own binding."""
    listing = host.list()
    table, records = xl_list(), xc_domains()
    assert {g.domid for g in listing} == set(table) == set(records)
    for guest in listing:
        assert guest.domid is not None
        row, record = table[guest.domid], records[guest.domid]
        assert guest.name == row.name == xenstore_read(f"/local/domain/{guest.domid}/name")
        assert guest.uuid == row.uuid == str(uuid.UUID(bytes=bytes(record["handle"])))
        assert guest.memory_kib == record["mem_kb"]
        assert guest.max_memory_kib in (record["maxmem_kb"], -1)
        assert guest.vcpus == row.vcpus == record["online_vcpus"]
        assert guest.max_vcpus == record["max_vcpu_id"] + 1
        assert guest.state is not None
        assert bool(guest.state & RunFlags.PAUSED) == bool(record["paused"]) == ("p" in row.state)
        assert bool(guest.state & RunFlags.DYING) == bool(record["dying"])
        assert bool(guest.state & RunFlags.SHUTDOWN) == bool(record["shutdown"])
        if guest.state & RunFlags.SHUTDOWN:
            assert guest.reason == record["shutdown_reason"]


class Heard:
    """What a stream tells, gathered by a thread."""

    def __init__(self, stream: EventStream) -> None:
        self._stream = stream
        self._told: list[tuple[EventKind, str | None, int | None, str | None]] = []
        self._thread = threading.Thread(target=self._listen)

    def __enter__(self) -> Heard:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._thread.join(60)

    def _listen(self) -> None:
        for event in self._stream:
            guest = event.guest
            self._told.append(
                (
                    event.kind,
                    guest.uuid if guest else None,
                    guest.domid if guest else None,
                    event.detail,
                )
            )

    def of(self, identity: str | None) -> list[tuple[EventKind, int | None, str | None]]:
        return [(kind, domid, why) for kind, who, domid, why in self._told if who == identity]

    def wait(self, identity: str | None, *kinds: EventKind) -> None:
        """Wait until these kinds were told of a guest, in this order, others between them."""

        def told() -> bool:
            rest = iter([kind for kind, _, _ in self.of(identity)])
            return all(kind in rest for kind in kinds)

        try:
            until(f"told of {[kind.value for kind in kinds]}", told, 60)
        except AssertionError as exc:
            raise AssertionError(f"{exc}; heard {self._told}") from exc


def test_the_listing_is_what_every_other_tool_says(
    host: xenparley.Host, standing: dict[str, Guest]
) -> None:
    agree(host)
    for name, guest in standing.items():
        found = host.find(name, by="name")
        assert (found.domid, found.uuid, found.phase) == (guest.domid, guest.uuid, Phase.PAUSED)
        assert host.find(guest.uuid).name == name
        assert host.find(guest.domid).name == name
        assert found.sources[Field.STATE] == "hypercall"
        assert found.sources[Field.NAME] == "xenstore"
        assert found.virt == "pv"
        assert found.defined is False
    digits = str(standing[NAMES[0]].domid)
    with pytest.raises(AmbiguousGuest):
        host.find(digits)
    assert host.find(digits, by="id").name == NAMES[0]
    with pytest.raises(NotFound):
        host.find("nobody")


def test_each_question_goes_where_it_belongs(host: xenparley.Host) -> None:
    states = {channel.name: channel for channel in host.channels()}
    for name in ("hypercall", "xenstore", "xl", "xm"):
        assert states[name].state == "available", states[name].reason
    assert states["xend"].state == "unavailable"
    assert states["xend"].reason
    listing = host.explain(Capability.LIST_LIVE)
    assert [channel for channel, _ in listing.chosen] == ["hypercall", "xenstore"]
    assert dict(listing.chosen)["xenstore"] == (Field.NAME,)
    assert not listing.missing
    for capability in (Capability.START, Capability.CREATE, Capability.DESTROY, Capability.SAVE):
        assert [channel for channel, _ in host.explain(capability).chosen] == ["xl"], capability
    assert host.explain(Capability.LIST_DEFINED).chosen == (("xm", ()),)


def test_the_life_of_a_defined_guest(
    host: xenparley.Host, guests: Guests, request: pytest.FixtureRequest
) -> None:
    config = tiny(guests, "a whole life")
    request.addfinalizer(lambda: undefined(host, config))
    told, polled = Heard(host.events()), Heard(host.events(poll=0.3))
    with told, polled:
        ref = host.define(config)
        assert host.find("a whole life").phase is Phase.SHUT_OFF
        assert len(command("grep", "-rlF", '"a whole life"', "/etc/xen").splitlines()) == 1
        assert config.uuid not in {row.uuid for row in xl_list().values()}
        born = host.start("a whole life", paused=True)
        assert (born.reached, born.phase, born.channel) == (True, Phase.PAUSED, "xl")
        domid = born.guest.domid
        assert domid is not None
        row = xl_list()[domid]
        assert (row.name, row.uuid, row.memory, row.vcpus) == ("a whole life", config.uuid, 4, 1)
        assert "p" in row.state
        assert host.start(ref, paused=True).already
        with pytest.raises(InvalidState, match="paused"):
            host.shutdown(ref)
        assert host.unpause(ref).reached
        assert not xc_domains()[domid]["paused"]
        assert host.pause(ref).reached
        assert xc_domains()[domid]["paused"]
        assert host.pause(ref).already
        assert host.unpause(ref).reached
        agree(host)
        again = host.reboot(ref)
        assert again.reached
        assert again.guest.domid not in (None, domid)
        assert domid not in xl_list()
        host.wait_for(ref, Phase.ACTIVE)
        assert xl_list()[again.guest.domid].uuid == config.uuid
        over = host.shutdown(ref)
        assert over.reached
        until("xl forgot it", lambda: again.guest.domid not in xl_list())
        assert host.find(ref).phase is Phase.SHUT_OFF
        assert host.start(ref).phase is Phase.ACTIVE
        killed = host.destroy(ref)
        assert (killed.reached, killed.phase, killed.channel) == (True, Phase.SHUT_OFF, "xl")
        assert config.uuid not in {row.uuid for row in xl_list().values()}
        assert config.uuid not in xenstore_list("/vm")
        host.undefine(ref)
        with pytest.raises(NotFound):
            host.find("a whole life")
        kind = EventKind
        life = (kind.STARTED, kind.STOPPED) * 3
        told.wait(config.uuid, kind.DEFINED, *life, kind.UNDEFINED)
        polled.wait(
            config.uuid,
            *(kind.DEFINED, kind.STARTED, kind.UNPAUSED, kind.PAUSED, kind.UNPAUSED),
            *(*life[1:], kind.UNDEFINED),
        )
    ends = [(domid, why) for what, domid, why in told.of(config.uuid) if what is kind.STOPPED]
    assert len(ends) == 3
    assert ends[0][0] == domid
    assert len({number for number, _ in ends}) == 3


def test_a_crash_is_seen_told_and_cleared_away(host: xenparley.Host, guests: Guests) -> None:
    config = tiny(guests, "crashes", "crash", on_crash="preserve")
    with Heard(host.events(poll=0.2)) as polled, Heard(host.events()) as told:
        made = host.create(config, paused=True).guest
        host.unpause(made, wait=False)
        seen = host.wait_for(made, Phase.CRASHED)
        assert seen.reason == 3
        row = xl_list()[made.domid or 0]
        assert (row.state[3:5], row.reason) == ("sc", "3")
        assert xc_domains()[made.domid or 0]["crashed"]
        with pytest.raises(InvalidState):
            host.pause(made)
        with pytest.raises(AlreadyExists):
            host.create(config)
        polled.wait(config.uuid, EventKind.STARTED, EventKind.CRASHED)
        assert host.destroy(made).reached
        polled.wait(config.uuid, EventKind.CRASHED, EventKind.STOPPED)
        told.wait(config.uuid, EventKind.STARTED, EventKind.STOPPED)
    assert (EventKind.STOPPED, made.domid, "crash") in polled.of(config.uuid)
    assert made.domid not in xl_list()


def test_a_guest_that_ignores_shutdown(host: xenparley.Host, guests: Guests) -> None:
    made = host.create(tiny(guests, "spins", "spin")).guest
    # A guest that spins leaves xl little of an emulated CPU: XenStore is the shorter way.
    with xenparley.connect("xen:///", prefer=("xenstore",), timeout=PATIENCE) as short:
        with pytest.raises(DeadlineExceeded, match="withdrawn"):
            short.shutdown(made, timeout=6)
        assert xenstore_read(f"/local/domain/{made.domid}/control/shutdown") == ""
        assert short.find(made).phase is Phase.ACTIVE
        assert short.ensure_stopped(made, destroy_after=3).reached
    assert made.domid not in xl_list()


def test_a_guest_that_dies_while_it_is_listed(host: xenparley.Host, guests: Guests) -> None:
    """One whose memory somebody still maps: Xen keeps it, dying, until that is let go."""
    guest = guests.tiny(paused=True, name="long dying")
    frame = xenstore_read(f"/local/domain/{guest.domid}/store/ring-ref")
    assert frame is not None
    problems: list[str] = []
    phases: list[Phase | None] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            try:
                found = [g for g in host.list() if g.domid == guest.domid]
            except XenparleyError as exc:
                problems.append(repr(exc))
                return
            for one in found:
                if one.uuid != guest.uuid or one.name not in (guest.name, None):
                    problems.append(repr(one))
                if one.name is None and Field.NAME not in one.missing:
                    problems.append(f"no reason: {one!r}")
                phases.append(one.phase)

    watcher = threading.Thread(target=look)
    with Mapped(guest.domid, int(frame)):
        watcher.start()
        command("xl", "destroy", str(guest.domid))
        assert xc_domains()[guest.domid]["dying"]
        until("it was listed as dying", lambda: Phase.DYING in phases, 30)
        assert host.find(guest.uuid).phase is Phase.DYING
    until("it is gone", lambda: guest.domid not in xc_domains())
    host.wait_for(xenparley.GuestRef(domid=guest.domid, uuid=guest.uuid), Phase.ABSENT)
    stop.set()
    watcher.join(60)
    assert problems == []
    assert phases[0] is Phase.PAUSED


def test_what_a_forced_destroy_leaves_behind_is_no_guest(
    host: xenparley.Host, guests: Guests
) -> None:
    guest = guests.tiny(name="ghost")
    with xenparley.connect("xen:///", disable=("xl",), timeout=PATIENCE) as without:
        with pytest.raises(Unsupported, match="forced"):
            without.destroy(guest.uuid)
        over = without.destroy(guest.uuid, force=True)
        assert (over.reached, over.channel) == (True, "hypercall")
    until("Xen forgot it", lambda: guest.domid not in xc_domains())
    try:
        assert xenstore_read(f"/local/domain/{guest.domid}/name") == "ghost"
        assert guest.domid not in {g.domid for g in host.list(all=True)}
        for key in ("ghost", guest.uuid, guest.domid):
            with pytest.raises(NotFound):
                host.find(key)
        with xenparley.connect("xen:///", channels=("xenstore",), timeout=PATIENCE) as store:
            assert guest.domid not in {g.domid for g in store.list()}
        with pytest.raises(NotFound):
            host.pause(xenparley.GuestRef(domid=guest.domid, uuid=guest.uuid, name="ghost"))
        # Its name is free again.
        back = host.create(tiny(guests, "ghost"), paused=True)
        assert host.find("ghost").domid == back.guest.domid
    finally:
        for path in (f"/local/domain/{guest.domid}", f"/vm/{guest.uuid}", f"/libxl/{guest.domid}"):
            command("xenstore-rm", "-s", path, check=False)


def test_an_ordinary_user_is_told_why(standing: dict[str, Guest]) -> None:
    program = (
        "import sys\n"
        "from xenparley_cli.entry import main\n"
        "print(main(['channels', '--format', 'json']))\n"
        "print(main(['list']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
        user=65534,
        group=65534,
        extra_groups=(),
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    assert said.count("ermission denied") >= 2, said
    assert done.stdout.rstrip().splitlines()[-1] in ("9", "10"), said


def test_the_command_says_and_does_the_same(
    standing: dict[str, Guest], guests: Guests, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*words: str) -> str:
        capsys.readouterr()
        code = main((*words, "--timeout", "200"))
        out, err = capsys.readouterr()
        assert code == 0, err
        return out

    listed = json.loads(run("list", "--format", "json"))["guests"]
    assert {(g["domid"], g["name"]) for g in listed} == {
        (row.domid, row.name) for row in xl_list().values()
    }
    told = json.loads(run("explain", "list-live", "--format", "json"))
    assert told["chosen"] == ["hypercall", "xenstore"]
    assert json.loads(run("explain", "start", "--format", "json"))["chosen"] == ["xl"]
    guest = guests.tiny(name="by command")
    assert run("state", "by command") == "active\n"
    run("pause", "by command")
    assert xc_domains()[guest.domid]["paused"]
    assert run("state", guest.uuid) == "paused\n"
    run("unpause", "by command")
    run("rename", "by command", "by its new name")
    assert xl_list()[guest.domid].name == "by its new name"
    run("shutdown", "by its new name")
    until("xl forgot it", lambda: guest.domid not in xl_list())
    assert main(("destroy", "by its new name", "--timeout", "200")) == 4


@pytest.mark.heavy
def test_a_linux_guest_obeys(host: xenparley.Host, guests: Guests) -> None:
    config = guests.adopt(
        GuestConfig(
            name="linux",
            uuid=str(uuid.uuid4()),
            memory_kib=128 * 1024,
            max_memory_kib=160 * 1024,
            vcpus=Vcpus(maximum=2),
            boot=Boot(
                virt="pvh",
                kernel=str(KERNELS / "vmlinux"),
                initrd=str(KERNELS / "initrd.img"),
                cmdline="console=hvc0 quiet",
            ),
        )
    )
    made = host.create(config).guest
    log = Path(f"/var/log/xen/guest-{config.name}.log")
    until("it is up", lambda: log.exists() and "GUEST-UP" in log.read_text(errors="replace"), 400)
    agree(host)
    assert host.find(made).virt == "pvh"
    host.set_memory(made, 110 * 1024)
    assert xenstore_read(f"/local/domain/{made.domid}/memory/target") == str(110 * 1024)
    until("the balloon moved", lambda: xl_list()[made.domid or 0].memory in (110, 111), 200)
    assert abs(host.memory(made).current_kib - 110 * 1024) <= 1024
    host.set_vcpus(made, 1)
    until("one CPU is online", lambda: xl_list()[made.domid or 0].vcpus == 1, 200)
    assert [cpu.online for cpu in host.vcpus(made)] == [True, False]
    host.pin_vcpu(made, 0, [1])
    assert host.vcpus(made)[0].affinity == frozenset({1})
    assert any(console.kind for console in host.consoles(made))
    over = host.shutdown(made, timeout=300)
    assert (over.reached, over.how) == (True, "pv")
    until("xl forgot it", lambda: made.domid not in xl_list())


def test_a_fully_virtualised_guest(host: xenparley.Host, guests: Guests) -> None:
    config = guests.adopt(
        GuestConfig(
            name="machine", uuid=str(uuid.uuid4()), memory_kib=64 * 1024, boot=Boot(virt="hvm")
        )
    )
    made = host.create(config, paused=True, timeout=400).guest
    agree(host)
    found = host.find("machine")
    assert (found.domid, found.virt, found.phase) == (made.domid, "hvm", Phase.PAUSED)
    assert host.destroy(made).reached
    assert made.domid not in xl_list()
    until(
        "its qemu is gone",
        lambda: not command("pgrep", "-f", f"xen-domid {made.domid} ", check=False),
    )


@pytest.mark.heavy
def test_fifty_guests(host: xenparley.Host, guests: Guests) -> None:
    made = [guests.tiny(paused=number % 2 == 1, name=f"crowd {number}") for number in range(50)]
    listing = {g.domid: g for g in host.list()}
    assert {g.domid for g in made} <= set(listing)
    for guest in made:
        assert (listing[guest.domid].uuid, listing[guest.domid].name) == (guest.uuid, guest.name)
    assert set(listing) == set(xc_domains()) == set(xl_list())
    with Heard(host.events(poll=1.0)) as polled, Heard(host.events()) as told:
        for guest in made[:10]:
            host.destroy(guest.uuid)
        for guest in made[:10]:
            polled.wait(guest.uuid, EventKind.STOPPED)
            told.wait(guest.uuid, EventKind.STOPPED)
    assert {g.uuid for g in made[10:]} <= {g.uuid for g in host.list()}
