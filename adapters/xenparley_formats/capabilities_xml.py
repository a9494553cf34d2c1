"""A host's capabilities as libvirt's ``<capabilities>`` document."""

from __future__ import annotations

import re

from lxml import etree

from xenparley.domain.host import GuestArch, HostCapabilities, NumaNode
from xenparley.domain.identity import printable

__all__ = ["write_capabilities"]

# no characters, to XML; control characters are escaped before
_NONE = re.compile("[\ufffe\uffff]")
_OS_TYPES = {"pv": "xen", "hvm": "hvm", "pvh": "xenpvh"}


def write_capabilities(capabilities: HostCapabilities) -> str:
    """Return the document, indented, with a newline at its end.

    As libvirt's, it doesn't name ``pae`` of a CPU that has ``vmx`` or ``svm``.
    """
    root = etree.Element("capabilities")
    host = etree.SubElement(root, "host")
    cpu = etree.SubElement(host, "cpu")
    _text(cpu, "arch", capabilities.arch)
    features = [f for f in capabilities.cpu_features if f in ("vmx", "svm")]
    features = features or [f for f in capabilities.cpu_features if f == "pae"]
    if features:
        listed = etree.SubElement(cpu, "features")
        for feature in features:
            etree.SubElement(listed, feature)
    etree.SubElement(host, "power_management")
    if capabilities.migration_transports:
        migration = etree.SubElement(host, "migration_features")
        etree.SubElement(migration, "live")
        transports = etree.SubElement(migration, "uri_transports")
        for transport in capabilities.migration_transports:
            _text(transports, "uri_transport", transport)
    if capabilities.nodes:
        _topology(host, capabilities.nodes)
    for guest in capabilities.guests:
        _guest(root, guest, capabilities)
    etree.indent(root)
    text: str = etree.tostring(root, encoding="unicode")
    return f"{text}\n"


def _text(parent: etree._Element, tag: str, text: str) -> None:
    etree.SubElement(parent, tag).text = _NONE.sub("?", printable(text))


def _topology(host: etree._Element, nodes: tuple[NumaNode, ...]) -> None:
    cells = etree.SubElement(etree.SubElement(host, "topology"), "cells", num=str(len(nodes)))
    for node in nodes:
        cell = etree.SubElement(cells, "cell", id=str(node.number))
        if node.memory_kib is not None:
            etree.SubElement(cell, "memory", unit="KiB").text = str(node.memory_kib)
        cpus = etree.SubElement(cell, "cpus", num=str(len(node.cpus)))
        for cpu in node.cpus:
            etree.SubElement(cpus, "cpu", id=str(cpu))


def _guest(root: etree._Element, guest: GuestArch, host: HostCapabilities) -> None:
    element = etree.SubElement(root, "guest")
    _text(element, "os_type", _OS_TYPES.get(guest.virt, guest.virt))
    arch = etree.SubElement(element, "arch", name=guest.arch.removesuffix("_be"))
    _text(arch, "wordsize", str(guest.wordsize))
    if guest.emulator is not None:
        _text(arch, "emulator", guest.emulator)
    if guest.loader is not None:
        _text(arch, "loader", guest.loader)
    for machine in guest.machines:
        _text(arch, "machine", machine)
    etree.SubElement(arch, "domain", type="xen")
    features = etree.Element("features")
    if guest.pae:
        etree.SubElement(features, "pae")
    if guest.nonpae:
        etree.SubElement(features, "nonpae")
    if guest.arch.endswith("_be"):
        etree.SubElement(features, "ia64_be")
    if guest.virt == "hvm":
        for name, default, toggle in _toggles(host):
            etree.SubElement(features, name, default=default, toggle=toggle)
    if len(features):
        element.append(features)


def _toggles(host: HostCapabilities) -> list[tuple[str, str, str]]:
    """Return (feature, default, whether a guest may choose) of hvm guests, by release.

    The local APIC can't be taken away since 3.1; hap came with 3.3 and viridian with 3.4.
    """
    version = host.version
    release = (0, 0) if version is None else (version.major, version.minor)
    found = [
        ("acpi", "on", "yes"),
        ("apic", "on", "no" if release >= (3, 1) else "yes"),
    ]
    if release >= (3, 3):
        found.append(("hap", "on", "yes"))
    if release >= (3, 4):
        found.append(("viridian", "off", "yes"))
    return found
