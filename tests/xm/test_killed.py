"""A writer that is killed at any moment leaves the old file or the new one, whole."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest
from attrs import evolve

from support.level import examples
from xenparley.domain.config import Boot, GuestConfig

#: Redefines one guest for ever, and is killed; says what was found in the file each time.
SCRIPT = textwrap.dedent(
    """
    import os, random, signal, sys, time
    from xenparley.domain.config import Boot, GuestConfig
    from xenparley.negotiation.capability import Role
    from xenparley_xm.channel import XmChannel

    folder, times, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    chance = random.Random(seed)
    path = os.path.join(folder, "web")

    def write(mib):
        channel = XmChannel({"folder": folder, "toolstack": "xm"})
        config = GuestConfig(
            name="web", uuid="6b6e5a3a-7d0c-4d4e-9f5a-0a8f4f5b8f11",
            memory_kib=mib * 1024, max_memory_kib=mib * 1024, boot=Boot(kernel="/boot/vmlinuz"),
        )
        channel.port(Role.DEFINITIONS).define(config, deadline=time.monotonic() + 60)
        channel.close()

    whole = []
    for mib in (100, 200):
        write(mib)
        with open(path, "rb") as file:
            whole.append(file.read())
    assert len(whole[0]) > 100_000 and whole[0] != whole[1]
    began = time.monotonic()
    for turn in range(4):
        write(100 + turn % 2 * 100)
    longest = (time.monotonic() - began) / 2
    seen = [0, 0]
    for turn in range(times):
        child = os.fork()
        if child == 0:
            turn = 0
            while True:
                turn += 1
                write(100 + turn % 2 * 100)
        time.sleep(chance.uniform(0, longest))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with open(path, "rb") as file:
            seen[whole.index(file.read())] += 1
    print(*seen)
    """
)


def killed(files, times, seed):
    comment = "# " + "kept " * 20 + "\n"
    files.write(
        "web",
        comment * 1200
        + 'name = "web"\nuuid = "6b6e5a3a-7d0c-4d4e-9f5a-0a8f4f5b8f11"\nmemory = 100\n'
        + 'maxmem = 100\nkernel = "/boot/vmlinuz"\n',
    )
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(files.path), str(times), str(seed)],
        capture_output=True,
        text=True,
        timeout=100 + times,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    seen = [int(word) for word in done.stdout.split()]
    assert sum(seen) == times
    # Nobody holds the lock any more, and what was left behind goes with the next write.
    files.define(GuestConfig(name="next", memory_kib=65536, boot=Boot(kernel="/boot/vmlinuz")))
    files.define(evolve(files.read("web"), vcpus=evolve(files.read("web").vcpus, maximum=2)))
    assert sorted(path.name for path in files.path.iterdir()) == ["next", "web"]
    return seen


def test_killed_a_few_times(files):
    killed(files, 8, seed=1)


@pytest.mark.heavy
@pytest.mark.timeout(600)
def test_killed_many_times(files):
    seen = killed(files, examples(200), seed=2)
    assert min(seen) > 0, "both contents were met"
