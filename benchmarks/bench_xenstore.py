"""XenStore clients side by side, on real daemons with 1,000 guests of 20 keys.

Run with ``pytest benchmarks/bench_xenstore.py``. Needs xen-utils-4.17, libxenstore4 and
xenstore-utils (Debian), and pyxs (PyPI). The last lines give the ratios of one and the same run:
the median time of each client over ours, and the best time of each over our best.

What each does: all ask the same daemon for the same nodes (a READ for each value, a READ and a
DIRECTORY for each node of the tree), over its socket, in turns. xenparley, libxenstore (ctypes)
and pyxs are connected beforehand and hand bytes to Python. xenstore-ls is a whole process: it
starts (one or two milliseconds), connects, asks as libxenstore does, and prints the tree into a
pipe that is read to its end.

What bounds the ratios, printed last: the daemon's own processor time for each request of ours,
since no client can be quicker than that. One by one, a request costs two changes of process
besides, whose price depends on the machine: where processors go idle meanwhile (an idle machine,
most of all a virtual one) several times what it is where both share a busy one.
"""

from __future__ import annotations

import ctypes
import itertools
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.xenstored import peer, tool
from xenparley_wire import xenstore_requests as requests
from xenparley_wire.xenstore_types import MessageType
from xenparley_xenstore.client import open_store

GUESTS, KEYS = 1000, 20
NAMES = [f"/local/domain/{number}/name" for number in range(1, GUESTS + 1)]
THREE = [
    f"/local/domain/{number}/{key}"
    for number in range(1, GUESTS + 1)
    for key in ("name", "vm", "memory/target")
]
MEDIANS: dict[tuple[str, str], dict[str, float]] = {}
BEST: dict[tuple[str, str], dict[str, float]] = {}
#: The daemon's processor seconds in our turns, each.
DAEMON: dict[tuple[str, str], float] = {}


def soon() -> float:
    return time.monotonic() + 600


def processor(daemon) -> float:
    """Return the processor seconds that the daemon, one thread, has taken."""
    return int(Path(f"/proc/{daemon.pid}/schedstat").read_text().split()[0]) / 1e9


def keys_of(number: int):
    home = f"/local/domain/{number}"
    yield f"{home}/name", b"guest-%d" % number
    yield f"{home}/vm", b"/vm/00000000-0000-4000-8000-%012d" % number
    yield f"{home}/memory/target", b"131072"
    yield f"{home}/memory/static-max", b"262144"
    for key in range(KEYS - 4):
        yield f"{home}/key{key}", b"value %d" % key


@pytest.fixture(scope="module", params=["xenstored", "oxenstored"])
def daemon(request):
    with peer(request.param) as running:
        with open_store(str(running.socket)) as store:
            exchange = store._connect(soon()).exchange(soon())
            nodes = itertools.chain.from_iterable(map(keys_of, range(1, GUESTS + 1)))
            while burst := list(itertools.islice(nodes, 32)):
                exchange.send([(MessageType.WRITE, requests.write(*node)) for node in burst])
                exchange.take()
        yield running
    lines = [
        f"{kind:<11} {task:<11} {words:<7}"
        + "  ".join(
            f"{client} {taken / times['xenparley']:.1f} x" for client, taken in times.items()
        )
        for words, table in (("median", MEDIANS), ("best", BEST))
        for (kind, task), times in table.items()
        if kind == request.param
    ]
    lines += [
        f"{kind:<11} {task:<11} ours {BEST[kind, task]['xenparley'] * 1e3:.1f} ms at best, "
        f"the daemon alone {taken * 1e3:.1f} ms"
        for (kind, task), taken in DAEMON.items()
        if kind == request.param
    ]
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print("", *lines, sep="\n")


class Ours:
    """xenparley."""

    def __init__(self, daemon):
        self.store = open_store(str(daemon.socket))

    def read(self, paths):
        return self.store.read_many(paths, deadline=soon())

    def tree(self):
        return sum(1 for _ in self.store.walk("/local", deadline=soon()))

    def close(self):
        self.store.close()


class Pyxs:
    """pyxs, one request after the other: it has no other way."""

    def __init__(self, daemon):
        pyxs = pytest.importorskip("pyxs")
        self.client = pyxs.Client(unix_socket_path=str(daemon.socket))
        self.client.connect()

    def read(self, paths):
        return [self.client.read(path.encode()) for path in paths]

    def tree(self):
        count, todo = 0, [b"/local"]
        while todo:
            path = todo.pop()
            count += 1
            self.client.read(path)
            todo += [path + b"/" + name for name in self.client.list(path)]
        return count

    def close(self):
        self.client.close()


class Library:
    """libxenstore, called directly."""

    def __init__(self, daemon):
        self.libc = ctypes.CDLL(None)
        self.libc.free.argtypes = [ctypes.c_void_p]
        try:
            self.library = ctypes.CDLL("libxenstore.so.4")
        except OSError as exc:
            pytest.skip(f"libxenstore: {exc}")
        pointer, number = ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint)
        self.library.xs_open.restype = pointer
        self.library.xs_close.argtypes = [pointer]
        for name in ("xs_read", "xs_directory"):
            function = getattr(self.library, name)
            function.restype = pointer
            function.argtypes = [pointer, ctypes.c_uint32, ctypes.c_char_p, number]
        self.length = ctypes.c_uint()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XENSTORED_RUNDIR", str(daemon.folder))
            # libxenstore reads the C library's environment, which os.environ writes.
            self.handle = self.library.xs_open(ctypes.c_ulong(0))
        assert self.handle

    def one(self, path):
        found = self.library.xs_read(self.handle, 0, path, ctypes.byref(self.length))
        value = ctypes.string_at(found, self.length.value)
        self.libc.free(found)
        return value

    def read(self, paths):
        return [self.one(path.encode()) for path in paths]

    def tree(self):
        count, todo = 0, [b"/local"]
        while todo:
            path = todo.pop()
            count += 1
            self.one(path)
            found = self.library.xs_directory(self.handle, 0, path, ctypes.byref(self.length))
            names = ctypes.cast(found, ctypes.POINTER(ctypes.c_char_p))
            todo += [path + b"/" + names[index] for index in range(self.length.value)]
            self.libc.free(found)
        return count

    def close(self):
        self.library.xs_close(self.handle)


class Ls:
    """xenstore-ls -f, a process of its own."""

    def __init__(self, daemon):
        self.environment = daemon.environment
        self.program = tool("xenstore-ls")

    def tree(self):
        done = subprocess.run(
            [self.program, "-f", "/local"], env=self.environment, stdout=subprocess.PIPE, check=True
        )
        return done.stdout.count(b"\n") + 1

    def close(self):
        pass


CLIENTS = {"xenparley": Ours, "libxenstore": Library, "pyxs": Pyxs, "xenstore-ls": Ls}
TASKS = {
    "names": lambda client: client.read(NAMES),
    "three keys": lambda client: client.read(THREE),
    "tree": lambda client: client.tree(),
}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("task", TASKS)
def test_clients(daemon, task, benchmark):
    """Every client in turns, so that whatever else the machine does meets all of them."""
    benchmark.group = f"{daemon.kind}, {task}"
    clients = {
        name: made(daemon) for name, made in CLIENTS.items() if task == "tree" or made is not Ls
    }
    times: dict[str, list[float]] = {name: [] for name in clients}
    answers = {}

    busy: list[float] = []

    def turn():
        for name, client in clients.items():
            before = processor(daemon)
            begun = time.perf_counter()
            answers[name] = TASKS[task](client)
            times[name].append(time.perf_counter() - begun)
            if name == "xenparley":
                busy.append(processor(daemon) - before)

    try:
        benchmark.pedantic(turn, rounds=5 if task == "tree" else 15, warmup_rounds=1)
    finally:
        for client in clients.values():
            client.close()
    expected = answers["xenparley"]
    assert all(answer == expected for answer in answers.values()), {
        name: answer for name, answer in answers.items() if task == "tree"
    }
    medians = {name: statistics.median(taken[1:]) for name, taken in times.items()}
    benchmark.extra_info.update(medians)
    MEDIANS[daemon.kind, task] = medians
    BEST[daemon.kind, task] = {name: min(taken[1:]) for name, taken in times.items()}
    DAEMON[daemon.kind, task] = min(busy[1:])
