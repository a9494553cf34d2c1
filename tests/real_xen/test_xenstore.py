"""The XenStore adapter on a real dom0: by the socket, and by the kernel's device."""

from __future__ import annotations

import queue
import subprocess
import time
from collections.abc import Iterator

import pytest

from real_xen.guests import Guest, Guests, until
from real_xen.looks import command, xl_list
from xenparley.domain.errors import DeadlineExceeded, InvalidInput, NotFound, Unsupported
from xenparley.domain.events import EventKind, GuestEvent
from xenparley.domain.guest import Field
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import Role
from xenparley.negotiation.offer import Available
from xenparley_xenstore.channel import XenStoreChannel
from xenparley_xenstore.client import open_store

# Not yet seen through on a quiet machine: asked for by XENPARLEY_TESTS=heavy.
pytestmark = [pytest.mark.real_xen, pytest.mark.heavy]

PLACES = ("/run/xenstored/socket", "/dev/xen/xenbus", "/proc/xen/xenbus")


def soon(seconds: float = 60.0) -> float:
    return time.monotonic() + seconds


@pytest.fixture(params=PLACES)
def channel(request: pytest.FixtureRequest) -> Iterator[XenStoreChannel]:
    made = XenStoreChannel(open_store(request.param))
    yield made
    made.close()


def ref(guest: Guest) -> GuestRef:
    return GuestRef(domid=guest.domid, uuid=guest.uuid, name=guest.name)


def test_probe(channel: XenStoreChannel) -> None:
    found = channel.probe(deadline=soon())
    assert isinstance(found, Available)
    assert found.facts["path"] in PLACES


def test_the_guests_are_those_of_xl(channel: XenStoreChannel, guests: Guests) -> None:
    for number in range(3):
        guests.tiny(name=f"listed{number}")
    rows = channel.port(Role.INVENTORY).list_live([Field.NAME, Field.UUID], deadline=soon())
    told = {row.domid: (row.values[Field.NAME], row.uuid) for row in rows}
    theirs = {row.domid: (row.name, row.uuid) for row in xl_list().values()}
    assert told == theirs


def test_pipelined_reads_and_a_walk_are_xenstore_ls(channel: XenStoreChannel, tiny: Guest) -> None:
    store = channel.calls.store
    home = f"/local/domain/{tiny.domid}"
    theirs = subprocess.run(
        ["xenstore-ls", "-f", home], capture_output=True, encoding="utf-8", check=True
    ).stdout.splitlines()
    nodes = list(store.walk(home, deadline=soon()))
    ours = [f'{node.path} = "{node.value.decode()}"' for node in nodes if node.path != home]
    assert ours == [line.rstrip() for line in theirs]
    values = store.read_many([node.path for node in nodes] * 20, deadline=soon())
    assert values == [node.value for node in nodes] * 20


def test_many_keys_at_once_are_not_mixed_up(channel: XenStoreChannel) -> None:
    """The kernel's device mixes requests up that are written before the last is answered."""
    store = channel.calls.store
    paths = [f"/tool/xenparley-mix/{number}" for number in range(100, 132)]
    for path in paths:
        store.write(path, path.encode(), deadline=soon())
    assert store.read_many(paths * 5, deadline=soon()) == [path.encode() for path in paths] * 5
    store.remove("/tool/xenparley-mix", deadline=soon())


def test_two_clients_see_each_other(channel: XenStoreChannel) -> None:
    store = channel.calls.store
    with store.watch("/tool/xenparley", deadline=soon()) as subscription:
        subscription.wait(deadline=soon())
        command("xenstore-write", "/tool/xenparley/x", "theirs")
        event = subscription.wait(deadline=soon())
        while event is not None and event[0] == "/tool/xenparley":
            # The parent that was made with it.
            event = subscription.wait(deadline=soon())
        assert event is not None
        assert event[0] == "/tool/xenparley/x"
    store.transact(
        lambda t: t.write(
            "/tool/xenparley/x",
            t.read("/tool/xenparley/x", deadline=soon()) + b"!",
            deadline=soon(),
        ),
        deadline=soon(),
    )
    assert command("xenstore-read", "/tool/xenparley/x").strip() == "theirs!"
    store.remove_tree("/tool/xenparley", deadline=soon())
    assert not store.exists("/tool/xenparley", deadline=soon())


def test_the_life_of_a_guest(channel: XenStoreChannel, guests: Guests) -> None:
    """Start, rename, shutdown by control/shutdown: each told once, by its domain id."""
    events: queue.Queue[GuestEvent] = queue.Queue()
    subscription = channel.port(Role.EVENTS).subscribe(events.put, deadline=soon())
    guest = guests.tiny()
    kinds = [EventKind.STARTED]
    command("xl", "rename", str(guest.domid), "other-name")
    kinds.append(EventKind.RENAMED)
    receipt = channel.port(Role.LIFECYCLE).shutdown(ref(guest), deadline=soon())
    assert receipt.how == "pv"
    until("the guest is gone", lambda: guest.domid not in {r.domid for r in xl_list().values()})
    kinds.append(EventKind.STOPPED)
    told: list[GuestEvent] = []
    while len(told) < len(kinds):
        event = events.get(timeout=60)
        about = event.guest is not None and event.guest.domid == guest.domid
        if about and event.kind not in (EventKind.DEVICE_ADDED, EventKind.DEVICE_REMOVED):
            told.append(event)
    assert [event.kind for event in told] == kinds
    assert told[1].guest is not None
    assert (told[1].guest.name, told[1].detail) == ("other-name", guest.name)
    subscription.close()
    with pytest.raises(NotFound):
        channel.port(Role.LIFECYCLE).shutdown(ref(guest), deadline=soon())
    left = channel.calls.store.directory("/local/domain", deadline=soon())
    assert str(guest.domid) not in left


def test_a_paused_guest_is_not_obeying_later(channel: XenStoreChannel, paused_tiny: Guest) -> None:
    """The request is withdrawn at the deadline: nothing happens when somebody unpauses it."""
    with pytest.raises(DeadlineExceeded, match="withdrawn"):
        channel.port(Role.LIFECYCLE).shutdown(ref(paused_tiny), deadline=soon(20))
    path = f"/local/domain/{paused_tiny.domid}/control/shutdown"
    assert channel.calls.store.read(path, deadline=soon()) == b""
    command("xl", "unpause", str(paused_tiny.domid))
    time.sleep(1)
    assert paused_tiny.domid in {row.domid for row in xl_list().values()}


def test_memory_vcpus_devices_and_consoles(channel: XenStoreChannel, tiny: Guest) -> None:
    memory = channel.port(Role.MEMORY)
    info = memory.memory(ref(tiny), deadline=soon())
    assert info.target_kib is not None
    assert info.maximum_kib is not None
    with pytest.raises(InvalidInput):
        memory.set_target(ref(tiny), info.maximum_kib + 1024, deadline=soon())
    if info.target_kib < info.maximum_kib:
        with pytest.raises(Unsupported):
            memory.set_target(ref(tiny), info.maximum_kib, deadline=soon())
    vcpus = channel.port(Role.VCPUS).vcpus(ref(tiny), deadline=soon())
    assert [(vcpu.number, vcpu.online) for vcpu in vcpus] == [(0, True)]
    (console, *_) = channel.port(Role.CONSOLE).consoles(ref(tiny), deadline=soon())
    assert console.kind == "pv"
    assert console.tty is None or console.tty.startswith("/dev/pts/")
    kinds = {
        device.kind for device in channel.port(Role.DEVICES).devices(ref(tiny), deadline=soon())
    }
    assert kinds <= {"console", "vkbd", "vfb"}
