"""The XenD adapter against a simulated XenD of one generation, as the contract kit's subject."""

from __future__ import annotations

import contextlib
import threading
from contextlib import contextmanager
from pathlib import Path

from attrs import evolve

from xenparley.domain.config import Loader
from xenparley.negotiation.capability import SPECS, Capability
from xenparley.negotiation.offer import Available, Withheld
from xenparley_sim import Hypervisor, Timing
from xenparley_sim.xend_config import _NAME
from xenparley_sim.xend_generation import generation
from xenparley_sim.xend_host import XendHost
from xenparley_sim.xend_server import XendServer
from xenparley_testing import ODD_NAMES, Faults, Limits, Subject
from xenparley_testing.subject import DEFAULT_CDROM
from xenparley_xend.plugin import SPEC

#: XenD wants the path of a fully virtualised guest's loader.
CDROM = evolve(
    DEFAULT_CDROM,
    boot=evolve(DEFAULT_CDROM.boot, loader=Loader(path="/usr/lib/xen/boot/hvmloader")),
)

QUICK = Timing(obey=0.01, linger=0.005, dying=0.002, balloon_kib_s=1 << 30)
C = Capability
#: The operation that carries each command.
OPS = {
    C.CREATE: "create",
    C.START: "start",
    C.PAUSE: "pause",
    C.UNPAUSE: "unpause",
    C.SHUTDOWN: "shutdown",
    C.REBOOT: "shutdown",
    C.DESTROY: "destroy",
    C.RENAME: "rename",
    C.TRIGGER: "send_trigger",
    C.DEFINE: "new",
    C.UNDEFINE: "delete",
    C.SET_AUTOSTART: "new",
    C.SET_MEMORY_TARGET: "mem_target_set",
    C.SET_MEMORY_MAXIMUM: "maxmem_set",
    C.SET_VCPUS: "set_vcpus",
    C.PIN_VCPU: "pincpu",
    C.SET_SCHEDULER_PARAMETERS: "cpu_sedf_set domain_sched_credit_set",
    C.ATTACH_DEVICE: "device_create",
    C.DETACH_DEVICE: "device_destroy",
    C.CHANGE_MEDIA: "device_configure",
    C.SAVE: "save",
    C.RESTORE: "restore",
    C.DUMP: "dump",
    C.MIGRATE: "migrate",
}
METHODS = {
    "rename": "setName",
    "mem_target_set": "setMemoryTarget",
    "set_vcpus": "setVCpuCount",
    "device_destroy": "destroyDevice",
    "cpu_sedf_set domain_sched_credit_set": "sched_credit_set",
}


def ours(request, capability):
    """Say whether a request is this capability's own: its command, or any for a read."""
    if not SPECS[capability].command:
        return True
    ops = OPS[capability]
    body = request.body
    if request.path == "/RPC2":
        names = [METHODS.get(ops, ops), *ops.split()]
        return any(f"xend.domain.{name}<".encode() in body for name in names)
    return any(body.endswith(f"op={op}".encode()) for op in ops.split())


class Peer:
    """One simulated XenD and what can go wrong with it."""

    def __init__(self, folder: Path, release: str, *, http=True, xmlrpc=True, tcp=False):
        self.folder = folder
        (folder / "files").mkdir()
        (folder / "domains").mkdir()
        self.hypervisor = Hypervisor(timing=QUICK)
        self.there = Hypervisor(timing=QUICK)
        self.hypervisor.peers["there"] = self.there
        self.host = XendHost(
            self.hypervisor,
            generation(release),
            folder=folder / "domains",
            files=folder / "files",
        )
        self.paths = [folder / "http.sock"] * http + [folder / "xmlrpc.sock"] * xmlrpc
        self.server = XendServer(
            self.host,
            http_path=folder / "http.sock" if http else None,
            xmlrpc_path=folder / "xmlrpc.sock" if xmlrpc else None,
            port=0 if tcp else None,
        )
        self.held: list[threading.Event] = []

    def close(self):
        for event in self.held:
            event.set()
        self.server.close()
        self.hypervisor.close()
        self.there.close()

    @property
    def settings(self):
        return {
            "http-socket": str(self.folder / "http.sock"),
            "xmlrpc-socket": str(self.folder / "xmlrpc.sock"),
            "definitions": str(self.folder / "domains"),
        }

    @contextmanager
    def meddling(self, capability, act):
        """Have ``act(connection)`` deal with this capability's requests."""

        def meddle(request, connection):
            if not ours(request, capability):
                return False
            if SPECS[capability].command:
                for op in OPS[capability].split()[:1]:
                    self.host.arrived[op] += 1
            with contextlib.suppress(OSError):
                act(connection)
            return True

        self.server.meddle = meddle
        try:
            yield
        finally:
            self.server.meddle = None

    @contextmanager
    def stall(self, capability):
        over = threading.Event()
        self.held.append(over)
        with self.meddling(capability, lambda connection: over.wait(60)):
            try:
                yield
            finally:
                over.set()

    def drop(self, capability):
        return self.meddling(capability, lambda connection: None)

    def refuse(self, capability):
        words = b"HTTP/1.1 403 Forbidden\r\nContent-length: 0\r\n\r\n"
        return self._uncounted(capability, words)

    def garble(self, capability):
        return self.meddling(capability, lambda connection: connection.sendall(b"\xde\xad" * 99))

    @contextmanager
    def _uncounted(self, capability, words):
        def meddle(request, connection):
            if ours(request, capability):
                connection.sendall(words)
                return True
            return False

        self.server.meddle = meddle
        try:
            yield
        finally:
            self.server.meddle = None

    @contextmanager
    def absent(self, capability):
        if self.server.port is not None:
            port = self.server.port
            self.server.close()
            try:
                yield
            finally:
                self.server = XendServer(self.host, port=port)
            return
        away = [path.rename(f"{path}.away") for path in self.paths if path.exists()]
        try:
            yield
        finally:
            for path in away:
                path.rename(str(path).removesuffix(".away"))

    def sent(self, capability):
        return sum(self.host.arrived[op] for op in OPS.get(capability, "").split())


class Narrowed:
    """A channel that withholds capabilities of which this far end can do only a part."""

    def __init__(self, channel, without):
        self._channel = channel
        self._without = without

    def probe(self, *, deadline):
        result = self._channel.probe(deadline=deadline)
        if not isinstance(result, Available):
            return result
        self._channel.calls.withheld.update(dict.fromkeys(self._without, "paused only in part"))
        gone = {o.capability for o in result.offers} & set(self._without)
        return evolve(
            result,
            offers=tuple(o for o in result.offers if o.capability not in gone),
            withheld=(*result.withheld, *(Withheld(c, "paused only in part") for c in gone)),
        )

    def __getattr__(self, name):
        return getattr(self._channel, name)


@contextmanager
def xend_subject(folder, release, *, http=True, xmlrpc=True, tcp=False, without=()):
    """Give the subject of a new host; with ``tcp`` it is spoken to over TCP only."""
    if tcp:
        http = xmlrpc = False
    peer = Peer(folder, release, http=http, xmlrpc=xmlrpc, tcp=tcp)
    port = str(peer.server.port)
    # Whether a saved guest's file is there already only its disk tells.
    over_tcp = {**peer.settings, "host": "127.0.0.1", "port": port, "files": "1"}
    made = Subject.of(
        SPEC,
        f"http://127.0.0.1:{port}/" if tcp else "xen:///",
        local=not tcp,
        settings=over_tcp if tcp else peer.settings,
        faults=Faults(
            stall=peer.stall,
            drop=peer.drop,
            absent=peer.absent,
            refuse=peer.refuse,
            garble=peer.garble,
            sent=peer.sent,
        ),
        limits=Limits(stall=0.2, settle=3.0),
        unholdable=frozenset(n for n in ODD_NAMES if not _NAME.fullmatch(n)),
        guests_obey=True,
        cdrom_template=CDROM,
        image_path=lambda name: str(folder / "files" / name),
        destination="there",
    )
    if without:
        make = made.make_channel
        made = evolve(made, make_channel=lambda: Narrowed(make(), without))
    try:
        yield made
    finally:
        peer.close()
