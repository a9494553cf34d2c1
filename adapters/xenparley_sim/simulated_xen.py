"""A Xen host of any release: one simulated hypervisor that speaks all its channels at once."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from xenparley.domain.errors import InvalidInput
from xenparley_sim.denials import http_denial, xenstore_denial
from xenparley_sim.gate import Gate
from xenparley_sim.hypervisor import Hypervisor
from xenparley_sim.ioctl import SimulatedDevice
from xenparley_sim.keeper import Keeper
from xenparley_sim.releases import CHANNELS, TOOLSTACKS, release_of
from xenparley_sim.simulated_hypercalls import BareModel, HypercallDoor
from xenparley_sim.store_mirror import StoreMirror
from xenparley_sim.store_service import StoreService
from xenparley_sim.xen_faults import XenFaults
from xenparley_sim.xend_host import XendHost
from xenparley_sim.xend_server import XendServer
from xenparley_sim.xenstored_build import IN_PROCESS
from xenparley_sim.xl_fake import FakeXl

if TYPE_CHECKING:
    from xenparley.plugin.registry import Plugins
    from xenparley_sim.clock import Clock
    from xenparley_sim.facts import HostFacts, Timing
    from xenparley_sim.host_store import HostStore

__all__ = ["USERS", "SimulatedXen"]

#: Who may connect: root, or somebody without rights.
USERS: Final = ("root", "user")


class SimulatedXen:
    """A simulated Xen host that programs meet as they meet a real one. A context manager.

    ``release`` is one of :data:`~xenparley_sim.releases.RELEASES`, ``arch`` what its control
    domain runs on. ``channels`` are those that the host has (as far as the release has them);
    None: all that are usual with the ``toolstack``, which is ``xend`` (up to 4.4), ``xl`` (from
    4.1), None for neither, or by the release when nothing is said. ``directory`` is where its
    sockets and files are (a short path: a socket's name has 107 bytes at most); without one it
    is made, and removed at the end. ``facts`` and ``timing`` change the host's size and pace,
    ``clock`` its time; ``port`` is where XenD listens (0: any). ``xenstored`` is what keeps its
    XenStore: ``in-process``, ``real`` (or ``xenstored``, ``oxenstored``, or a program's path) for
    a daemon of Xen's, ``auto`` for a real one where it is installed. ``start`` raises Unavailable
    when that is not there.

    What is done through one channel shows in the others. ``hypervisor`` is the host seen from
    the inside, ``store`` its XenStore. Raises InvalidInput for what Xen never had.
    """

    def __init__(
        self,
        release: str = "4.17",
        arch: str = "x86_64",
        *,
        channels: Collection[str] | None = None,
        toolstack: str | None = "",
        directory: str | Path | None = None,
        facts: HostFacts | None = None,
        timing: Timing | None = None,
        clock: Clock | None = None,
        port: int = 0,
        xenstored: str | Path = IN_PROCESS,
    ) -> None:
        self.release = release_of(release, arch)
        self.toolstack = self._chosen(toolstack)
        self.channels = self._offered(channels)
        self._given = None if directory is None else Path(directory)
        self.directory = Path()
        self._facts = facts or self.release.facts
        self._timing, self._clock, self._port = timing, clock, port
        self._wanted = str(xenstored)
        #: The program that keeps its XenStore; None: this process does.
        self.xenstored: Path | None = None
        self.store: HostStore
        self._closing = ExitStack()
        self._gates: dict[str, list[Gate]] = {}
        self._started = False

    def _chosen(self, toolstack: str | None) -> str | None:
        if toolstack == "":
            return self.release.toolstack
        if toolstack is not None and toolstack not in TOOLSTACKS:
            raise InvalidInput(f"the toolstack is xend, xl or None, not {toolstack!r}")
        if toolstack == "xend" and not self.release.has_xend:
            raise InvalidInput(f"Xen {self.release.name} has no XenD: it came up to 4.4, on x86")
        if toolstack == "xl" and not self.release.has_xl:
            raise InvalidInput(f"Xen {self.release.name} has no xl: it came with 4.1")
        return toolstack

    def _offered(self, channels: Collection[str] | None) -> frozenset[str]:
        unknown = sorted({*(channels or ())} - {*CHANNELS})
        if unknown:
            raise InvalidInput(f"no channel {unknown[0]!r}; there are {', '.join(CHANNELS)}")
        there = {"xenstore", "hypercall", "xm"}
        if self.toolstack == "xend":
            there.add("xend")
        if self.release.has_xl and self.toolstack is not None:
            # xl is installed beside XenD too, and then refuses to change anything.
            there.add("xl")
        return frozenset(there if channels is None else there.intersection(channels))

    # Life

    def start(self) -> None:
        """Start everything; needed where it is no context manager."""
        if self._started:
            return
        self._started = True
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        closing = self._closing
        if self._given is None:
            self.directory = Path(tempfile.mkdtemp(prefix="xen-"))
            closing.callback(shutil.rmtree, self.directory, ignore_errors=True)
        else:
            self.directory = self._given.absolute()
            self.directory.mkdir(parents=True, exist_ok=True)
        if len(str(self.directory / "xenstored-behind.sock")) > 107:
            raise InvalidInput(f"{self.directory}: too long for a UNIX socket's name")
        self.hypervisor = Hypervisor(clock=self._clock, facts=self._facts, timing=self._timing)
        closing.callback(self.hypervisor.close)
        self._files()
        self._start_store()
        self._start_hypercalls()
        if self.toolstack == "xend":
            self._start_xend()
        if self.release.has_xl and self.toolstack is not None:
            self.xl = FakeXl(self.directory, self.release.version, hypervisor=self.hypervisor)
            closing.callback(self.xl.close)
            if "xl" not in self.channels:
                self.xl.path.unlink()
        self.faults = XenFaults(self)
        closing.callback(self.faults.mend)
        keeper = Keeper(self.hypervisor)
        keeper.start()
        closing.callback(keeper.close)

    def close(self) -> None:
        """End everything and remove what was made, all of it in a directory of its own."""
        self._closing.close()

    def __enter__(self) -> SimulatedXen:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        words = ", ".join(each for each in CHANNELS if each in self.channels)
        return f"<SimulatedXen {self.release.name} {self.release.arch}: {words or 'no channel'}>"

    # The parts

    @property
    def root(self) -> Path:
        """The host's own files: ``etc/xen``, ``proc``, ``sys``."""
        return self.directory / "root"

    @property
    def folder(self) -> Path:
        """Its /etc/xen."""
        return self.root / "etc" / "xen"

    def _files(self) -> None:
        root = self.root
        (root / "sys").mkdir(parents=True, exist_ok=True)
        if self.release.tells_itself:
            version = root / "sys" / "hypervisor" / "version"
            version.mkdir(parents=True, exist_ok=True)
            major, minor = self.release.version
            for name, text in (("major", major), ("minor", minor), ("extra", self.release.extra)):
                (version / name).write_text(f"{text}\n")
        (root / "proc" / "xen").mkdir(parents=True, exist_ok=True)
        (root / "proc" / "xen" / "capabilities").write_text("control_d\n")
        if self.toolstack == "xend":
            lock = root / "var" / "lock" / "subsys" / "xend"
            lock.parent.mkdir(parents=True, exist_ok=True)
            lock.touch()
        if "xm" in self.channels:
            self.folder.mkdir(parents=True, exist_ok=True)
            own = "xend-config.sxp" if self.toolstack == "xend" else "xl.conf"
            (self.folder / own).write_text("# as it was installed\n")

    def _start_store(self) -> None:
        service = StoreService(self.directory, self._wanted, self._closing)
        self.xenstored, self.store = service.program, service.store
        self._settle_store = service.settle
        self.mirror = StoreMirror(
            self.hypervisor,
            service.toolstack,
            sysfs=self.root / "sys",
            libxl=self.toolstack == "xl",
            cleans=self.toolstack == "xend",
        )
        self.mirror.start()
        self._closing.callback(self.mirror.close)
        if "xenstore" not in self.channels:
            return
        path = self._socket("xenstored")
        self._gate("xenstore", Gate(service.socket, xenstore_denial, path=path))
        if self.release.has_read_only_socket:
            path = self.directory / "socket_ro"
            self._gate("xenstore", service.readers_gate(xenstore_denial, path))

    def _start_hypercalls(self) -> None:
        model = BareModel(self.hypervisor, self.mirror.destroyed_bare)
        self.door = HypercallDoor(
            SimulatedDevice(
                model,
                key=self.release.key,
                version=self.release.version,
                extraversion=self.release.extra,
                arch=self.release.arch,
            ),
            there="hypercall" in self.channels,
        )
        self._closing.callback(self.door.release)

    def _start_xend(self) -> None:
        definitions, images = self.directory / "domains", self.directory / "images"
        definitions.mkdir(exist_ok=True)
        images.mkdir(exist_ok=True)
        self.xend = XendHost(
            self.hypervisor, self.release.generation, folder=definitions, files=images
        )
        if "xend" not in self.channels:
            return
        http, xmlrpc = (self.directory / f"{name}-behind.sock" for name in ("xend", "xmlrpc"))
        server = XendServer(self.xend, http_path=http, xmlrpc_path=xmlrpc)
        self._closing.callback(server.close)
        self._gate("xend", Gate(http, http_denial, path=self._socket("xend")))
        if self.release.generation.xmlrpc:
            self._gate("xend", Gate(xmlrpc, http_denial, path=self._socket("xmlrpc")))
        self._gate("xend", Gate(http, http_denial, port=self._port))

    def _socket(self, name: str) -> Path:
        return self.directory / f"{name}.sock"

    def _gate(self, channel: str, gate: Gate) -> None:
        gate.open()
        self._closing.callback(gate.close)
        self._gates.setdefault(channel, []).append(gate)

    def gates(self, channel: str) -> tuple[Gate, ...]:
        """Return the places at which this channel's clients connect."""
        return tuple(self._gates.get(channel, ()))

    def settle(self) -> None:
        """Carry out what has become due, and wait until it shows in every channel.

        Guests have taken then what was written into XenStore: a real daemon tells of it a little
        later than it answers.
        """
        self._settle_store()
        self.hypervisor.settle()
        self.hypervisor.notify()

    # Trouble

    def fault(self, channel: str, kind: str, *, seconds: float = 1.0) -> None:
        """Have a channel misbehave until it is mended; see :mod:`xenparley_sim.xen_faults`."""
        self.faults.inject(channel, kind, seconds=seconds)

    def mend(self, channel: str | None = None) -> None:
        """End a channel's trouble, or everybody's."""
        self.faults.mend(channel)

    # Connecting

    @property
    def port(self) -> int | None:
        """The TCP port of XenD on 127.0.0.1; None when there is none."""
        return next((gate.port for gate in self.gates("xend") if gate.path is None), None)

    @property
    def settings(self) -> dict[str, dict[str, str]]:
        """What ``connect("xen:///", settings=...)`` needs to find the sockets and files, as root.

        Hypercalls are not among them: a simulated hypervisor's device exists in this process
        only, and is reached through :meth:`connect` or :attr:`plugins`.
        """
        from xenparley_sim.simulated_access import settings_of

        return settings_of(self, "root")

    @property
    def uri(self) -> str:
        """A URI that leads other processes here, by every channel but hypercalls."""
        from xenparley_sim.simulated_access import uri_of

        return uri_of(self.settings)

    @property
    def http_uri(self) -> str:
        """The URI of XenD's TCP port, as another machine would use it. InvalidInput: no XenD."""
        if self.port is None:
            raise InvalidInput(f"{self!r} has no XenD to be reached by TCP")
        return f"http://127.0.0.1:{self.port}/"

    def plugins(self, user: str = "root") -> Plugins:
        """Return the installed adapters, the one for hypercalls leading to this host."""
        from xenparley_sim.simulated_access import plugins_of

        return plugins_of(self, _user(user))

    def connect(self, *, user: str = "root", uri: str = "xen:///", **more: Any) -> Any:
        """Return a :class:`xenparley.Host` on this host, with the real client adapters.

        ``user`` is ``root``, or ``user``: somebody without rights. ``uri`` may be
        :attr:`http_uri`; ``more`` are further arguments of ``xenparley.connect``.
        """
        from importlib import import_module

        from xenparley_sim.simulated_access import settings_of

        given: Mapping[str, Mapping[str, str]] = more.pop("settings", {})
        settings = settings_of(self, _user(user)) if uri.startswith("xen:") else {}
        for adapter, values in given.items():
            settings[adapter] = {**settings.get(adapter, {}), **values}
        more.setdefault("plugins", self.plugins(user))
        # The library's face is no business of adapters; it is looked up for who asks for a host.
        return import_module("xenparley").connect(uri, settings=settings, **more)


def _user(user: str) -> str:
    if user not in USERS:
        raise InvalidInput(f"the user is root or user, not {user!r}")
    return user
