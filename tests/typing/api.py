"""The public API as a type checker sees it: checked by mypy in strict mode, never run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from typing_extensions import assert_type

import xenparley
from xenparley.domain.config import Disk, GuestConfig
from xenparley.plugin.spi import AdapterSpec, Channel, ChannelContext
from xenparley.ports.memory import MemoryInfo
from xenparley.ports.vcpus import VcpuInfo


def reads(host: xenparley.Host) -> None:
    assert_type(host.list(), xenparley.Listing)
    for guest in host.list(all=True, timeout=2.0):
        assert_type(guest, xenparley.GuestInfo)
        assert_type(guest.domid, int | None)
        assert_type(guest.phase, xenparley.Phase | None)
        assert_type(guest.ref, xenparley.GuestRef)
    assert_type(host.find("a", by="name"), xenparley.GuestInfo)
    assert_type(host.find(3), xenparley.GuestInfo)
    assert_type(host.config("a"), GuestConfig)
    assert_type(host.memory("a"), MemoryInfo)
    assert_type(host.vcpus("a"), Sequence[VcpuInfo])
    assert_type(host.host_info(), xenparley.HostInfo)
    assert_type(host.channels(), tuple[xenparley.ChannelStatus, ...])
    assert_type(host.explain(xenparley.Capability.PAUSE), xenparley.Explanation)


def commands(host: xenparley.Host, config: GuestConfig, disk: Disk) -> None:
    assert_type(host.define(config), xenparley.GuestRef)
    assert_type(host.start("a", paused=True, wait=False, timeout=1), xenparley.Outcome)
    assert_type(host.destroy(xenparley.GuestRef(domid=3), force=True), xenparley.Outcome)
    assert_type(host.ensure_running(config), xenparley.Outcome)
    assert_type(host.ensure_absent("a"), None)
    host.attach_device("a", disk)
    host.start("a", force=True)  # type: ignore[call-arg]
    host.find(1.5)  # type: ignore[arg-type]


def events(host: xenparley.Host) -> None:
    with host.events(poll=1, debounce=5.0, timeout=30) as stream:
        assert_type(stream.get(1.0), xenparley.GuestEvent | None)
        for event in stream:
            assert_type(event.kind, xenparley.EventKind)


async def asynchronous() -> None:
    host = await xenparley.connect_async("sim:")
    assert_type(host, xenparley.AsyncHost)
    assert_type(await host.list(all=True), xenparley.Listing)
    assert_type(await host.start("a", wait=False), xenparley.Outcome)
    await host.start("a", force=True)  # type: ignore[call-arg]
    async for event in await host.events(debounce=5.0):
        assert_type(event, xenparley.GuestEvent)


def adapters(context: ChannelContext, make: type[Channel]) -> AdapterSpec:
    def factory(given: ChannelContext) -> Channel:
        return make()

    return AdapterSpec(
        name="mine", factory=factory, offers=(), schemes=frozenset({"xen"}), summary="mine"
    )


assert_type(xenparley.connect("sim:"), xenparley.Host)
asyncio.run(asynchronous())
