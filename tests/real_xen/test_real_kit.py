"""The contract kit over each real adapter and the negotiated host, on guests of this dom0.

The laws, which try every capability in the same way, run on simulated hosts.
What upsets a peer (stalls, garbage) is left out: this dom0 has one hypervisor and one xenstored.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import xenparley
from real_xen.guests import KERNELS, Guests
from real_xen.looks import command
from support.negotiated import SPEC as NEGOTIATED
from support.negotiated import NegotiatedChannel
from xenparley.domain.config import Boot, GuestConfig
from xenparley.domain.identity import GuestRef
from xenparley.plugin.spi import AdapterSpec
from xenparley_hypercall.plugin import SPEC as HYPERCALL
from xenparley_testing import ODD_NAMES, Faults, Limits, Subject, all_checks
from xenparley_testing.checks import inventory
from xenparley_testing.contract import perform
from xenparley_testing.registry import Check
from xenparley_testing.subject import FAULTS
from xenparley_xenstore.plugin import SPEC as XENSTORE
from xenparley_xl.plugin import SPEC as XL

pytestmark = [pytest.mark.real_xen, pytest.mark.heavy, pytest.mark.timeout(480)]

TINY = GuestConfig(
    name="contract", memory_kib=4096, boot=Boot(kernel=str(KERNELS / "tiny.elf"), cmdline="idle")
)
#: What the tiny guest can't: it has no drivers for devices, and tells nobody of its memory's map,
#: without which it is neither saved nor dumped. Larger guests do all of that in test_xl.
BEYOND = {"attach_device", "detach_device", "change_media", "save", "restore", "dump"}
CHECKS = [check for check in all_checks() if not check.is_law and check.name not in BEYOND]
#: An HVM guest, for the power button.
HVM = GuestConfig(name="contract", memory_kib=65536, boot=Boot(virt="hvm", devices=("hd",)))
#: xl writes a log that is named after the guest: longer names end in its own words.
NAMES = tuple(name for name in ODD_NAMES if len(name.encode()) <= 240)
_WHY = "the one real host is not upset"


def connected() -> xenparley.Host:
    """Return this host with all its channels."""
    return xenparley.connect("xen:///", timeout=120)


def subject_of(spec: AdapterSpec, guests: Guests, folder: Path) -> Subject:
    """Return an adapter on this dom0; guests of those that make none are made by xl."""

    def make(config: GuestConfig) -> GuestRef:
        made = guests.tiny(name=config.name, uuid=config.uuid)
        return GuestRef(domid=made.domid, uuid=made.uuid, name=made.name)

    def remove(ref: GuestRef) -> None:
        command("xl", "destroy", str(ref.domid), check=False)

    foreign = {"make_guest": make, "remove_guest": remove}
    one = Subject.of(spec, "xen:///").make_channel
    return Subject(
        spec=spec,
        make_channel=(lambda: NegotiatedChannel(connected)) if spec is NEGOTIATED else one,
        template=TINY,
        cdrom_template=HVM,
        faults=Faults(without=dict.fromkeys((*FAULTS, "sent"), _WHY)),
        limits=Limits(call=120.0, settle=60.0, slack=60.0, threads=2, rounds=1),
        image_path=lambda name: str(folder / name),
        remove_image=lambda path: Path(path).unlink(missing_ok=True),
        **({} if spec in (XL, NEGOTIATED) else foreign),
    )


@pytest.mark.parametrize("spec", [HYPERCALL, XENSTORE, XL, NEGOTIATED], ids=lambda spec: spec.name)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.label)
def test_the_adapter_keeps_the_contract(
    spec: AdapterSpec,
    check: Check,
    guests: Guests,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inventory, "ODD_NAMES", NAMES)
    perform(check, subject_of(spec, guests, tmp_path))
