"""What the lab needs of the machine it runs on."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

__all__ = ["PACKAGES", "absent_packages", "install", "missing_for_build", "missing_for_run"]

PACKAGES = (
    "qemu-system-x86",
    "mmdebstrap",
    "e2fsprogs",
    "cpio",
    "kmod",
    "lz4",
    "busybox-static",
    "binutils",
    "gcc",
    "libc6-dev",
)
QEMU = "qemu-system-x86_64"


def absent_packages() -> list[str]:
    """Return those of the packages that dpkg does not know as installed."""
    query = ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *PACKAGES]
    found = subprocess.run(query, capture_output=True, encoding="utf-8", check=False)
    lines = found.stdout.splitlines()
    there = {line.split()[0] for line in lines if line.endswith(" installed")}
    return [name for name in PACKAGES if name not in there]


def _release() -> str:
    try:
        text = Path("/etc/os-release").read_text(encoding="utf-8")
    except OSError:
        return ""
    fields = dict(line.partition("=")[::2] for line in text.splitlines())
    return "-".join(fields.get(key, "").strip('"') for key in ("ID", "VERSION_ID"))


def missing_for_run() -> list[str]:
    """Return, in words, what is missing to boot a machine that was built."""
    lacks = []
    if os.geteuid() != 0:
        lacks.append("root (the 9p share keeps the owners of files)")
    if shutil.which(QEMU) is None:
        lacks.append(f"{QEMU} (package qemu-system-x86)")
    return lacks


def missing_for_build() -> list[str]:
    """Return, in words, what is missing to build (which includes what a boot needs)."""
    if _release() != "debian-12" or shutil.which("apt-get") is None:
        return ["Debian 12 (the host is built from its packages by its tools)"]
    lacks = []
    if os.geteuid() != 0:
        lacks.append("root (to unpack Debian into a folder)")
    elif subprocess.run(["unshare", "--mount", "--pid", "true"], check=False).returncode != 0:
        lacks.append("the right to mount (unshare --mount --pid)")
    absent = absent_packages()
    if absent:
        lacks.append(f"the packages {' '.join(absent)} (`lab deps --install`)")
    return lacks


def install() -> int:
    """Install the absent packages by apt-get and return its exit status."""
    absent = absent_packages()
    if not absent:
        return 0
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *absent]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(command, env=environment, check=False).returncode
