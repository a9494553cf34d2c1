"""Documents: what is written is read back, the rest is refused or stays."""

from __future__ import annotations

import pytest
from attrs import evolve
from xenparley_libvirt.documents import read, written

from xenparley.domain.config import Boot, Disk, DiskSource, Graphics, GuestConfig, Interface, Vcpus
from xenparley.domain.errors import ProtocolError, Unrepresentable

CONFIG = GuestConfig(
    name="a <&> b",
    uuid="5a1d6e0c-2f0f-4f8b-9f3c-0a4b6c7d8e9f",
    memory_kib=1000,
    max_memory_kib=2000,
    vcpus=Vcpus(maximum=4, current=2, cpuset="0-3"),
    boot=Boot(virt="hvm", devices=("cdrom", "hd")),
    on_crash="restart",
    disks=(
        Disk(target="xvda", source=DiskSource(type="block", path="/dev/vg/a"), driver="phy"),
        Disk(target="hdc", device="cdrom", readonly=True),
    ),
    interfaces=(Interface(source="xenbr0", mac="00:16:3e:00:00:01", script="vif-route"),),
)


def test_what_is_written_is_read():
    assert read(written(CONFIG, "xen")) == CONFIG


def test_what_nobody_here_knows_stays():
    before = written(CONFIG, "xen").replace("<devices>", "<clock offset='utc'/><devices><sound/>")
    before = before.replace('<target dev="xvda" />', '<target dev="xvda" /><serial>7</serial>')
    again = written(evolve(CONFIG, name="b", interfaces=()), "xen", before)
    assert "<clock" in again
    assert "<sound" in again
    assert "<serial>7</serial>" in again
    assert read(again) == evolve(CONFIG, name="b", interfaces=())


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"title": "x"}, "title"),
        ({"graphics": (Graphics(password="secret"),)}, "graphics"),
        ({"disks": (Disk(target="xvda", cache="none"),)}, "disks"),
        ({"disks": (Disk(target="xvda", source=DiskSource(type="dir", path="/")),)}, "disk xvda"),
        ({"interfaces": (Interface(type="ethernet"),)}, "interface None"),
        ({"vcpus": Vcpus(weight=512)}, "vcpus"),
    ],
)
def test_what_can_not_be_written_is_refused_with_its_place(changes, place):
    with pytest.raises(Unrepresentable) as caught:
        written(evolve(CONFIG, **changes), "xen")
    assert place in [problem.place for problem in caught.value.problems]
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "<domain", "<domain><memory unit='x'>1</memory></domain>", "<d><vcpu>x</vcpu></d>"]
)
def test_nonsense_is_told(text):
    with pytest.raises(ProtocolError):
        read(text)
