"""What xend answers of a living guest beside its configuration."""

from __future__ import annotations

import re

from attrs import frozen

from xenparley.domain.errors import ConfigError, InvalidInput, Problem
from xenparley.domain.identity import canonical_uuid
from xenparley.domain.runstate import RunFlags, ShutdownReason
from xenparley_formats.native_run import shown
from xenparley_formats.native_words import MIB
from xenparley_wire.sxp import Sexp
from xenparley_wire.sxp_tree import children, key_of, pairs

__all__ = ["STATUS", "LiveDevice", "LiveDomain", "live_devices", "live_domain"]

#: xend's ``status``, since 3.0.4.
STATUS = ("halted", "paused", "running", "suspended", "shutdown", "crashed", "unknown")

_FLOAT = re.compile(r"([0-9]{1,15})(?:\.([0-9]{0,30}))?(?:[eE]([+-]?[0-9]{1,2}))?", re.ASCII)
_INT = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_FLAGS = (
    (RunFlags.RUNNING, "r"),
    (RunFlags.BLOCKED, "b"),
    (RunFlags.PAUSED, "p"),
    (RunFlags.SHUTDOWN, "s"),
    (RunFlags.SHUTDOWN, "c"),
    (RunFlags.DYING, "d"),
)
_REASONS = {
    "poweroff": ShutdownReason.POWEROFF,
    "halt": ShutdownReason.POWEROFF,
    "reboot": ShutdownReason.REBOOT,
    "suspend": ShutdownReason.SUSPEND,
    "crash": ShutdownReason.CRASH,
}


@frozen(kw_only=True)
class LiveDevice:
    """A device as xend lists it: ``(vif (mac ...) (uuid ...) (backend 0))``.

    ``kind`` is its class. ``target`` is what names it within that: a disk's ``dev`` without its
    kind, an interface's ``mac`` in lower case.
    """

    kind: str
    target: str | None = None
    uuid: str | None = None
    backend: str | None = None


@frozen(kw_only=True)
class LiveDomain:
    """A guest as xend shows it; None where this release doesn't say.

    Times: ``cpu_time_ns`` nanoseconds, ``start_time`` and ``up_time`` seconds (the first since
    1970). Memory in KiB. ``status`` is a word of :data:`STATUS`. ``flags`` and ``shutdown_reason``
    come from ``state``, whose letters are empty for a guest that is not alive.
    """

    name: str
    uuid: str | None = None
    domid: int | None = None
    flags: RunFlags | None = None
    shutdown_reason: ShutdownReason | None = None
    status: str | None = None
    cpu_time_ns: int | None = None
    start_time: float | None = None
    up_time: float | None = None
    vcpus: int | None = None
    online_vcpus: int | None = None
    memory_kib: int | None = None
    maxmem_kib: int | None = None
    cpu_weight: int | None = None
    cpu_cap: int | None = None
    pool: str | None = None
    store_mfn: int | None = None
    console_mfn: int | None = None
    on_xend_start: str | None = None
    on_xend_stop: str | None = None
    hvm: bool = False
    devices: tuple[LiveDevice, ...] = ()

    @property
    def alive(self) -> bool:
        """Whether it has a domain at all."""
        return self.domid is not None and self.domid >= 0


def _whole(text: str | None) -> int | None:
    if text is None:
        return None
    match = _FLOAT.fullmatch(text)
    if match is not None and match[3] is None:
        return int(match[1])
    return int(text) if _INT.fullmatch(text) else None


def _seconds(text: str | None) -> float | None:
    if not text or _FLOAT.fullmatch(text) is None:
        return None
    return float(text)


def _nanoseconds(text: str | None) -> int | None:
    """Return seconds as nanoseconds, without the rounding of a binary fraction."""
    match = _FLOAT.fullmatch(text or "")
    if match is None:
        return None
    whole, fraction, power = match.groups()
    digits = whole + (fraction or "")
    shift = 9 - len(fraction or "") + int(power or 0)
    return int(digits) * int(10**shift) if shift >= 0 else int(digits) // int(10**-shift)


def _mib(text: str | None) -> int | None:
    value = _whole(text)
    return None if value is None or value < 0 else value * MIB


def _state(
    letters: str | None, reason: str | None
) -> tuple[RunFlags | None, ShutdownReason | None]:
    """Return flags and reason of ``-b----``; (None, None) if nothing is said."""
    if not letters:
        return None, None
    flags = RunFlags.NONE
    for flag, letter in _FLAGS:
        if letter in letters:
            flags |= flag
    if "c" in letters:
        return flags, ShutdownReason.CRASH
    return flags, _REASONS.get(reason or "")


def live_devices(tree: Sexp) -> tuple[LiveDevice, ...]:
    """Return the devices of a ``(domain ...)``, in its order."""
    found = []
    for node in children(tree, "device"):
        for inner in node[1:]:
            kind = key_of(inner)
            if kind is None:
                continue
            said = pairs(inner)
            dev, mac = said.get("dev"), said.get("mac")
            target = None if not dev else dev.removeprefix("ioemu:").partition(":")[0]
            found.append(
                LiveDevice(
                    kind=kind,
                    target=target or (mac.lower() if mac else None),
                    uuid=said.get("uuid") or None,
                    backend=said.get("backend") or None,
                )
            )
    return tuple(found)


def live_domain(tree: Sexp) -> LiveDomain:
    """Return what a ``(domain ...)`` tells of the guest's life. Raises ConfigError.

    Only a name is demanded: what a release words otherwise than known is None.
    """
    if not isinstance(tree, list) or key_of(tree) not in ("domain", "vm"):
        raise ConfigError([Problem("", "not a (domain ...)")], summary="no guest of xend")
    said = pairs(tree)
    name = said.get("name")
    if not name:
        raise ConfigError([Problem("name", "a guest needs a name")], summary="no guest of xend")
    uuid = said.get("uuid") or None
    if uuid is not None:
        try:
            uuid = canonical_uuid(uuid)
        except InvalidInput as exc:
            problem = Problem("uuid", f"not a UUID: {shown(uuid)}")
            raise ConfigError([problem], summary="no guest of xend") from exc
    flags, reason = _state(said.get("state"), said.get("shutdown_reason"))
    status = _whole(said.get("status"))
    image = next(children(tree, "image"), None)
    return LiveDomain(
        name=name,
        uuid=uuid,
        domid=_whole(said.get("domid")),
        flags=flags,
        shutdown_reason=reason,
        status=STATUS[status] if status is not None and 0 <= status < len(STATUS) else None,
        cpu_time_ns=_nanoseconds(said.get("cpu_time")),
        start_time=_seconds(said.get("start_time")),
        up_time=_seconds(said.get("up_time")),
        vcpus=_whole(said.get("vcpus")),
        online_vcpus=_whole(said.get("online_vcpus")),
        memory_kib=_mib(said.get("memory")),
        maxmem_kib=_mib(said.get("maxmem")),
        cpu_weight=_whole(said.get("cpu_weight")),
        cpu_cap=_whole(said.get("cpu_cap")),
        pool=said.get("pool_name") or None,
        store_mfn=_whole(said.get("store_mfn")),
        console_mfn=_whole(said.get("console_mfn")),
        on_xend_start=said.get("on_xend_start") or None,
        on_xend_stop=said.get("on_xend_stop") or None,
        hvm=image is not None and any(key_of(kind) in ("hvm", "vmx") for kind in image[1:]),
        devices=live_devices(tree),
    )
