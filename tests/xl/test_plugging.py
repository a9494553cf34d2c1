"""USB and keyboards through xl: what is plugged, what a failure leaves, what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.xl_subject import fake_xl, settings_of
from xenparley.domain.config import Boot, Controller, GuestConfig, HostUsb, Input
from xenparley.domain.errors import (
    AlreadyExists,
    InvalidInput,
    NotFound,
    OperationFailed,
    OutcomeUnknown,
    ProtocolError,
    Unrepresentable,
    Unsupported,
)
from xenparley.domain.identity import GuestRef
from xenparley.negotiation.capability import Role
from xenparley.plugin.spi import ChannelContext
from xenparley.plugin.uri import parse_uri
from xenparley_xl.channel import make
from xenparley_xl.json_model import config_of
from xenparley_xl.keyboards import parse_vkb_list
from xenparley_xl.usb import UsbPlace, parse_usb_list

CONFIG = GuestConfig(name="web", memory_kib=65536, boot=Boot(kernel="/boot/vmlinuz"))
STICK = HostUsb(bus=1, device=18)
MOUSE = HostUsb(bus=3, device=4)
KEYBOARD = Input(type="keyboard", bus="xen")


@pytest.fixture
def port(channel):
    return channel.port(Role.DEVICES)


@pytest.fixture
def ref(fake):
    domain = fake.hypervisor.create(CONFIG)
    return GuestRef(domid=domain.domid, uuid=domain.handle, name=domain.name)


def shown(port, ref, soon, *kinds):
    found = port.devices(ref, deadline=soon())
    return [(d.kind, d.devid, d.name) for d in found if d.kind in kinds]


def changes(fake):
    return [c for c in fake.calls() if c[0].endswith(("-attach", "-detach"))]


def test_a_device_gets_a_controller_when_there_is_none(fake, port, ref, soon):
    port.attach(ref, STICK, deadline=soon())
    assert changes(fake) == [["usbdev-attach", str(ref.domid), "hostbus=1", "hostaddr=18"]]
    port.attach(ref, MOUSE, deadline=soon())
    assert shown(port, ref, soon, "usb", "vusb") == [
        ("usb", 1, "001:018"),
        ("usb", 2, "003:004"),
        ("vusb", 0, None),
    ]
    with pytest.raises(AlreadyExists, match="001:018"):
        port.attach(ref, STICK, deadline=soon())
    port.detach(ref, STICK, deadline=soon())
    assert changes(fake)[-1] == ["usbdev-detach", str(ref.domid), "0", "1"]
    assert shown(port, ref, soon, "usb", "vusb") == [("usb", 2, "003:004"), ("vusb", 0, None)]
    with pytest.raises(NotFound, match="001:018"):
        port.detach(ref, STICK, deadline=soon())
    assert len(changes(fake)) == 3


def test_a_controller_of_ones_own(fake, port, ref, soon):
    port.attach(ref, Controller(type="usb", model="qusb1", ports=2), deadline=soon())
    port.attach(ref, Controller(type="usb", index=1), deadline=soon())
    domid = str(ref.domid)
    assert changes(fake) == [
        ["usbctrl-attach", domid, "type=qusb", "version=1", "ports=2"],
        ["usbctrl-attach", domid],
    ]
    placed = HostUsb(bus=1, device=18, guest_bus=0, guest_port=2)
    port.attach(ref, placed, deadline=soon())
    assert shown(port, ref, soon, "usb") == [("usb", 2, "001:018")]
    with pytest.raises(AlreadyExists, match="port 2"):
        port.attach(ref, HostUsb(bus=3, device=4, guest_bus=0, guest_port=2), deadline=soon())
    with pytest.raises(InvalidInput, match="1 to 2"):
        port.attach(ref, HostUsb(bus=3, device=4, guest_bus=0, guest_port=3), deadline=soon())
    with pytest.raises(NotFound, match="controller 7"):
        port.attach(ref, HostUsb(bus=3, device=4, guest_bus=7), deadline=soon())
    with pytest.raises(InvalidInput, match="which controller"):
        port.attach(ref, HostUsb(bus=3, device=4, guest_port=1), deadline=soon())
    port.attach(ref, HostUsb(bus=3, device=4, guest_bus=0), deadline=soon())
    with pytest.raises(AlreadyExists, match="every port"):
        port.attach(ref, HostUsb(bus=3, device=5, guest_bus=0), deadline=soon())
    with pytest.raises(InvalidInput, match="unplug that first"):
        port.detach(ref, Controller(type="usb", index=0), deadline=soon())
    port.detach(ref, Controller(type="usb", index=1), deadline=soon())
    assert shown(port, ref, soon, "vusb") == [("vusb", 0, None)]
    assert changes(fake)[-1] == ["usbctrl-detach", domid, "1"]


def test_controllers_that_xl_would_not_make_so(fake, port, ref, soon):
    for controller, error in (
        (Controller(type="usb", index=3), InvalidInput),
        (Controller(type="usb", ports=32), InvalidInput),
        (Controller(type="usb", model="ehci"), Unrepresentable),
        (Controller(type="scsi"), InvalidInput),
    ):
        with pytest.raises(error):
            port.attach(ref, controller, deadline=soon())
    for controller, error in (
        (Controller(type="usb"), InvalidInput),
        (Controller(type="usb", index=0), NotFound),
    ):
        with pytest.raises(error):
            port.detach(ref, controller, deadline=soon())
    assert changes(fake) == []


def test_a_controller_left_behind_by_a_failure_is_told(fake, port, ref, soon):
    fake.tell(usb_stays_out=True)
    with pytest.raises(OperationFailed, match=r"controller 0 is new and empty") as caught:
        port.attach(ref, STICK, deadline=soon())
    assert "failed to bind device" in str(caught.value)
    assert shown(port, ref, soon, "usb", "vusb") == [("vusb", 0, None)]
    # The second time there is one to use: nothing new is left.
    with pytest.raises(OperationFailed) as caught:
        port.attach(ref, STICK, deadline=soon())
    assert "new and empty" not in str(caught.value)


@pytest.mark.parametrize("device", [STICK, Controller(type="usb"), KEYBOARD], ids=repr)
def test_the_effect_is_looked_at(fake, port, ref, soon, device):
    commands = ("usbdev-attach", "usbctrl-attach", "vkb-attach")
    with (
        fake.fault("silent", *commands),
        pytest.raises(OperationFailed, match=r"isn.t listed|no controller 0"),
    ):
        port.attach(ref, device, deadline=soon())
    with fake.fault("crash-after", *commands), pytest.raises(OutcomeUnknown):
        port.attach(ref, device, deadline=soon())
    assert len(changes(fake)) == 2


def test_a_device_by_its_ids_is_looked_for_on_the_host(fake, port, ref, soon):
    bus = fake.root / "sys/bus/usb/devices"

    def plug(name, ids, place):
        folder = bus / name
        folder.mkdir(parents=True)
        words = dict(
            zip(("idVendor", "idProduct", "busnum", "devnum"), (*ids, *place), strict=True)
        )
        for file, text in words.items():
            (folder / file).write_text(f"{text}\n")

    plug("1-1", ("0951", "1666"), (1, 18))
    plug("usb1", ("1d6b", "0002"), (1, 1))
    plug("usb2", ("1d6b", "0002"), (2, 1))
    (bus / "1-1:1.0").mkdir()  # an interface of the device: no ids
    port.attach(ref, HostUsb(vendor=0x0951, product=0x1666), deadline=soon())
    assert changes(fake)[-1][2:] == ["hostbus=1", "hostaddr=18"]
    with pytest.raises(InvalidInput, match="001:001, 002:001"):
        port.attach(ref, HostUsb(vendor=0x1D6B, product=2), deadline=soon())
    with pytest.raises(NotFound, match="dead:beef"):
        port.detach(ref, HostUsb(vendor=0xDEAD, product=0xBEEF), deadline=soon())
    with pytest.raises(InvalidInput):
        port.attach(ref, HostUsb(bus=1), deadline=soon())
    assert len(changes(fake)) == 1


def test_keyboards(fake, port, ref, soon):
    port.attach(ref, KEYBOARD, deadline=soon())
    assert shown(port, ref, soon, "vkbd") == [("vkbd", 0, None)]
    assert changes(fake) == [["vkb-attach", str(ref.domid), "backend-type=qemu"]]
    port.attach(ref, KEYBOARD, deadline=soon())
    with pytest.raises(InvalidInput, match="2 virtual keyboards"):
        port.detach(ref, KEYBOARD, deadline=soon())
    fake.hypervisor.detach(ref.domid, KEYBOARD)
    port.detach(ref, KEYBOARD, deadline=soon())
    assert changes(fake)[-1] == ["vkb-detach", str(ref.domid), "1"]
    with pytest.raises(NotFound):
        port.detach(ref, KEYBOARD, deadline=soon())
    with pytest.raises(InvalidInput, match="bus xen"):
        port.attach(ref, Input(type="mouse", bus="usb"), deadline=soon())


@pytest.mark.parametrize(
    ("release", "kinds"),
    [((4, 5), ["console", "vbd"]), ((4, 11), ["vusb"]), ((4, 22), ["vkbd", "vusb"])],
    ids=str,
)
def test_what_an_older_xl_has_no_command_for(tmp_path, release, kinds, soon):
    with fake_xl(tmp_path / "fake", release) as fake:
        context = ChannelContext("xl", parse_uri("xen:///"), local=True, settings=settings_of(fake))
        port = make(context).port(Role.DEVICES)
        domain = fake.hypervisor.create(CONFIG)
        ref = GuestRef(domid=domain.domid, uuid=domain.handle)
        for device, needs in ((Controller(type="usb"), (4, 7)), (KEYBOARD, (4, 12))):
            if release < needs:
                with pytest.raises(Unsupported, match="since Xen"):
                    port.attach(ref, device, deadline=soon())
            else:
                port.attach(ref, device, deadline=soon())
        listed = {d.kind for d in port.devices(ref, deadline=soon())}
        assert listed & {"vusb", "vkbd"} == set(kinds) & {"vusb", "vkbd"}
        # Where the kernel doesn't tell the release, xl itself does by having no such command.
        (fake.root / "sys/hypervisor/version/major").unlink()
        assert {d.kind for d in port.devices(ref, deadline=soon())} == listed
        if release < (4, 7):
            with pytest.raises(Unsupported, match="not implemented"):
                port.attach(ref, STICK, deadline=soon())


LISTED = """\
Devid  Type         BE  state usb-ver ports
0      devicemodel  0   4     2       2    
  Port 1: Bus 001 Device 01a
  Port 2:
Devid  Type         BE  state usb-ver ports
3      qusb         7   1     1       1    
  Port 1:
"""  # noqa: W291  as printf fills its columns


def test_the_table_of_usb():
    first, second = parse_usb_list(LISTED)
    assert (first.devid, first.type, first.ports, first.state) == (0, "devicemodel", 2, 4)
    assert first.held == {1: UsbPlace(1, 26)}  # hexadecimal
    assert (second.devid, second.backend_domid, second.version, second.held) == (3, 7, 1, {})
    assert parse_usb_list("") == []


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "  Port 1:\n",
        "0      qusb   0   4     2       2\n",
        LISTED.replace("Bus 001", "Bus xyz"),
        LISTED.replace("  Port 2:", "  Port two:"),
    ],
)
def test_what_is_no_table_of_usb(text):
    with pytest.raises(ProtocolError):
        parse_usb_list(text)


@given(st.text(max_size=200))
def test_any_text_is_a_table_or_an_error(text):
    for parse in (parse_usb_list, parse_vkb_list):
        try:
            found = parse(text)
        except ProtocolError:
            continue
        assert isinstance(found, list)


def test_the_table_of_keyboards():
    text = (
        "Idx BE handle state  evt-ch    ref ID         BE-type    BE-path                       \n"
        "0   0       0     4     12      8 touch      linux      /local/domain/0/backend/vkbd/1/0\n"
        "1   0       1     9     -1     -1            qemu       /local/domain/0/backend/vkbd/1/1\n"
    )
    assert [(d.kind, d.devid, d.frontend_state) for d in parse_vkb_list(text)] == [
        ("vkbd", 0, 4),
        ("vkbd", 1, None),
    ]
    for bad in ("", "nothing", text + "more"):
        with pytest.raises(ProtocolError):
            parse_vkb_list(bad)


def test_usb_of_a_living_guest():
    held = {
        "c_info": {"type": "pv", "name": "web"},
        "b_info": {"target_memkb": 65536},
        "usbctrls": [
            {"type": "qusb", "devid": 0, "version": 2, "ports": 8},
            {"type": "devicemodel", "devid": 1, "version": 3, "ports": 15},
        ],
        "usbdevs": [
            {"ctrl": 0, "port": 1, "type.hostdev": {"hostbus": 1, "hostaddr": 18}},
            {"ctrl": 0, "port": 2},
            {"type.hostdev": {"hostbus": "1", "hostaddr": 18}},
        ],
    }
    config = config_of(held, 1)
    assert [(c.type, c.index, c.model, c.ports) for c in config.controllers] == [
        ("usb", 0, "qusb2", 8),
        ("usb", 1, None, 15),
    ]
    assert [(u.bus, u.device, u.guest_bus, u.guest_port) for u in config.usb] == [(1, 18, 0, 1)]
