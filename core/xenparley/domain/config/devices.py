"""Devices of a guest, as libvirt's Xen domains know them.

All are frozen: change one with ``attrs.evolve``. ``extras`` of each keeps what its document said
and the model doesn't know.
"""

from __future__ import annotations

from attrs import field, frozen

from xenparley.domain.config.extra import Extra

__all__ = [
    "CharDevice",
    "CharEndpoint",
    "CharSource",
    "Controller",
    "Disk",
    "DiskHost",
    "DiskSource",
    "Graphics",
    "GraphicsListen",
    "HostPci",
    "HostUsb",
    "Input",
    "Interface",
    "MemBalloon",
    "PciAddress",
    "Sound",
    "Video",
]


def _secret(value: str | None) -> str:
    return "None" if value is None else "'***'"


@frozen
class DiskHost:
    """A server of a network disk."""

    name: str
    port: str | None = None
    transport: str | None = None
    socket: str | None = None
    extras: tuple[Extra, ...] = ()


@frozen(kw_only=True)
class DiskSource:
    """Where a disk's bytes are. ``type``: ``file``, ``block``, ``network``, ``dir``, ``volume``.

    ``path`` is a file or device; for ``network`` it is the image's name, with ``protocol``
    (``rbd``, ``nbd``, ...) and ``hosts``; for ``volume`` the volume's name in ``pool``.
    ``path`` None means an empty drive.
    """

    type: str = "file"
    path: str | None = None
    pool: str | None = None
    protocol: str | None = None
    hosts: tuple[DiskHost, ...] = ()
    auth_user: str | None = None


@frozen(kw_only=True)
class Disk:
    """A disk, CD-ROM or floppy. ``device``: ``disk``, ``cdrom``, ``floppy``, ``lun``.

    ``driver`` is the back end's name (``file``, ``phy``, ``tap``, ``tap2``, ``qemu``), ``format``
    the image's (``raw``, ``qcow2``, ...). ``bus``: ``xen``, ``ide``, ``scsi``, ``fdc``, ``usb``,
    ``virtio``, ``sata``; None means: what the target's name says.
    """

    target: str
    device: str = "disk"
    source: DiskSource = DiskSource()
    bus: str | None = None
    driver: str | None = None
    format: str | None = None
    cache: str | None = None
    discard: str | None = None
    readonly: bool = False
    shareable: bool = False
    transient: bool = False
    #: Name of the domain that serves the back end; None: Domain 0.
    backend_domain: str | None = None
    #: Block script of the toolstack (``script=`` of xl).
    script: str | None = None
    extras: tuple[Extra, ...] = ()


@frozen(kw_only=True)
class Interface:
    """A network interface. ``type``: ``bridge``, ``network``, ``ethernet``, ``hostdev``, ...

    ``source`` is the bridge, network or device it is attached to. ``target`` is the name of the
    host's end (``vifname``). ``rate_kib_s`` limits what the guest sends, in KiB/s.
    """

    type: str = "bridge"
    source: str | None = None
    mac: str | None = None
    model: str | None = None
    script: str | None = None
    ips: tuple[str, ...] = ()
    target: str | None = None
    rate_kib_s: int | None = None
    #: Credit window of the limit in microseconds (netback's ``rate``).
    rate_interval_us: int | None = None
    backend_domain: str | None = None
    driver: str | None = None
    extras: tuple[Extra, ...] = ()


@frozen(kw_only=True)
class CharEndpoint:
    """One end of a network connection; ``mode`` is ``connect`` or ``bind``."""

    mode: str = "connect"
    host: str | None = None
    service: str | None = None
    extras: tuple[Extra, ...] = ()


@frozen(kw_only=True)
class CharSource:
    """What the host's side of a character device is.

    ``type``: ``pty``, ``null``, ``stdio``, ``vc``, ``dev``, ``file``, ``pipe``, ``tcp``, ``udp``,
    ``unix``, ``spicevmc``. ``path`` is the device, file or socket (a pty's: as last seen, it is
    the host's choice). ``mode`` is ``bind`` or ``connect`` for ``unix``.
    """

    type: str = "pty"
    path: str | None = None
    mode: str | None = None
    endpoints: tuple[CharEndpoint, ...] = ()
    #: ``raw`` or ``telnet``, for tcp.
    protocol: str | None = None
    append: bool | None = None


@frozen(kw_only=True)
class CharDevice:
    """A console, serial or parallel port or channel, by which tuple of GuestConfig it is in.

    ``target_type`` is e.g. ``xen``, ``serial``, ``virtio`` for consoles, ``xen`` for channels;
    ``target_name`` a channel's name. ``tty`` is the old spelling of a pty's path.
    """

    source: CharSource = CharSource()
    target_type: str | None = None
    port: int | None = None
    target_name: str | None = None
    tty: str | None = None
    extras: tuple[Extra, ...] = ()


@frozen(kw_only=True)
class GraphicsListen:
    """Where a display listens: ``type`` is ``address``, ``network`` or ``none``."""

    type: str
    address: str | None = None
    network: str | None = None
    extras: tuple[Extra, ...] = ()


@frozen(kw_only=True)
class Graphics:
    """A display: ``type`` is ``vnc``, ``sdl``, ``spice`` or another that a vendor knows.

    ``port`` is the TCP port; with ``autoport`` the host chooses. The password is never shown.
    """

    type: str = "vnc"
    port: int | None = None
    tls_port: int | None = None
    autoport: bool | None = None
    listen: str | None = None
    listens: tuple[GraphicsListen, ...] = ()
    password: str | None = field(default=None, repr=_secret)
    keymap: str | None = None
    display: str | None = None
    xauth: str | None = None
    fullscreen: bool | None = None
    default_mode: str | None = None
    #: OpenGL acceleration.
    gl: bool | None = None
    mouse_mode: str | None = None
    clipboard: bool | None = None
    filetransfer: bool | None = None
    extras: tuple[Extra, ...] = ()


@frozen(kw_only=True)
class Video:
    """A video card: ``model`` is ``cirrus``, ``vga``, ``qxl``, ``xen``, ...; sizes in KiB."""

    model: str | None = None
    vram_kib: int | None = None
    ram_kib: int | None = None
    heads: int | None = None
    primary: bool | None = None
    extras: tuple[Extra, ...] = ()


@frozen(kw_only=True)
class Input:
    """``type``: ``mouse``, ``tablet``, ``keyboard``; ``bus``: ``usb``, ``ps2``, ``xen``."""

    type: str
    bus: str | None = None
    extras: tuple[Extra, ...] = ()


@frozen(kw_only=True)
class Sound:
    """A sound card: ``sb16``, ``es1370``, ``pcspk``, ``ac97``, ``ich6``, ``ich9``, ``all``."""

    model: str
    extras: tuple[Extra, ...] = ()


@frozen(order=True)
class PciAddress:
    """A PCI function: ``dddd:bb:ss.f``."""

    domain: int = 0
    bus: int = 0
    slot: int = 0
    function: int = 0

    def __str__(self) -> str:
        """Write it as Xen and Linux do, in lower-case hexadecimal."""
        return f"{self.domain:04x}:{self.bus:02x}:{self.slot:02x}.{self.function:x}"


@frozen(kw_only=True)
class HostPci:
    """A PCI function of the host given to the guest. ``managed``: detached from its driver."""

    address: PciAddress
    managed: bool = False
    mode: str | None = None
    driver: str | None = None
    permissive: bool | None = None
    #: Where the guest sees it (``vslot``).
    guest_address: PciAddress | None = None
    extras: tuple[Extra, ...] = ()


@frozen(kw_only=True)
class HostUsb:
    """A USB device of the host given to the guest, by bus and device number, or by ids."""

    bus: int | None = None
    device: int | None = None
    vendor: int | None = None
    product: int | None = None
    managed: bool = False
    mode: str | None = None
    #: Number of the guest's USB controller and port on it.
    guest_bus: int | None = None
    guest_port: int | None = None
    extras: tuple[Extra, ...] = ()


@frozen(kw_only=True)
class Controller:
    """A controller: ``type`` is ``usb``, ``ide``, ``scsi``, ``xenbus``, ...

    The two maxima are xenbus' (Xen 4.10 and later): frames of the grant table, event channels.
    """

    type: str
    index: int | None = None
    model: str | None = None
    ports: int | None = None
    max_grant_frames: int | None = None
    max_event_channels: int | None = None
    extras: tuple[Extra, ...] = ()


@frozen(kw_only=True)
class MemBalloon:
    """The memory balloon: ``model`` is ``xen`` or ``none``."""

    model: str = "xen"
    extras: tuple[Extra, ...] = ()
