"""The simulated XenD's own state: which guests it knows by which key, and its definitions."""

from __future__ import annotations

import copy
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from xenparley_sim.xend_config import check_name, config_of, put
from xenparley_sim.xend_errors import UnknownGuest, XendFailure
from xenparley_sim.xend_view import domain_tree, is_running, node_tree, synthesized
from xenparley_wire.sxp import Sexp, dumps
from xenparley_wire.sxp_tree import text

if TYPE_CHECKING:
    from xenparley_sim.domain import Domain
    from xenparley_sim.hypervisor import Hypervisor
    from xenparley_sim.xend_generation import Generation

__all__ = ["Guest", "XendHost"]

_WEDGED = "memory_dynamic_max must be less than or equal to memory_static_max"


class Guest(NamedTuple):
    """A guest that a key names: living (``domain``) or dormant."""

    uuid: str
    domain: Domain | None


class XendHost:
    """What XenD remembers of a simulated host. One request at a time, as its big lock makes it.

    ``folder`` is where definitions are written, as UUID/config.sxp; ``files`` a folder in which
    saved guests leave a file on this machine too.
    """

    def __init__(
        self,
        hypervisor: Hypervisor,
        made_as: Generation,
        *,
        folder: Path | None = None,
        files: Path | None = None,
    ) -> None:
        self.hypervisor = hypervisor
        self.made_as = made_as
        self.folder = folder
        self.files = files
        self.lock = threading.RLock()
        #: Operations that arrived, by name.
        self.arrived: Counter[str] = Counter()
        #: Requests of any kind.
        self.requests = 0
        self.wedged = False
        self.managed: dict[str, list[Sexp]] = {}
        self._trees: dict[int, list[Sexp]] = {}
        self._by_uuid: dict[str, list[Sexp]] = {}
        self._names: dict[int, str] = {}

    @contextmanager
    def request(self) -> Iterator[None]:
        """One request: refused once XenD is wedged."""
        with self.lock:
            if self.wedged:
                raise XendFailure(_WEDGED)
            yield

    # -- guests ------------------------------------------------------------------------------

    def living(self) -> list[Domain]:
        """Return the domains that XenD still knows: it forgets those that it destroyed."""
        return [domain for domain in self.hypervisor.domains() if not domain.dying]

    def name(self, domain: Domain) -> str:
        """Return the name that XenD has for a domain."""
        return self._names.get(domain.domid, domain.name)

    def tree(self, domain: Domain) -> list[Sexp]:
        """Return the configuration that XenD has for a domain."""
        found = self._trees.get(domain.domid) or self._by_uuid.get(domain.handle)
        if found is None:
            found = self._trees[domain.domid] = synthesized(domain)
        return found

    def find(self, key: str) -> Guest:
        """Look a key up as XenD does: a name, then an id, then a UUID. Raises UnknownGuest."""
        living = self.living()
        for domain in living:
            if self.name(domain) == key:
                return Guest(domain.handle, domain)
        for uuid, tree in self.managed.items():
            if text(tree, "name") == key and all(d.handle != uuid for d in living):
                return Guest(uuid, None)
        if key.isascii() and key.isdigit():
            for domain in living:
                if domain.domid == int(key):
                    return Guest(domain.handle, domain)
        if self.made_as.managed:
            for domain in living:
                if domain.handle == key:
                    return Guest(domain.handle, domain)
            if key in self.managed:
                return Guest(key, None)
        raise UnknownGuest(key)

    def shown(self, guest: Guest, *, new: bool = False) -> list[Sexp]:
        """Return ``(domain ...)``."""
        domain = guest.domain
        if domain is None:
            return domain_tree(self.managed[guest.uuid], None, self.made_as)
        return domain_tree(self.tree(domain), domain, self.made_as, name=self.name(domain), new=new)

    def listed(self, state: str | None = None) -> list[Guest]:
        """Return the guests of a listing; from 3.0.4 on running ones unless a state is said."""
        living = [Guest(d.handle, d) for d in self.living()]
        if not self.made_as.managed:
            return living
        handles = {guest.uuid for guest in living}
        dormant = [Guest(uuid, None) for uuid in self.managed if uuid not in handles]
        if state == "all":
            return living + dormant
        if state == "halted":
            ended = [g for g in living if g.domain and g.domain.reason not in (None, 3)]
            return ended + dormant
        if state == "paused":
            return [g for g in living if g.domain and g.domain.pauses and g.domain.reason is None]
        if state == "crashed":
            return [g for g in living if g.domain and g.domain.reason == 3]
        if state in (None, "running"):
            return [g for g in living if g.domain and is_running(g.domain)]
        return []

    def title(self, guest: Guest) -> str:
        """Return a guest's name."""
        if guest.domain is not None:
            return self.name(guest.domain)
        return text(self.managed[guest.uuid], "name") or ""

    def node(self) -> list[Sexp]:
        """Return ``(node ...)``."""
        with self.hypervisor.look() as tx:
            return node_tree(
                self.hypervisor.facts_in(tx), self.hypervisor.free_kib(tx), self.made_as
            )

    # -- making and defining -----------------------------------------------------------------

    def create(self, config: Sexp) -> Guest:
        """Make a guest, paused."""
        tree = self._checked(config)
        made = config_of(tree, needs_vcpus=self.made_as.needs_vcpus)
        for domain in self.living():
            same_uuid = domain.handle == made.uuid
            if self.made_as.unique and (same_uuid or self.name(domain) == made.name):
                raise XendFailure(
                    f"Error creating domain: Domain '{made.name}' already exists with "
                    f"ID '{domain.domid}'"
                )
            if same_uuid and self.made_as.renames:
                self._names[domain.domid] = made.name
        return self.build(tree)

    def build(self, tree: list[Sexp]) -> Guest:
        """Make a living guest of a tree, paused."""
        made = config_of(tree, needs_vcpus=False)
        with self.hypervisor.change() as tx:
            domain = self.hypervisor.build(tx, made, paused=True)
        kept = copy.deepcopy(tree)
        self._give_macs(kept, domain.domid)
        self._trees[domain.domid] = self._by_uuid[domain.handle] = kept
        return Guest(domain.handle, domain)

    def _give_macs(self, tree: list[Sexp], domid: int) -> None:
        macs = [d.name for d in self.hypervisor.hardware(domid).devices if d.kind == "vif"]
        vifs = [
            node[1]
            for node in tree
            if isinstance(node, list) and node[0] == "device" and node[1][0] == "vif"
        ]
        for node, mac in zip(vifs, macs, strict=False):
            if isinstance(node, list) and mac is not None:
                put(node, "mac", mac)

    def define(self, config: Sexp) -> None:
        """Register a definition, or replace the one with its UUID."""
        tree = self._checked(config)
        made = config_of(tree, needs_vcpus=self.made_as.needs_vcpus, defining=True)
        self.check_free(made.name, made.uuid)
        assert made.uuid is not None
        self.managed[made.uuid] = tree
        self.write(made.uuid)

    def check_free(self, name: str, uuid: str | None) -> None:
        """Refuse a name that another guest has."""
        for domain in self.living():
            if self.name(domain) == name and domain.handle != uuid:
                raise XendFailure(
                    f"Error creating domain: VM name '{name}' already exists as domain "
                    f"{domain.domid}"
                )
        for other, tree in self.managed.items():
            if text(tree, "name") == name and other != uuid:
                raise XendFailure(f"Error creating domain: VM name '{name}' already exists")

    def _checked(self, config: Sexp) -> list[Sexp]:
        if not isinstance(config, list):
            raise XendFailure("Error creating domain: 'vcpus'")
        return copy.deepcopy(config)

    def rename(self, guest: Guest, name: str) -> None:
        """Give a guest another name."""
        check_name(name)
        self.check_free(name, guest.uuid)
        if guest.domain is not None:
            self.hypervisor.rename(guest.domain.domid, name)
            self._names.pop(guest.domain.domid, None)
            put(self.tree(guest.domain), "name", name)
        if guest.uuid in self.managed:
            put(self.managed[guest.uuid], "name", name)
            self.write(guest.uuid)

    def write(self, uuid: str) -> None:
        """Write a definition's file, or remove it."""
        if self.folder is None:
            return
        file = self.folder / uuid / "config.sxp"
        tree = self.managed.get(uuid)
        if tree is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(dumps(tree), "utf-8")
        elif file.exists():
            file.unlink()
            file.parent.rmdir()
