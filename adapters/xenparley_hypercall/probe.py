"""Which hypervisor is this? Finds the interface versions by asking, never by guessing.

The order matters (facts of ``xen/include/public``): XENVER_version is open to all and always
works; sysctl and domctl refuse a wrong interface version with EACCES; hypercall 7 is dom0_op up
to 3.0.2 but platform_op since, so it is tried only where sysctl doesn't exist. EPERM says "no
right"; before 4.3 (sysctl) and 4.0 (domctl) it comes before the look at the version.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, NamedTuple

from xenparley.domain.errors import (
    AccessRefused,
    Unavailable,
    Unsupported,
    XenparleyError,
)
from xenparley_hypercall.transport import NO_SUCH_IOCTL
from xenparley_wire.abi.table import InterfaceKey, candidates, known_keys, load, newest_release
from xenparley_wire.abi.version import (
    CAPABILITIES,
    EXTRAVERSION,
    FIXED_SIZES,
    decode_text,
    decode_version,
    era_of_3_0,
)
from xenparley_wire.abi.version import HYPERCALL as XEN_VERSION

if TYPE_CHECKING:
    from xenparley_hypercall.turn import Turn
    from xenparley_wire.abi.abi import Abi

__all__ = ["Found", "identify"]


class Found(NamedTuple):
    """What the probe found. ``abi`` is None when only the stable interfaces can be used.

    ``reason`` then says why, and ``refused`` whether a right is missing (and not a layout).
    """

    version: tuple[int, int]
    extraversion: str
    abi: Abi | None
    reason: str | None = None
    refused: bool = False

    @property
    def release(self) -> str:
        """The release as Xen writes it: ``4.17.7``."""
        return f"{self.version[0]}.{self.version[1]}{self.extraversion}"


def identify(turn: Turn, arch: str) -> Found:
    """Ask the hypervisor who it is. Changes nothing.

    Raises :class:`Unavailable` if there is no hypervisor behind the device,
    :class:`AccessRefused` if the kernel lets no hypercall through.
    """
    version = _version(turn, arch)
    buffer = turn.buffer(16)
    try:
        turn.hypercall(XEN_VERSION, EXTRAVERSION, buffer.address)
        extraversion = decode_text(buffer.view[:16])
    except XenparleyError:
        # A policy may hide it; the release then goes by its two numbers.
        extraversion = ""
    try:
        known_keys(arch)
    except Unsupported as exc:
        return Found(version, extraversion, None, exc.message)
    if arch == "x86_32" and version == (3, 0) and "x86_32" not in _capabilities(turn):
        # From 3.1 on the structs are the same for 32 and 64 bits.
        reason = "a 32-bit program can't use the structs of a 64-bit hypervisor before Xen 3.1"
        return Found(version, extraversion, None, reason)
    return _Search(turn, arch, version, extraversion).run()


def _capabilities(turn: Turn) -> str:
    size = FIXED_SIZES[CAPABILITIES]
    buffer = turn.buffer(size)
    turn.hypercall(XEN_VERSION, CAPABILITIES, buffer.address)
    return decode_text(buffer.view[:size])


def _version(turn: Turn, arch: str) -> tuple[int, int]:
    try:
        return decode_version(turn.transport.xen_version(arch))
    except OSError as exc:
        if exc.errno in NO_SUCH_IOCTL:
            raise Unavailable(
                f"{turn.transport.device.name} doesn't take hypercalls: {exc.strerror}",
                operation="probe",
            ) from exc
        if exc.errno in (errno.EPERM, errno.EACCES):
            raise AccessRefused(
                f"{turn.transport.device.name}: hypercalls are not allowed: {exc.strerror}",
                operation="probe",
            ) from exc
        raise Unavailable(
            f"{turn.transport.device.name}: no answer from Xen: {exc.strerror}", operation="probe"
        ) from exc


class _Search:
    """The search for the pair of interface versions."""

    def __init__(self, turn: Turn, arch: str, version: tuple[int, int], extraversion: str) -> None:
        self.turn = turn
        self.arch = arch
        self.version = version
        self.extraversion = extraversion
        point = era_of_3_0(extraversion)
        #: With the point release where 3.0.0 to 3.0.4 need it.
        self.told = (*version, point) if version == (3, 0) and point is not None else version

    def run(self) -> Found:
        keys = candidates(self.arch, self.version)
        sysctls = list(dict.fromkeys(key.sysctl for key in keys if key.sysctl))
        refusal: int | None = None
        for sysctl in sysctls:
            refusal = self._try_sysctl(next(key for key in keys if key.sysctl == sysctl))
            if refusal is None:
                return self._find_domctl([key for key in keys if key.sysctl == sysctl])
            if refusal == errno.EPERM:
                return self._no_right("sysctl")
            if refusal == errno.ENOSYS:
                return self._without_sysctl()
            if refusal != errno.EACCES:
                return self._none(f"sysctl failed: {errno.errorcode.get(refusal, refusal)}")
        if self._speaks_domctl(keys):
            # The releases of that domctl are known, so their sysctl versions were tried: what
            # refuses is not the version.
            return self._none("the hypervisor's policy (FLASK) refuses sysctl", refused=True)
        return self._all_refused("sysctl", sysctls)

    def _speaks_domctl(self, keys: tuple[InterfaceKey, ...]) -> bool:
        for key in keys:
            if key.domctl:
                abi = load(self.arch, key, self.told)
                try:
                    refusal = self._try(abi, "domctl.getdomaininfo", domain=0)
                except _Misfit:
                    return False
                if refusal in (None, errno.ESRCH):
                    return True
        return False

    def _try_sysctl(self, key: InterfaceKey) -> int | None:
        """Ask for the scheduler's id, harmless everywhere. Returns the errno, None if it worked."""
        return self._try(load(self.arch, key, self.told), "sysctl.sched_id")

    def _try(self, abi: Abi, op: str, domain: int | None = None) -> int | None:
        self.turn.check()
        try:
            _, data = self.turn.transport.send(abi.request(op, domain=domain))
        except OSError as exc:
            return exc.errno or errno.EIO
        if domain is not None and abi.answer(op, data)["domain"] != domain:
            raise _Misfit
        return None

    def _find_domctl(self, keys: list[InterfaceKey]) -> Found:
        refusal: int | None = errno.EACCES
        for key in keys:
            abi = load(self.arch, key, self.told)
            try:
                refusal = self._try(abi, "domctl.getdomaininfo", domain=0)
            except _Misfit:
                return self._none("the answers don't fit the layouts of this architecture")
            # No domain 0 (dom0less): the version was looked at before that.
            if refusal in (None, errno.ESRCH):
                return Found(self.version, self.extraversion, abi)
            if refusal == errno.EPERM:
                return self._no_right("domctl")
            if refusal == errno.ENOSYS:
                return self._none("this hypervisor has no domctl")
        return self._all_refused("domctl", [key.domctl for key in keys])

    def _without_sysctl(self) -> Found:
        """No sysctl at all: 3.0.0 to 3.0.2, or a hypervisor built without it."""
        old = [key for key in known_keys(self.arch) if key.dom0_op]
        point = era_of_3_0(self.extraversion)
        if self.version != (3, 0) or not old or (point is not None and point > 2):
            return self._none("this hypervisor was built without sysctl")
        abi = load(self.arch, old[0], self.told)
        try:
            refusal = self._try(abi, "domctl.getdomaininfo", domain=0)
        except _Misfit:
            return self._none("the answers don't fit the layouts of this architecture")
        if refusal in (None, errno.ESRCH):
            return Found(self.version, self.extraversion, abi)
        if refusal == errno.EPERM:
            return self._no_right("dom0_op")
        return self._all_refused("dom0_op", [key.dom0_op for key in old])

    def _no_right(self, what: str) -> Found:
        return self._none(
            f"{what} is for the control domain, and this one isn't it (not dom0)", refused=True
        )

    def _all_refused(self, what: str, tried: list[int]) -> Found:
        """Every version was refused: an interface that isn't known, or a policy that says no."""
        release = f"{self.version[0]}.{self.version[1]}"
        shown = ", ".join(f"{one:#x}" for one in sorted(tried))
        if self.version > newest_release(self.arch):
            return self._none(
                f"Xen {release} is newer than this program: none of the {what} interface versions "
                f"that it knows ({shown}) is taken"
            )
        return self._none(
            f"Xen {release} takes none of the known {what} interface versions ({shown}): "
            "a changed build, or its policy (FLASK) refuses"
        )

    def _none(self, reason: str, *, refused: bool = False) -> Found:
        return Found(self.version, self.extraversion, None, reason, refused)


class _Misfit(Exception):
    """The answer can't have been made with the layout that was asked with."""
