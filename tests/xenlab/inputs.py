"""The inputs of a build and their hash: a changed input makes another key, hence a rebuild."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from xenlab.places import HERE, LabError, Missing

__all__ = ["Inputs", "base_key", "gather", "image_key", "key_of"]

SUITES = ("bookworm", "bookworm-updates", "bookworm-security")
DOM0_PACKAGES = (
    "xen-utils-4.17",
    "xen-utils-common",
    "xenstore-utils",
    "qemu-system-xen",
    "python3",
    "kmod",
    "udev",
    "iproute2",
    "procps",
    "busybox-static",
)
PEER_PACKAGES = (
    "libvirt-daemon",
    "libvirt-daemon-driver-xen",
    "libvirt-clients",
    "python3-libvirt",
    "python3-pyxs",
)
KERNELS = ("linux-image-amd64", "linux-image-cloud-amd64")
HYPERVISOR = "xen-hypervisor-4.17-amd64"
_APT = {**os.environ, "LC_ALL": "C"}


@dataclass(frozen=True)
class Inputs:
    """What a build is made from, besides the files of this folder."""

    sources: tuple[str, ...]
    versions: tuple[str, ...]
    packages: tuple[str, ...]
    peers: bool


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, env=_APT, capture_output=True, encoding="utf-8", check=True)
    except (OSError, subprocess.CalledProcessError) as exc:
        raise LabError(f"{' '.join(command)}: {exc}") from exc
    return done.stdout


def _sources() -> tuple[str, ...]:
    form = "--format=$(ORIGIN)|$(CODENAME)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)"
    listed = _output("apt-get", "indextargets", form, "Created-By: Packages").splitlines()
    lines = set()
    for origin, codename, uri, release, component in (row.split("|") for row in listed):
        if origin == "Debian" and codename in SUITES and component == "main":
            lines.add(f"deb {uri} {release} {component}")
    if not lines:
        raise Missing(
            "apt knows no Debian 12 package source: "
            "add deb.debian.org's bookworm (or a mirror) and run apt-get update"
        )
    return tuple(sorted(lines))


def _versions() -> tuple[str, ...]:
    names = (HYPERVISOR, *KERNELS, "xen-utils-4.17", "qemu-system-xen")
    lines = _output("apt-cache", "policy", *names).splitlines()
    return tuple(line.strip() for line in lines if line.startswith("  Candidate:"))


def gather(peers: bool) -> Inputs:
    """Ask apt for this machine's package sources and the versions that they offer."""
    packages = DOM0_PACKAGES + (PEER_PACKAGES if peers else ())
    return Inputs(_sources(), _versions(), packages, peers)


def key_of(words: Iterable[str], files: Iterable[Path] = ()) -> str:
    """Hash the words in their order, and the files by name, mode and contents."""
    total = hashlib.sha256()
    for word in words:
        total.update(b"w%d:" % len(word.encode()) + word.encode())
    for file in sorted(files):
        data = file.read_bytes()
        mode = file.stat().st_mode & 0o111
        total.update(f"f{file.name}:{bool(mode)}:{len(data)}:".encode() + data)
    return total.hexdigest()[:16]


def base_key(inputs: Inputs) -> str:
    """Return the key of the unpacked packages."""
    words = [*inputs.sources, *inputs.versions, *inputs.packages, str(inputs.peers)]
    return key_of(words, [HERE / "recipe" / "base.sh"])


def image_key(inputs: Inputs) -> str:
    """Return the key of the bootable image."""
    files = [*(HERE / "dom0").iterdir(), HERE / "recipe" / "image.sh"]
    return key_of([base_key(inputs)], (file for file in files if file.is_file()))
