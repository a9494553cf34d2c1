"""The same host for asyncio programs: every call runs on a thread of its own pool.

A cancelled await lets go of the call, it does not stop it: a command that was sent stays sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from xenparley.application.connecting import connect
from xenparley.application.events import EventStream
from xenparley.application.host import Host
from xenparley.domain.events import GuestEvent

__all__ = ["AsyncEventStream", "AsyncHost", "connect_async"]

P = ParamSpec("P")
T = TypeVar("T")

#: Calls of one host that may run at once; more wait their turn.
THREADS = 16
#: Seconds between looks whether a waiting consumer's stream is still wanted.
_TICK_S = 0.5


class _Method(Generic[P, T]):
    """A method of Host, as a coroutine function with the same arguments."""

    def __init__(self, method: Callable[Concatenate[Host, P], T]) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> _Method[P, T]: ...
    @overload
    def __get__(self, instance: AsyncHost, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, instance: AsyncHost | None, owner: type) -> object:
        if instance is None:
            return self
        method, host, run = self._method, instance.host, instance._run

        async def call(*args: P.args, **kwargs: P.kwargs) -> T:
            return await run(partial(method, host, *args, **kwargs))

        call.__doc__ = method.__doc__
        return call


class AsyncHost:
    """A :class:`~xenparley.application.host.Host` for asyncio. Made by :func:`connect_async`.

    Methods, arguments and errors are the host's own. ``host`` is the synchronous one.
    """

    def __init__(self, host: Host) -> None:
        self.host = host
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="xenparley-async")

    list = _Method(Host.list)
    find = _Method(Host.find)
    config = _Method(Host.config)
    host_info = _Method(Host.host_info)
    host_capabilities = _Method(Host.host_capabilities)
    numa_nodes = _Method(Host.numa_nodes)
    console_ring = _Method(Host.console_ring)
    cpupools = _Method(Host.cpupools)
    scheduler = _Method(Host.scheduler)
    memory = _Method(Host.memory)
    vcpus = _Method(Host.vcpus)
    scheduler_parameters = _Method(Host.scheduler_parameters)
    devices = _Method(Host.devices)
    cpu_time_ns = _Method(Host.cpu_time_ns)
    uptime_s = _Method(Host.uptime_s)
    block_stats = _Method(Host.block_stats)
    interface_stats = _Method(Host.interface_stats)
    consoles = _Method(Host.consoles)
    displays = _Method(Host.displays)
    define = _Method(Host.define)
    undefine = _Method(Host.undefine)
    set_autostart = _Method(Host.set_autostart)
    set_memory = _Method(Host.set_memory)
    set_max_memory = _Method(Host.set_max_memory)
    set_vcpus = _Method(Host.set_vcpus)
    pin_vcpu = _Method(Host.pin_vcpu)
    set_scheduler_parameters = _Method(Host.set_scheduler_parameters)
    attach_device = _Method(Host.attach_device)
    detach_device = _Method(Host.detach_device)
    change_media = _Method(Host.change_media)
    create = _Method(Host.create)
    start = _Method(Host.start)
    pause = _Method(Host.pause)
    unpause = _Method(Host.unpause)
    shutdown = _Method(Host.shutdown)
    reboot = _Method(Host.reboot)
    destroy = _Method(Host.destroy)
    save = _Method(Host.save)
    restore = _Method(Host.restore)
    dump = _Method(Host.dump)
    migrate = _Method(Host.migrate)
    rename = _Method(Host.rename)
    trigger = _Method(Host.trigger)
    ensure_defined = _Method(Host.ensure_defined)
    ensure_running = _Method(Host.ensure_running)
    ensure_paused = _Method(Host.ensure_paused)
    ensure_stopped = _Method(Host.ensure_stopped)
    ensure_absent = _Method(Host.ensure_absent)
    wait_for = _Method(Host.wait_for)
    channels = _Method(Host.channels)
    explain = _Method(Host.explain)

    async def events(
        self,
        *,
        poll: float | None = None,
        debounce: float | None = None,
        timeout: float | None = None,
    ) -> AsyncEventStream:
        """Return a stream for ``async for``; close it when done, or use ``async with``."""
        stream = await self._run(
            partial(self.host.events, poll=poll, debounce=debounce, timeout=timeout)
        )
        return AsyncEventStream(stream)

    def stop_guard(self) -> AbstractContextManager[None]:
        """Return the host's guard against being stopped, for ``with`` in the main thread."""
        return self.host.stop_guard()

    async def close(self) -> None:
        """Close the host. Idempotent."""
        await self._run(self.host.close)
        self._pool.shutdown(wait=False)

    async def __aenter__(self) -> AsyncHost:
        """Return the host itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        await self.close()

    async def _run(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, function)


class AsyncEventStream:
    """Events for ``async for``. A thread of its own waits for the next one."""

    def __init__(self, stream: EventStream) -> None:
        self._stream = stream
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="xenparley-events")
        self._closed = False

    async def get(self, timeout: float | None = None) -> GuestEvent | None:
        """Return the next event; None after ``timeout`` seconds or when it is closed."""
        loop = asyncio.get_running_loop()
        until = None if timeout is None else loop.time() + timeout
        while not self._closed:
            tick = _TICK_S if until is None else min(_TICK_S, until - loop.time())
            if tick < 0:
                return None
            event = await loop.run_in_executor(self._pool, self._stream.get, tick)
            if event is not None:
                return event
        return None

    async def close(self) -> None:
        """End the stream. Idempotent."""
        self._closed = True
        self._stream.close()
        self._pool.shutdown(wait=False)

    def __aiter__(self) -> AsyncIterator[GuestEvent]:
        """Iterate until it is closed."""
        return self._iterate()

    async def _iterate(self) -> AsyncIterator[GuestEvent]:
        while True:
            event = await self.get()
            if event is None:
                return
            yield event

    async def __aenter__(self) -> AsyncEventStream:
        """Return the stream itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        await self.close()


async def connect_async(uri: str | None = None, **options: Any) -> AsyncHost:
    """Connect as :func:`xenparley.connect` does, without blocking the loop."""
    loop = asyncio.get_running_loop()
    return AsyncHost(await loop.run_in_executor(None, partial(connect, uri, **options)))
