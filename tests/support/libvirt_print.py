"""What libvirt adds to a guest when it prints it: by release, and by the capabilities of a host.

The corpus holds libvirt's own output. Its readers of XM files and xl.cfg end with a step that
fills in what every guest of such a host has: drive addresses, an IDE controller, a video card, the
balloon, the loader. None of it is in the file, so xenparley's readers say nothing of it.
"""

from __future__ import annotations

from attrs import evolve, frozen

from xenparley.domain.config import (
    Controller,
    Disk,
    Extra,
    GraphicsListen,
    GuestConfig,
    Input,
    Loader,
    MemBalloon,
    Video,
)

__all__ = ["Host", "printed"]


@frozen(kw_only=True)
class Host:
    """A host of libvirt's tests: what it runs guests as, and how its libvirt prints them."""

    arch: str
    video_kib: int
    loader: str | None = None
    firmware: str | None = None
    balloon: bool = True


def _addressed(disk: Disk) -> Disk:
    if disk.bus != "ide":
        return disk
    number = ord(disk.target[2]) - ord("a")
    words = f"controller='0' bus='{number // 2}' target='0' unit='{number % 2}'"
    extra = Extra("xml", "address", f"<address type='drive' {words}/>")
    return evolve(disk, extras=(*disk.extras, extra))


def printed(config: GuestConfig, host: Host) -> GuestConfig:
    """Return the guest as a libvirt of 2017 prints it."""
    boot = evolve(config.boot, arch=host.arch)
    hvm = config.virt == "hvm"
    if boot.loader is not None:
        boot = evolve(boot, loader=evolve(boot.loader, type="rom"))
    elif hvm and boot.firmware == "efi":
        loader = Loader(path=host.firmware, type="pflash", readonly=True)
        boot = evolve(boot, firmware=None, loader=loader)
    elif hvm and host.loader is not None:
        boot = evolve(boot, loader=Loader(path=host.loader, type="rom"))
    inputs = config.inputs
    if not hvm and not inputs:
        inputs = (Input(type="mouse", bus="xen"), Input(type="keyboard", bus="xen"))
    videos = config.videos
    if config.graphics and not videos:
        model, kib = ("cirrus", host.video_kib) if hvm else ("xen", 4096)
        videos = (Video(model=model, vram_kib=kib, heads=1, primary=True),)
    graphics = tuple(
        evolve(g, listens=g.listens or (GraphicsListen(type="address"),)) for g in config.graphics
    )
    disks = tuple(_addressed(disk) for disk in config.disks)
    controllers = config.controllers
    if any(disk.bus == "ide" for disk in disks):
        controllers = (Controller(type="ide", index=0), *controllers)
    return evolve(
        config,
        boot=boot,
        disks=disks,
        controllers=controllers,
        inputs=inputs,
        graphics=graphics,
        videos=videos,
        balloon=MemBalloon() if host.balloon else None,
    )
