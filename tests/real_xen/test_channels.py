"""Which channels a dom0 of Xen 4.17 offers, looked up by hand."""

from __future__ import annotations

import json
import shutil
import socket
import stat
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.real_xen


@pytest.mark.parametrize(
    "path", ["/dev/xen/privcmd", "/dev/xen/hypercall", "/dev/xen/xenbus", "/dev/xen/evtchn"]
)
def test_the_kernel_offers_its_devices(path: str) -> None:
    assert stat.S_ISCHR(Path(path).stat().st_mode)


def test_the_old_name_of_privcmd_is_there_too() -> None:
    assert Path("/proc/xen/privcmd").exists()


def test_xenstored_listens_on_its_socket() -> None:
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(10)
        link.connect("/run/xenstored/socket")
        # read, request 7, no transaction: /local/domain/0/name
        path = b"/local/domain/0/name\0"
        words = (2, 7, 0, len(path))
        link.sendall(b"".join(word.to_bytes(4, "little") for word in words) + path)
        data = b""
        while len(data) < 16 + len(b"Domain-0"):
            more = link.recv(256)
            assert more, "xenstored closed the connection"
            data += more
    assert data[16:] == b"Domain-0"


def test_xl_is_installed() -> None:
    assert shutil.which("xl") is not None


def test_there_is_a_folder_for_configurations() -> None:
    assert Path("/etc/xen").is_dir()


def test_there_is_no_xend() -> None:
    assert not Path("/var/lib/xend").exists()
    for port in (8000, 8006):
        with socket.socket() as link:
            link.settimeout(10)
            assert link.connect_ex(("127.0.0.1", port)) != 0


def test_xenparley_tells_truly_which_channels_exist() -> None:
    evidence = {
        "hypercall": Path("/dev/xen/privcmd").exists(),
        "xenstore": Path("/run/xenstored/socket").exists(),
        "xend": False,
        "xl": shutil.which("xl") is not None,
    }
    words = ["xenparley", "channels", "--format", "json", "--timeout", "100"]
    done = subprocess.run(words, capture_output=True, encoding="utf-8", timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    told = {channel["name"]: channel for channel in json.loads(done.stdout)["channels"]}
    assert told
    assert "sim" not in told
    for name, channel in told.items():
        if name in evidence:
            expected = "available" if evidence[name] else "unavailable"
            assert channel["state"] == expected, channel
        if channel["state"] != "available":
            assert channel["reason"]
            assert not channel["offers"]
