"""Questions about guests and the host."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import evolve, fields_dict

from xenparley.application.base import HostBase
from xenparley.application.finding import Guest
from xenparley.application.reading import ALL_FIELDS
from xenparley.domain.errors import NotFound, XenparleyError
from xenparley.domain.guest import Field, GuestInfo, Listing
from xenparley.negotiation.capability import Capability

if TYPE_CHECKING:
    from xenparley.domain.config import GuestConfig
    from xenparley.domain.host import Cpupool, HostCapabilities, HostInfo, NumaNode
    from xenparley.ports.console import ConsoleInfo, DisplayInfo
    from xenparley.ports.devices import DeviceInfo
    from xenparley.ports.memory import MemoryInfo
    from xenparley.ports.statistics import BlockStats, InterfaceStats
    from xenparley.ports.vcpus import VcpuInfo

__all__ = ["Reads"]


class Reads(HostBase):
    """Reads. Each takes ``timeout`` in seconds; None means the connection's."""

    def list(
        self,
        fields: Collection[Field] | None = None,
        *,
        all: bool = False,  # noqa: A002 - libvirt's and xm's word
        timeout: float | None = None,
    ) -> Listing:
        """List living guests, and with ``all`` the defined ones too.

        ``fields`` None asks for everything but AUTOSTART and DEFINED, and with ``all`` for those
        too. Fewer fields cost less.
        """
        if fields is None:
            fields = ALL_FIELDS if all else ALL_FIELDS[: ALL_FIELDS.index(Field.DEFINED)]
        return self._reader.everything(fields, self._deadline(timeout), all_=all)

    def find(
        self,
        guest: Guest,
        *,
        by: str = "any",
        fields: Collection[Field] | None = None,
        timeout: float | None = None,
    ) -> GuestInfo:
        """Return one guest, by name, UUID or domain id. Raises NotFound, AmbiguousGuest."""
        asked = ALL_FIELDS if fields is None else fields
        return self._finder.one(guest, asked, self._deadline(timeout), by=by)

    def config(
        self, guest: Guest, *, live: bool | None = None, timeout: float | None = None
    ) -> GuestConfig:
        """Return a guest's configuration, passwords included.

        ``live`` True: what the living guest runs with; False: its definition; None: the first
        where it lives, else the second.
        """
        deadline = self._deadline(timeout)
        info = self._target(guest, deadline)
        ref = info.ref
        if live or (live is None and info.living):
            if not info.living:
                raise NotFound(f"{ref} is not living", guest=str(ref), operation="read-live")
            config, _ = self._dispatcher.ask(
                Capability.READ_LIVE,
                ref,
                lambda port, until: port.read_live(ref, deadline=until),
                deadline,
            )
        else:
            kept = info.definition_ref if info.definition else ref
            config, _ = self._dispatcher.ask(
                Capability.READ_DEFINED,
                kept,
                lambda port, until: port.read_defined(kept, deadline=until),
                deadline,
                only=info.sources.get(Field.DEFINED),
            )
        return config  # type: ignore[no-any-return]

    def host_info(self, *, timeout: float | None = None) -> HostInfo:
        """Return what is known of the host, put together from every channel that knows some."""
        # Six classes that a listing can do without.
        from xenparley.domain.host import HostInfo

        deadline = self._deadline(timeout)
        plan = self._dispatcher.plan(Capability.HOST_INFO, deadline=deadline)
        answers: dict[str, HostInfo] = {}
        failures: list[XenparleyError] = []
        for name in plan.candidates:
            try:
                answers[name] = self._channels[name].call(
                    Capability.HOST_INFO,
                    lambda port: port.host_info(deadline=deadline),
                    deadline=deadline,
                )
            except XenparleyError as exc:
                failures.append(exc)
        if not answers:
            raise failures[0]
        merged = HostInfo()
        sources: dict[str, str] = {}
        for attribute in fields_dict(HostInfo):
            if attribute == "sources":
                continue
            for name, info in answers.items():
                value = getattr(info, attribute)
                if value is not None:
                    merged = evolve(merged, **{attribute: value})
                    sources[attribute] = name
                    break
        return evolve(merged, sources=sources)

    def host_capabilities(self, *, timeout: float | None = None) -> HostCapabilities:
        """Return what guests the host can run."""
        return self._whole(  # type: ignore[no-any-return]
            Capability.HOST_CAPABILITIES,
            lambda port, until: port.host_capabilities(deadline=until),
            timeout,
        )

    def numa_nodes(self, *, timeout: float | None = None) -> Sequence[NumaNode]:
        """Return the NUMA nodes with their free memory."""
        return self._whole(  # type: ignore[no-any-return]
            Capability.NUMA_NODES, lambda port, until: port.numa_nodes(deadline=until), timeout
        )

    def console_ring(self, *, timeout: float | None = None) -> str:
        """Return the hypervisor's messages."""
        return self._whole(  # type: ignore[no-any-return]
            Capability.CONSOLE_RING, lambda port, until: port.console_ring(deadline=until), timeout
        )

    def cpupools(self, *, timeout: float | None = None) -> Sequence[Cpupool]:
        """Return the CPU pools."""
        return self._whole(  # type: ignore[no-any-return]
            Capability.CPUPOOLS, lambda port, until: port.cpupools(deadline=until), timeout
        )

    def scheduler(self, *, timeout: float | None = None) -> str:
        """Return the name of the hypervisor's scheduler."""
        return self._whole(  # type: ignore[no-any-return]
            Capability.SCHEDULER, lambda port, until: port.scheduler_name(deadline=until), timeout
        )

    def memory(self, guest: Guest, *, timeout: float | None = None) -> MemoryInfo:
        """Return a guest's memory in KiB."""
        return self._of(Capability.MEMORY, "memory", guest, timeout)  # type: ignore[no-any-return]

    def vcpus(self, guest: Guest, *, timeout: float | None = None) -> Sequence[VcpuInfo]:
        """Return a guest's virtual CPUs."""
        return self._of(Capability.VCPUS, "vcpus", guest, timeout)  # type: ignore[no-any-return]

    def scheduler_parameters(
        self, guest: Guest, *, timeout: float | None = None
    ) -> Mapping[str, int]:
        """Return a guest's scheduling parameters by name."""
        return self._of(  # type: ignore[no-any-return]
            Capability.SCHEDULER_PARAMETERS, "parameters", guest, timeout
        )

    def devices(self, guest: Guest, *, timeout: float | None = None) -> Sequence[DeviceInfo]:
        """Return a living guest's devices."""
        return self._of(Capability.DEVICES, "devices", guest, timeout)  # type: ignore[no-any-return]

    def cpu_time_ns(self, guest: Guest, *, timeout: float | None = None) -> int:
        """Return nanoseconds of CPU time since a guest's start."""
        return self._of(Capability.CPU_TIME, "cpu_time_ns", guest, timeout)  # type: ignore[no-any-return]

    def uptime_s(self, guest: Guest, *, timeout: float | None = None) -> int:
        """Return whole seconds since a living guest was made; a reboot makes it anew."""
        return self._of(Capability.UPTIME, "uptime_s", guest, timeout)  # type: ignore[no-any-return]

    def block_stats(self, guest: Guest, *, timeout: float | None = None) -> Sequence[BlockStats]:
        """Return a living guest's disk statistics."""
        return self._of(Capability.BLOCK_STATS, "block_stats", guest, timeout)  # type: ignore[no-any-return]

    def interface_stats(
        self, guest: Guest, *, timeout: float | None = None
    ) -> Sequence[InterfaceStats]:
        """Return a living guest's interface statistics."""
        return self._of(  # type: ignore[no-any-return]
            Capability.INTERFACE_STATS, "interface_stats", guest, timeout
        )

    def consoles(self, guest: Guest, *, timeout: float | None = None) -> Sequence[ConsoleInfo]:
        """Return where a living guest's consoles are."""
        return self._of(Capability.CONSOLES, "consoles", guest, timeout)  # type: ignore[no-any-return]

    def displays(self, guest: Guest, *, timeout: float | None = None) -> Sequence[DisplayInfo]:
        """Return where a living guest's displays are."""
        return self._of(Capability.DISPLAYS, "displays", guest, timeout)  # type: ignore[no-any-return]

    def _whole(
        self,
        capability: Capability,
        call: Callable[[Any, float], Any],
        timeout: float | None,
    ) -> Any:
        answer, _ = self._dispatcher.ask(capability, None, call, self._deadline(timeout))
        return answer

    def _of(self, capability: Capability, method: str, guest: Guest, timeout: float | None) -> Any:
        deadline = self._deadline(timeout)
        info = self._target(guest, deadline)
        keeper = None if info.living else info.sources.get(Field.DEFINED)
        answer, _ = self._dispatcher.ask(
            capability,
            info.ref,
            lambda port, until: getattr(port, method)(info.ref, deadline=until),
            deadline,
            only=keeper,
        )
        return answer
