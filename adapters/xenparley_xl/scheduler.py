"""Scheduling parameters: `xl sched-credit`, `sched-credit2`, `sched-rtds`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from xenparley.domain.errors import InvalidInput, ProtocolError, Unsupported
from xenparley.domain.identity import printable
from xenparley.negotiation.capability import Capability
from xenparley_xl import tables
from xenparley_xl.failures import failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xenparley.domain.identity import GuestRef
    from xenparley_xl.toolstack import Toolstack

__all__ = ["SchedulerPort"]

C = Capability
#: Options and limits of each parameter. A cap is percent of one CPU, 0: none.
_PARAMETERS: dict[str, dict[str, tuple[str, int, int]]] = {
    "credit": {"weight": ("-w", 1, 65535), "cap": ("-c", 0, 409_600)},
    "credit2": {"weight": ("-w", 1, 65535), "cap": ("-c", 0, 409_600)},
    "rtds": {"period": ("-p", 1, 1 << 31), "budget": ("-b", 1, 1 << 31)},
}
_OTHER = re.compile(r"returned ([a-z0-9]+) not ([a-z0-9]+)")
_WITHOUT = frozenset({"null", "arinc653"})
_NAMES = frozenset({"credit", "credit2", "sedf", "rtds", "arinc653", "null", "bvt"})


class SchedulerPort:
    """Reads and changes scheduling parameters."""

    def __init__(self, stack: Toolstack) -> None:
        self._stack = stack

    def scheduler_name(self, *, deadline: float) -> str:
        """Return the name of the scheduler (of Pool-0, where there are CPU pools)."""
        with self._stack.call(C.SCHEDULER):
            return self._name(deadline)

    def _name(self, deadline: float) -> str:
        name = self._stack.info(deadline=deadline).get("xen_scheduler", "")
        if name not in _NAMES:
            raise ProtocolError(f"xl info tells no scheduler: {printable(name, limit=40)!r}")
        return name

    def parameters(self, guest: GuestRef, *, deadline: float) -> Mapping[str, int]:
        """Return a guest's parameters by name."""
        with self._stack.call(C.SCHEDULER_PARAMETERS, guest):
            line = self._stack.living(guest, deadline=deadline)
            name = self._name(deadline)
            return {} if name in _WITHOUT else self._read(name, line.domid, deadline)[1]

    def _read(self, name: str, domid: int, deadline: float) -> tuple[str, dict[str, int]]:
        """Return the scheduler of the guest's CPU pool, and its parameters.

        ``name`` is the one of Pool-0; another pool may have another, which xl then names.
        """
        known = _known(name)
        words = (f"sched-{name}", "-d", str(domid))
        result = self._stack.runner.read(words, deadline=deadline)
        if result.status != 0:
            other = _OTHER.search(result.err)
            if other is None or other[1] == name or other[2] != name:
                raise failure(result, f"xl sched-{name}")
            if other[1] in _WITHOUT:
                return other[1], {}
            known = _known(other[1])
            name = other[1]
            text = self._stack.read(f"sched-{name}", "-d", str(domid), deadline=deadline)
            told = tables.parse_scheduler(text, domid)
        else:
            told = tables.parse_scheduler(result.out, domid)
        return name, {key: told[key] for key in known if key in told}

    def set_parameters(
        self, guest: GuestRef, values: Mapping[str, int], *, deadline: float
    ) -> None:
        """Change the named parameters, leave the rest."""
        stack = self._stack
        with stack.call(C.SET_SCHEDULER_PARAMETERS, guest), stack.observed(guest, deadline):
            line = stack.steerable(guest, deadline=deadline)
            name = self._name(deadline)
            now: dict[str, int] = {}
            if name not in _WITHOUT:
                name, now = self._read(name, line.domid, deadline)
            known = {} if name in _WITHOUT else _known(name)
            arguments = []
            for key, value in values.items():
                if key not in known:
                    names = ", ".join(known) or "none"
                    raise InvalidInput(
                        f"{name} has no parameter {printable(key, limit=40)!r}; it has: {names}"
                    )
                option, least, most = known[key]
                if isinstance(value, bool) or not least <= value <= most:
                    raise InvalidInput(f"{key} is {least} to {most}, not {value}")
                arguments += [option, str(value)]
            if not arguments:
                return
            if name == "rtds":
                # xl takes both or none, and gives the missing one its default.
                for key, (option, _, _) in known.items():
                    if key not in values and key in now:
                        arguments += [option, str(now[key])]
            words = (f"sched-{name}", "-d", str(line.domid), *arguments)
            stack.change(*words, deadline=deadline)


def _known(name: str) -> dict[str, tuple[str, int, int]]:
    if name not in _PARAMETERS:
        raise Unsupported(f"the parameters of the scheduler {name} are not handled through xl")
    return _PARAMETERS[name]
