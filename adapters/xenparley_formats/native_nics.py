"""Network interfaces in the words of xend and xm: ``mac``, ``bridge``, ``script``, ``type``...

The words are keys and values; how they are put together is each notation's own. A value may hold
anything but NUL here: a notation that separates words by commas must refuse those.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from xenparley.domain.config import Interface
from xenparley_formats.native_run import WriteLog, shown
from xenparley_formats.native_words import parse_credit, parse_rate, rate_text

__all__ = ["HOST_NAME", "NIC_KEYS", "nic_words", "parse_nic"]

#: Names that the host gives its ends by itself: ``vif<domid>.<number>``.
HOST_NAME = re.compile(r"vif[0-9]+\.[0-9]+", re.ASCII)
#: The words that :func:`parse_nic` understands.
NIC_KEYS = ("mac", "bridge", "script", "ip", "type", "model", "vifname", "rate", "backend")
_BRIDGE = "vif-bridge"


def parse_nic(words: Mapping[str, str]) -> Interface:
    """Make an interface of its words; unknown ones don't matter here. Raises Unreadable.

    With a bridge, or xend's script for bridges, it is a bridge's; else an ``ethernet``. ``type``
    ``netfront`` is the model that has no emulated twin; ``ioemu`` is what hvm guests have anyway.
    A ``backend`` other than Domain 0 is a domain's name or number.
    """
    bridge = words.get("bridge") or None
    script = words.get("script") or None
    model = words.get("model") or None
    if words.get("type") == "netfront":
        model = "netfront"
    ip = words.get("ip") or None
    rate: int | None = None
    interval: int | None = None
    if words.get("rate"):
        said = words["rate"]
        rate, interval = parse_credit(said) if "," in said else parse_rate(said)
    backend = words.get("backend") or None
    return Interface(
        type="bridge" if bridge or script == _BRIDGE else "ethernet",
        source=bridge,
        mac=words.get("mac") or None,
        model=model,
        script=script,
        ips=tuple(ip.split()) if ip else (),
        target=words.get("vifname") or None,
        rate_kib_s=rate,
        rate_interval_us=interval,
        backend_domain=None if backend in (None, "0", "Domain-0") else backend,
    )


def nic_words(
    nic: Interface, log: WriteLog, place: str, *, hvm: bool, ioemu: bool
) -> list[tuple[str, str]]:
    """Return an interface's words in the order in which libvirt writes them.

    What has no word is noted in the log; so is what would be read as something else. ``ioemu``
    says whether an emulated card of an hvm guest is told as ``(type ioemu)``.
    """
    words: list[tuple[str, str]] = []
    if nic.mac is not None:
        words.append(("mac", nic.mac))
    if nic.rate_kib_s is not None:
        words.append(("rate", rate_text(nic.rate_kib_s, nic.rate_interval_us)))
    elif nic.rate_interval_us is not None:
        log.lose(f"{place}/bandwidth", "an interval without a rate")
    if nic.type == "bridge":
        if nic.source:
            words.append(("bridge", nic.source))
        elif nic.script not in (None, _BRIDGE):
            log.lose(f"{place}/source", "which bridge: a script alone would be no bridge's")
        script = nic.script or (None if nic.source else _BRIDGE)
    else:
        if nic.type != "ethernet":
            log.lose(f"{place}/@type", f"an interface of type {shown(nic.type)}")
        if nic.source is not None:
            log.lose(f"{place}/source", "what it is attached to, other than a bridge")
        script = nic.script
        if script == _BRIDGE:
            log.lose(f"{place}/script", "a bridge's script without a bridge")
            script = None
    if script is not None:
        words.append(("script", script))
    if nic.ips:
        if any(not ip or ip != "".join(ip.split()) for ip in nic.ips):
            log.lose(f"{place}/ip", "an address with blanks")
        else:
            words.append(("ip", " ".join(nic.ips)))
    if nic.target is not None and not HOST_NAME.fullmatch(nic.target):
        words.append(("vifname", nic.target))
    if nic.model == "netfront":
        words.append(("type", "netfront"))
    else:
        if nic.model is not None:
            words.append(("model", nic.model))
        if hvm and ioemu:
            words.append(("type", "ioemu"))
    if nic.backend_domain is not None:
        if nic.backend_domain in ("", "0", "Domain-0"):
            log.lose(f"{place}/backenddomain", "Domain 0 named: it is the default")
        else:
            words.append(("backend", nic.backend_domain))
    return words
