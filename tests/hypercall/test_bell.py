"""How a caller and the hypercall worker wake each other: the bell, and the CPU they share."""

from __future__ import annotations

import gc
import os
import threading
import time
from pathlib import Path

import pytest

from support.hypercall_hosts import SETS, device, small_host, soon
from xenparley.domain.errors import DeadlineExceeded
from xenparley_hypercall import follower
from xenparley_hypercall.bell import Bell
from xenparley_hypercall.follower import Follower
from xenparley_hypercall.worker import Workers


def descriptors():
    return {path.name for path in Path("/proc/self/fd").iterdir()}


CURRENT = next(one for one in SETS if one.arch == "x86_64" and one.first == (4, 17, 0))


@pytest.fixture(params=["eventfd", "pipe"])
def bell(request, monkeypatch):
    """A bell of either make; the pipe is for systems without eventfd."""
    if request.param == "pipe":
        monkeypatch.delattr(os, "eventfd", raising=False)
    elif not hasattr(os, "eventfd"):
        pytest.skip("this system has no eventfd")
    return Bell()


def test_a_ring_that_nobody_waited_for_is_kept(bell):
    bell.ring()
    assert bell.sleep_until(time.monotonic() + 10)
    assert not bell.sleep_until(time.monotonic())


def test_who_sleeps_is_woken(bell):
    woken = threading.Event()

    def sleep():
        bell.sleep()
        woken.set()

    thread = threading.Thread(target=sleep, daemon=True)
    thread.start()
    assert not woken.wait(0.05)
    bell.ring()
    assert woken.wait(10)
    thread.join()


def test_a_deadline_ends_the_sleep_never_before_it(bell):
    deadline = time.monotonic() + 0.03
    assert not bell.sleep_until(deadline)
    assert time.monotonic() >= deadline
    # Years away: poll(2) takes no more than an int of milliseconds.
    bell.ring()
    assert bell.sleep_until(time.monotonic() + 1e9)


def test_its_descriptors_go_with_it(bell):
    before = descriptors()
    more = Bell()
    assert descriptors() > before
    del more
    gc.collect()
    assert descriptors() == before


def test_the_worker_comes_to_the_callers_cpu():
    allowed = os.sched_getaffinity(0)
    done = threading.Event()
    thread = threading.Thread(target=done.wait, daemon=True)
    thread.start()
    try:
        for cpu in allowed:
            os.sched_setaffinity(0, {cpu})
            Follower(thread.native_id).come()
            assert os.sched_getaffinity(thread.native_id) == {cpu}
    finally:
        os.sched_setaffinity(0, allowed)
        done.set()
        thread.join()


def test_where_threads_may_not_be_moved_they_stay(monkeypatch):
    asked = []

    def refuse(thread, cpus):
        asked.append(thread)
        raise PermissionError(1, "not here")

    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    one = Follower(threading.get_native_id())
    one.come()
    one.come()
    assert asked == [threading.get_native_id()]


def test_where_the_system_cant_tell_a_cpu_nothing_is_moved(monkeypatch):
    monkeypatch.delattr(os, "sched_setaffinity")
    assert follower._getcpu() is None
    Follower(threading.get_native_id()).come()


def test_the_answer_of_a_caller_who_left_is_nobody_elses():
    """A caller is interrupted while the worker is busy; the next one gets its own answer."""
    workers = Workers(device(CURRENT, small_host()))
    go = threading.Event()

    class Interrupted(BaseException):
        pass

    class Once(Bell):
        def sleep_until(self, deadline):
            workers._worker.answered = first
            raise Interrupted

    try:
        assert workers.run(lambda turn: 0, deadline=soon(), operation="x") == 0
        worker = workers._worker
        first = worker.answered
        worker.answered = Once()
        with pytest.raises(Interrupted):
            workers.run(lambda turn: go.wait(10) and 1, deadline=soon(), operation="x")
        # Its ring comes while the next caller is already waiting.
        threading.Timer(0.05, go.set).start()
        assert workers.run(lambda turn: 2, deadline=soon(), operation="x") == 2
        assert workers.run(lambda turn: 3, deadline=soon(), operation="x") == 3
    finally:
        go.set()
        workers.close()


def test_many_callers_each_get_their_own():
    workers = Workers(device(CURRENT, small_host()))
    got = {}

    def call(number):
        got[number] = [
            workers.run(lambda turn, v=(number, step): v, deadline=soon(), operation="x")
            for step in range(200)
        ]

    threads = [threading.Thread(target=call, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    workers.close()
    assert got == {number: [(number, step) for step in range(200)] for number in range(8)}


def test_a_call_that_is_late_leaves_no_descriptor_behind():
    workers = Workers(device(CURRENT, small_host()))
    before = len(descriptors())
    for _ in range(20):
        go = threading.Event()
        with pytest.raises(DeadlineExceeded):
            workers.run(
                lambda turn, go=go: go.wait(10), deadline=time.monotonic() + 0.01, operation="x"
            )
        go.set()
        stuck = list(workers._stuck)
        for worker in stuck:
            worker.join(10)
    workers.close()
    del stuck, worker
    workers._stuck.clear()
    gc.collect()
    assert len(descriptors()) <= before
