"""The worker's deadlines, the old ioctl, the buffers, and life after a fork."""

from __future__ import annotations

import errno
import gc
import mmap
import os
import struct
import threading
import time
from pathlib import Path

import pytest

from support.hypercall_hosts import SETS, device, session, small_host, soon
from support.require import missing
from xenparley.domain.errors import (
    AccessRefused,
    DeadlineExceeded,
    OperationFailed,
    OutcomeUnknown,
    Unavailable,
)
from xenparley_hypercall import commands
from xenparley_hypercall import device as dev
from xenparley_hypercall.memory import anonymous_buffer
from xenparley_hypercall.session import connect
from xenparley_hypercall.worker import MAX_STUCK, Workers

CURRENT = next(one for one in SETS if one.arch == "x86_64" and one.first == (4, 17, 0))


class Gate:
    """Holds hypercalls back until it is opened."""

    def __init__(self):
        self.shut = False
        self.open = threading.Event()
        self.inside = threading.Event()

    def __call__(self, number):
        if self.shut:
            self.inside.set()
            self.open.wait(30)


@pytest.fixture
def slow():
    gate = Gate()
    host = small_host()
    hypervisor = device(CURRENT, host, before=gate)
    opened = connect(soon(), hypervisor, "x86_64")
    yield opened, gate, host, hypervisor
    gate.open.set()
    opened.close()


def listing(opened, deadline):
    return opened.run(opened.reader.listing, deadline=deadline, operation="list")


def test_a_read_that_takes_too_long_ends_as_deadline_exceeded(slow):
    opened, gate, _, _ = slow
    gate.shut = True
    with pytest.raises(DeadlineExceeded, match="list") as caught:
        listing(opened, time.monotonic() + 0.05)
    assert caught.value.retry_safe
    gate.shut = False
    # The stuck worker is left behind; a new one serves.
    assert len(listing(opened, soon())) == 5


def test_a_command_that_takes_too_long_ends_as_outcome_unknown(slow):
    opened, gate, host, _ = slow
    abi = opened.abi
    gate.shut = True
    with pytest.raises(OutcomeUnknown) as caught:
        opened.run(
            lambda turn: commands.destroy(turn, abi, 1),
            deadline=time.monotonic() + 0.05,
            operation="destroy",
            guest="domain id 1",
        )
    assert (caught.value.operation, caught.value.guest) == ("destroy", "domain id 1")
    assert not caught.value.retry_safe
    assert 1 in host.guests
    gate.open.set()
    for worker in opened._workers._stuck:
        worker.join(20)
    assert 1 not in host.guests


def test_a_job_whose_time_is_up_sends_nothing_more(slow):
    opened, gate, host, hypervisor = slow
    abi = opened.abi
    gate.shut = True

    def job(turn):
        opened.reader.one(turn, 1)
        commands.destroy(turn, abi, 1)

    with pytest.raises(DeadlineExceeded):
        opened.run(job, deadline=time.monotonic() + 0.05, operation="destroy")
    gate.shut = False
    made = len(hypervisor.calls)
    gate.open.set()
    for worker in opened._workers._stuck:
        worker.join(20)
    assert len(hypervisor.calls) == made
    assert 1 in host.guests


def test_a_caller_who_waits_for_its_turn_has_a_deadline_too(slow):
    opened, gate, _, _ = slow
    gate.shut = True
    counts = []
    first = threading.Thread(target=lambda: counts.append(len(listing(opened, soon()))))
    first.start()
    assert gate.inside.wait(20)
    with pytest.raises(DeadlineExceeded):
        listing(opened, time.monotonic() + 0.05)
    gate.open.set()
    first.join()
    assert counts == [5]


def test_no_more_workers_than_allowed_get_stuck(slow):
    opened, gate, _, _ = slow
    gate.shut = True
    for _ in range(MAX_STUCK):
        with pytest.raises(DeadlineExceeded):
            listing(opened, time.monotonic() + 0.02)
    with pytest.raises(Unavailable, match=f"{MAX_STUCK} hypercalls have not returned"):
        listing(opened, soon())
    gate.open.set()
    for worker in opened._workers._stuck:
        worker.join(20)
    gate.shut = False
    assert len(listing(opened, soon())) == 5


def test_several_threads_share_a_session(slow):
    opened, _, _, _ = slow
    counts = []

    def read():
        counts.extend(len(listing(opened, soon())) for _ in range(20))

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [5] * 120


def test_what_a_job_raises_reaches_the_caller():
    workers = Workers(device(CURRENT))
    with pytest.raises(KeyError, match="oops"):
        workers.run(lambda turn: {}["oops"], deadline=soon(), operation="test")
    workers.close()
    with pytest.raises(Unavailable, match="closed"):
        workers.run(lambda turn: 1, deadline=soon(), operation="test")


def test_buffers_are_given_back():
    hypervisor = device(CURRENT)
    opened = connect(soon(), hypervisor, "x86_64")
    listing(opened, soon())
    assert hypervisor.memory.in_use >= 2
    opened.close()
    assert hypervisor.memory.in_use == 0


def test_a_turn_that_is_over_cannot_be_used():
    kept = []
    workers = Workers(device(CURRENT))
    workers.run(kept.append, deadline=soon(), operation="test")
    with pytest.raises(Unavailable, match="gone"):
        kept[0].hypercall(17, 0)
    workers.close()


def test_the_answer_of_a_command_that_cannot_be_written_is_an_unknown_outcome():
    opened = session(CURRENT)

    def before(number):
        raise OSError(errno.EFAULT, "bad address")

    opened._device._before = before
    with pytest.raises(OutcomeUnknown):
        opened.run(
            lambda turn: commands.destroy(turn, opened.abi, 1), deadline=soon(), operation="destroy"
        )
    opened.close()


def test_memory_that_cannot_be_had_is_told():
    hypervisor = device(CURRENT)
    opened = connect(soon(), hypervisor, "x86_64")

    def none(size):
        raise OSError(errno.EAGAIN, "cannot lock")

    hypervisor.allocate = none
    with pytest.raises(Unavailable, match="cannot lock"):
        listing(opened, soon())
    opened.close()


class OldKernel:
    """A 32-bit kernel of 3.0.2: knows the 24-byte ioctl only."""

    name = "old"

    def __init__(self, code):
        self.seen = []
        self.code = code

    def ioctl(self, request, argument):
        self.seen.append((request, len(argument)))
        if request != 0x00185000:
            raise OSError(self.code, "unknown ioctl")
        op, *_ = struct.unpack("<6I", argument)
        assert op == 17
        return 3 << 16


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTTY, errno.ENOSYS])
def test_the_old_ioctl_is_tried_on_32_bit_x86_only(code):
    from xenparley_hypercall.transport import Transport

    kernel = OldKernel(code)
    assert Transport(kernel).xen_version("x86_32") == 3 << 16
    assert kernel.seen == [(0x00305000, 48), (0x00185000, 24)]
    with pytest.raises(OSError, match="unknown ioctl"):
        Transport(OldKernel(code)).xen_version("x86_64")


# --- the real memory and the real device ------------------------------------------------------


def test_locked_memory_stays_where_it_is():
    try:
        buffer = anonymous_buffer(5000)
    except OSError as exc:
        missing("memlock", f"no memory can be locked here: {exc}")
    assert len(buffer.view) == 2 * mmap.PAGESIZE
    assert buffer.address % mmap.PAGESIZE == 0
    assert not any(buffer.view)
    buffer.view[:4] = b"\x01\x02\x03\x04"
    import ctypes

    assert ctypes.string_at(buffer.address, 4) == b"\x01\x02\x03\x04"
    shown = _smaps(buffer.address)
    assert "dc" in shown and "lo" in shown, shown
    buffer.close()
    buffer.close()


def _smaps(address):
    """The VmFlags of the mapping that begins at the address."""
    found = False
    with Path("/proc/self/smaps").open(encoding="ascii") as file:
        for line in file:
            if line.startswith(f"{address:x}-"):
                found = True
            if found and line.startswith("VmFlags:"):
                return line.split()[1:]
    return []


# Python 3.12 and later warn of a fork beside threads, which is what this is about.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_makes_its_own_worker():
    opened = session(CURRENT)
    assert len(listing(opened, soon())) == 5
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            count = len(listing(opened, soon()))
            gc.collect()
            os.write(write, str(count).encode())
        finally:
            os._exit(0)
    os.close(write)
    try:
        assert os.read(read, 16) == b"5"
    finally:
        os.close(read)
        os.waitpid(pid, 0)
    assert len(listing(opened, soon())) == 5
    opened.close()


def test_a_machine_without_the_device_is_told_so(tmp_path):
    with pytest.raises(Unavailable, match=r"no .*privcmd or .*: ") as caught:
        dev.open_device([str(tmp_path / "privcmd"), "/nonexistent/privcmd"])
    assert "Xen" in str(caught.value)


def test_a_user_who_may_not_open_the_device_is_told_so(tmp_path, monkeypatch):
    def refuse(path, flags):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(AccessRefused, match="need root"):
        dev.open_device()


def test_a_node_that_is_no_device_is_not_taken_for_a_hypervisor(tmp_path):
    node = tmp_path / "privcmd"
    node.write_bytes(b"")
    opened = dev.open_device([str(node)], None)
    with pytest.raises(Unavailable, match="doesn't take hypercalls"):
        connect(soon(), opened, "x86_64")
    # connect() closed it.
    with pytest.raises(OSError, match="closed"):
        opened.ioctl(dev.IOCTL_HYPERCALL, bytearray(48))


def test_the_architecture_of_this_process_is_known_or_named():
    assert dev.machine_arch()


def test_failures_keep_their_cause():
    opened = session(CURRENT)
    with pytest.raises(OperationFailed) as caught:
        opened.run(
            lambda turn: commands.destroy(turn, opened.abi, 0), deadline=soon(), operation="destroy"
        )
    assert isinstance(caught.value.__cause__, OSError)
    opened.close()
