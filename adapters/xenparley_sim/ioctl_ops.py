"""sysctl, domctl and dom0_op of the simulated hypervisor."""

from __future__ import annotations

import errno
import struct
from typing import TYPE_CHECKING, Final

from xenparley_sim.ioctl_domctl import DomctlOps
from xenparley_sim.ioctl_model import refuse
from xenparley_sim.ioctl_sysctl import SysctlOps

if TYPE_CHECKING:
    from xenparley_sim.ioctl import Memory
    from xenparley_sim.ioctl_model import HypercallModel, Rights
    from xenparley_wire.abi.abi import Abi
    from xenparley_wire.abi.layout import Value
    from xenparley_wire.abi.table import InterfaceKey

__all__ = ["Operations"]

_DOM0_OP: Final = 7
_SCHED_OP: Final = 29
_SYSCTL: Final = 35
_DOMCTL: Final = 36


class Operations:
    """Finds the op that a struct asks for, checks version and right, answers."""

    def __init__(
        self,
        model: HypercallModel,
        abi: Abi,
        key: InterfaceKey,
        version: tuple[int, int],
        memory: Memory,
        rights: Rights,
        done: list[str],
    ) -> None:
        self._model = model
        self._abi = abi
        self._key = key
        self._version = version
        self._memory = memory
        self._rights = rights
        self._done = done
        self._sysctl = SysctlOps(model, abi, memory)
        self._domctl = DomctlOps(model, abi, memory, version)
        self._by_cmd: dict[tuple[str, int], str] = {}
        for op in abi.ops:
            family = op.partition(".")[0]
            cmd = abi.layout(op).cmd
            if cmd is not None and family in ("sysctl", "domctl"):
                self._by_cmd["dom0_op" if key.dom0_op else family, cmd] = op

    def call(self, number: int, args: list[int]) -> int:
        """Answer one hypercall."""
        if number == _SCHED_OP and not self._key.dom0_op:
            return self._sched_op(args[0], args[1])
        if number == _DOM0_OP:
            if not self._key.dom0_op:
                # platform_op since 3.0.3: it looks at its own interface version.
                raise refuse(errno.EACCES if self._rights.privileged else errno.EPERM)
            return self._control("dom0_op", args[0], self._key.dom0_op, rights_first=True)
        if number == _SYSCTL and not self._key.dom0_op:
            first = self._version < (4, 3)
            return self._control("sysctl", args[0], self._key.sysctl, rights_first=first)
        if number == _DOMCTL and not self._key.dom0_op:
            first = self._version < (4, 0)
            return self._control("domctl", args[0], self._key.domctl, rights_first=first)
        raise refuse(errno.ENOSYS)

    def _control(self, family: str, address: int, version: int, *, rights_first: bool) -> int:
        abi = self._abi
        header = abi.layout("sysctl.header" if family == "sysctl" else "domctl.header")
        data = bytearray(self._memory.read(address, header.size))
        cmd = header.get(data, "cmd")
        op = self._by_cmd.get((family, cmd))
        if rights_first and not self._rights.privileged:
            raise refuse(errno.EPERM)
        stable = op == "domctl.get_domain_state"
        if header.get(data, "interface_version") != (0 if stable else version):
            raise refuse(errno.EACCES)
        if not self._rights.privileged:
            raise refuse(errno.EPERM)
        if op is None:
            raise refuse(errno.ENOSYS)
        if op in self._rights.denied:
            raise refuse(errno.EACCES)
        layout = abi.layout(op)
        values = layout.unpack(data, header.u_offset)
        domain = values.get("domain")
        if "domain" in header.fields:
            domain = header.get(data, "domain")
        name = op.partition(".")[2]
        answer: dict[str, Value]
        if op.startswith("sysctl."):
            answer = self._sysctl.call(name, values)
        else:
            answer = self._domctl.call(name, domain if isinstance(domain, int) else 0, values)
        self._done.append(op)
        layout.pack_into(data, header.u_offset, answer)
        self._memory.write(address, data)
        return 0

    def _sched_op(self, cmd: int, address: int) -> int:
        if cmd != self._abi.layout("sched.remote_shutdown").cmd:
            raise refuse(errno.ENOSYS)
        domid, reason = struct.unpack("<HxxI", self._memory.read(address, 8))
        if not self._rights.privileged:
            raise refuse(errno.EPERM)
        self._model.shut_down(domid, reason)
        self._done.append("sched.remote_shutdown")
        return 0
