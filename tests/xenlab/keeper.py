"""The process that owns a machine: QEMU ends with it, and it ends with its owner or its time."""

from __future__ import annotations

import json
import os
import re
import secrets
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from xenlab.locks import die_with_parent, try_lock

__all__ = ["BUSY", "Settings", "keep"]

BUSY = 75
FORWARD = re.compile(r"127\.0\.0\.1\s+(\d+)\s+10\.0\.2\.15\s+7000")


@dataclass(frozen=True)
class Settings:
    """How to boot: memory in MiB, the machine's longest life in seconds."""

    image: str
    memory: int = 4096
    dom0_memory: int = 1024
    cpus: int = 2
    xenstored: str = "ocaml"
    lifetime: float = 7200.0
    xen_arguments: str = ""


def command(settings: Settings) -> list[str]:
    """Return QEMU's command line; its folder is the machine's."""
    image = Path(settings.image)
    # eager-fpu: Xen would switch the vector registers lazily, when a domain's first use of them
    # faults; AVX instructions don't fault here (QEMU 7.2), and find another domain's values in
    # them: 1 in 100 slices of a process of dom0 beside a busy PVH guest, of 177,000 eagerly none.
    # Processes that use many threads died of it, xl too.
    memory = f"dom0_mem={settings.dom0_memory}M,max:{settings.dom0_memory}M"
    xen = (
        f"console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all {memory} "
        f"dom0_max_vcpus={settings.cpus} noreboot bootscrub=off spec-ctrl=eager-fpu "
        f"{settings.xen_arguments}"
    )
    # commas part the modules: none may stand in dom0's own arguments
    kernel = f"{image / 'vmlinux'} console=hvc0 quiet lab.xenstored={settings.xenstored}"
    # smap: dom0 faults at its first IRET. rdtscp: an emulated SVM reports its intercept wrongly,
    # and PVH and HVM guests die of it.
    return [
        *("qemu-system-x86_64", "-name", "xenlab", "-machine", "q35"),
        *("-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max,-smap,-rdtscp"),
        *("-smp", str(settings.cpus), "-m", str(settings.memory)),
        *("-display", "none", "-vga", "none", "-nodefaults", "-no-user-config"),
        *("-monitor", "unix:monitor.sock,server=on,wait=off"),
        *("-chardev", "socket,id=c0,path=console.sock,server=on,wait=off,logfile=console.log"),
        *("-serial", "chardev:c0"),
        *("-kernel", str(image / "xen"), "-append", xen),
        *("-initrd", f"{kernel},{image / 'initrd.img'}"),
        *("-drive", f"file={image / 'root.img'},format=raw,if=none,id=d0,snapshot=on,cache=unsafe"),
        *("-device", "virtio-blk-pci,drive=d0"),
        *("-netdev", "user,id=n0,restrict=on,hostfwd=tcp:127.0.0.1:0-10.0.2.15:7000"),
        *("-device", "virtio-net-pci,netdev=n0,romfile="),
        *("-fsdev", "local,id=f0,path=share,security_model=none,multidevs=remap"),
        *("-device", "virtio-9p-pci,fsdev=f0,mount_tag=share"),
    ]


def _forwarded_port(limit: float = 20.0) -> int:
    """Ask QEMU's monitor which free port it took."""
    end = time.monotonic() + limit
    text = ""
    while time.monotonic() < end:
        try:
            with socket.socket(socket.AF_UNIX) as link:
                link.settimeout(1.0)
                link.connect("monitor.sock")
                link.sendall(b"info usernet\n")
                while not (found := FORWARD.search(text)):
                    data = link.recv(4096)
                    if not data:
                        break
                    text += data.decode("ascii", "replace")
                if found:
                    return int(found[1])
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"QEMU's monitor names no forwarded port: {text!r}")


def _write_state(**state: object) -> None:
    partial = Path("state.json.new")
    partial.write_text(json.dumps(state), encoding="utf-8")
    partial.rename("state.json")


def _wait(qemu: subprocess.Popen[bytes], owner: int | None, end: float) -> str:
    """Wait until there is a reason to end the machine, and return it."""
    while True:
        if qemu.poll() is not None:
            return f"QEMU ended with status {qemu.returncode}"
        if time.monotonic() > end:
            return "its time is over"
        watched = [] if owner is None else [owner]
        ready, _, _ = select.select(watched, [], [], 0.25)
        if ready and owner is not None and os.read(owner, 1) == b"":
            return "its owner is gone"


def keep(folder: Path, settings: Settings, owner: int | None) -> int:
    """Run one machine to its end, in its folder.

    :param owner: a pipe's read end, whose other end the machine's user holds open.
    """
    os.chdir(folder)
    lock = try_lock(Path("machine.lock"))
    if lock is None:
        return BUSY
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("asked to stop"))
    end = time.monotonic() + settings.lifetime
    for old in ("state.json", "monitor.sock", "console.sock", "console.log"):
        Path(old).unlink(missing_ok=True)
    token = secrets.token_hex(16)
    Path("share").mkdir(exist_ok=True)
    secret = Path("share/.token")
    secret.unlink(missing_ok=True)
    secret.touch(0o600)
    secret.write_text(token, encoding="ascii")
    _write_state(keeper=os.getpid(), image=settings.image)
    qemu = subprocess.Popen(command(settings), stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
    try:
        port = _forwarded_port()
        _write_state(
            keeper=os.getpid(), qemu=qemu.pid, image=settings.image, port=port, token=token
        )
        print(f"ended: {_wait(qemu, owner, end)}", flush=True)
    finally:
        qemu.kill()
        qemu.wait()
        Path("state.json").unlink(missing_ok=True)
        os.close(lock)
    return 0
