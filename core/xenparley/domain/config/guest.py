"""What a guest is to be: :class:`GuestConfig` and its parts other than devices.

``pv`` guests are paravirtualised, ``hvm`` fully virtualised, ``pvh`` (Xen 4.10 and later) in
between. Formats read and write this model; what they hold beside it is kept in ``extras``.
"""

from __future__ import annotations

from attrs import field, frozen

from xenparley.domain.config import devices as d
from xenparley.domain.config.extra import Extra

__all__ = ["Boot", "Clock", "Feature", "GuestConfig", "Loader", "Timer", "VcpuPin", "Vcpus"]


@frozen(kw_only=True)
class Loader:
    """Firmware of an hvm guest. ``path`` e.g. /usr/lib/xen/boot/hvmloader."""

    path: str | None = None
    type: str | None = None
    readonly: bool | None = None
    secure: bool | None = None


@frozen(kw_only=True)
class Boot:
    """How a guest comes up.

    A pv guest has a ``bootloader`` (run on the host; '' means the host's default one) or a
    ``kernel``; an hvm guest boots firmware, then ``devices`` in order (``hd``, ``cdrom``,
    ``network``, ``fd``) or the ``kernel``. ``root`` is XenD's and xl's separate root= argument.
    """

    virt: str = "pv"
    #: Another spelling of the type than libvirt's own for it (``linux``, ``hvm``, ``xenpvh``).
    type_name: str | None = None
    arch: str | None = None
    machine: str | None = None
    loader: Loader | None = None
    nvram: str | None = None
    firmware: str | None = None
    kernel: str | None = None
    initrd: str | None = None
    cmdline: str | None = None
    root: str | None = None
    bootloader: str | None = None
    bootloader_args: str | None = None
    devices: tuple[str, ...] = ()
    menu: bool | None = None
    extras: tuple[Extra, ...] = ()


@frozen(kw_only=True)
class VcpuPin:
    """Host CPUs that one virtual CPU may run on, as a range list (``0-3,^2``)."""

    vcpu: int
    cpuset: str
    extras: tuple[Extra, ...] = ()


@frozen(kw_only=True)
class Vcpus:
    """Virtual CPUs: ``maximum`` of them, ``current`` online at the start (None: all).

    ``cpuset`` lists the host CPUs that all of them may run on (``0-3,^2``).
    """

    maximum: int = 1
    current: int | None = None
    cpuset: str | None = None
    placement: str | None = None
    pins: tuple[VcpuPin, ...] = ()
    #: Scheduler parameters: credit's weight (256 is normal) and cap (percent of one CPU).
    weight: int | None = None
    cap: int | None = None


@frozen(kw_only=True)
class Feature:
    """A feature switched on or off: acpi, apic, pae, hap, viridian, ...

    ``state`` None means that it was named without a state, which is on. A group (``hyperv``,
    ``xen``) has ``features`` of its own (``e820_host``, ``passthrough``) and maybe a ``mode``.
    """

    name: str
    state: str | None = None
    mode: str | None = None
    features: tuple[Feature, ...] = ()
    extras: tuple[Extra, ...] = ()

    @property
    def enabled(self) -> bool:
        """Whether the guest gets it."""
        return self.state != "off"


@frozen(kw_only=True)
class Timer:
    """A timer: ``hpet``, ``tsc``, ... ``mode`` is tsc's (native, emulate, paravirt, ...)."""

    name: str
    present: bool | None = None
    mode: str | None = None
    tickpolicy: str | None = None
    extras: tuple[Extra, ...] = ()


@frozen(kw_only=True)
class Clock:
    """The guest's clock. ``offset``: ``utc``, ``localtime``, ``variable``, ``timezone``.

    ``adjustment`` is seconds off the base as text (or ``reset``), ``basis`` utc or localtime.
    """

    offset: str | None = None
    adjustment: str | None = None
    basis: str | None = None
    timezone: str | None = None
    timers: tuple[Timer, ...] = ()
    extras: tuple[Extra, ...] = ()


@frozen(kw_only=True)
class GuestConfig:
    """What a guest is to be. Memory in KiB: ``memory_kib`` at its start, the maximum beside it.

    ``domid`` is the id that a live document carried; it is no part of the definition. ``uuid``
    None means that whoever defines or creates the guest gives it one. Lifecycle actions are
    libvirt's words: destroy, restart, rename-restart, preserve, coredump-destroy,
    coredump-restart, soft-reset (``on_reboot`` and others, Xen 4.6 and later).
    """

    name: str
    uuid: str | None = None
    domid: int | None = None
    title: str | None = None
    description: str | None = None
    memory_kib: int = 0
    max_memory_kib: int | None = None
    vcpus: Vcpus = Vcpus()
    boot: Boot = Boot()
    features: tuple[Feature, ...] = ()
    clock: Clock | None = None
    on_poweroff: str | None = None
    on_reboot: str | None = None
    on_crash: str | None = None
    on_watchdog: str | None = None
    on_soft_reset: str | None = None
    emulator: str | None = None
    disks: tuple[d.Disk, ...] = ()
    controllers: tuple[d.Controller, ...] = ()
    interfaces: tuple[d.Interface, ...] = ()
    serials: tuple[d.CharDevice, ...] = ()
    parallels: tuple[d.CharDevice, ...] = ()
    consoles: tuple[d.CharDevice, ...] = ()
    channels: tuple[d.CharDevice, ...] = ()
    inputs: tuple[d.Input, ...] = ()
    graphics: tuple[d.Graphics, ...] = ()
    videos: tuple[d.Video, ...] = ()
    sounds: tuple[d.Sound, ...] = ()
    pci: tuple[d.HostPci, ...] = ()
    usb: tuple[d.HostUsb, ...] = ()
    balloon: d.MemBalloon | None = None
    #: CPU pool the guest runs in (since Xen 4.1).
    cpupool: str | None = None
    #: Started by the host when it boots; None: not said.
    autostart: bool | None = None
    extras: tuple[Extra, ...] = field(default=())

    @property
    def virt(self) -> str:
        """``pv``, ``hvm`` or ``pvh``."""
        return self.boot.virt

    @property
    def maximum_kib(self) -> int:
        """The maximum memory in KiB: what is said, else the memory at the start."""
        return self.memory_kib if self.max_memory_kib is None else self.max_memory_kib

    @property
    def vcpus_online(self) -> int:
        """How many virtual CPUs are online at the start."""
        return self.vcpus.maximum if self.vcpus.current is None else self.vcpus.current
