"""Finds what installed distributions declare, by reading ``entry_points.txt`` ourselves.

The folders of ``sys.path`` are looked through for ``*.dist-info`` (and ``*.egg-info``) folders.
importlib.metadata would do it too, but importing it costs more than everything else that a
start-up does; it is used only for what isn't a plain folder: zip files, and finders that others
put on ``sys.meta_path``. Nothing is cached, so nothing goes stale.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

__all__ = ["PLUGIN_GROUP", "SCHEME_GROUP", "EntryPoint", "Finding", "discover", "normalised"]

#: Names a plugin: ``NAME = module`` or ``NAME = module:object``.
PLUGIN_GROUP = "xenparley.plugins"
#: Names who serves a URI: the entry's name is the scheme, its value ``module:connect``.
SCHEME_GROUP = "xenparley.schemes"

_MARK = b"xenparley."
_MAX_BYTES = 1 << 20
_VALUE = re.compile(r"([\w.]+)(?::([\w.]+))?\s*(?:\[[^\]]*\])?")
_FOLDER = re.compile(r"(?P<name>.+?)(?:-(?P<version>[^-]+))?(?:-py[\d.]+)?\.(?:dist|egg)-info")


class EntryPoint(NamedTuple):
    """One line of a distribution's ``entry_points.txt``. ``value`` is without its extras."""

    group: str
    name: str
    value: str
    distribution: str
    version: str


class Finding(NamedTuple):
    """Something that could not be read: which distribution (or folder), where, and why."""

    distribution: str
    version: str
    name: str
    problem: str


def normalised(name: str) -> str:
    """Return a distribution's name as package indexes compare it: ``Foo_Bar`` is ``foo-bar``."""
    return re.sub(r"[-_.]+", "-", name).lower()


def discover(path: Sequence[str] | None = None) -> tuple[list[EntryPoint], list[Finding]]:
    """Return the entry points of both groups, and what could not be read.

    ``path`` takes the place of ``sys.path``. Of a distribution that is found twice the first on
    the path counts, as it does for imports. The order is total: by distribution, name, value.
    """
    entries: list[EntryPoint] = []
    findings: list[Finding] = []
    seen: set[str] = set()
    for folder in dict.fromkeys(sys.path if path is None else path):
        for distribution, version, data in _declarations(folder, findings):
            key = normalised(distribution)
            if key in seen:
                continue
            seen.add(key)
            if _MARK in data:
                _parse(data, key, version, entries, findings)
    if path is None:
        for distribution, version, data in _foreign_finders(findings):
            key = normalised(distribution)
            if key not in seen:
                seen.add(key)
                _parse(data, key, version, entries, findings)
    entries.sort(key=lambda e: (e.distribution, e.group, e.name, e.value))
    return entries, findings


def _declarations(folder: str, findings: list[Finding]) -> Iterator[tuple[str, str, bytes]]:
    """Yield (distribution, version, content of entry_points.txt) of one place on the path."""
    where = folder or "."
    try:
        names = os.listdir(where)  # noqa: PTH208 (pathlib costs a start-up 10 ms)
    except NotADirectoryError:
        yield from _metadata(findings, path=[folder])
        return
    except FileNotFoundError:
        return
    except (OSError, ValueError) as exc:
        findings.append(Finding("", "", where, f"cannot be looked through: {exc}"))
        return
    for name in sorted(names):
        if not name.endswith((".dist-info", ".egg-info")):
            continue
        match = _FOLDER.fullmatch(name)
        if match is None:
            continue
        distribution, version = match["name"], match["version"] or ""
        try:
            with open(os.path.join(where, name, "entry_points.txt"), "rb") as file:  # noqa: PTH118, PTH123 (as above)
                data = file.read(_MAX_BYTES + 1)
        except (FileNotFoundError, NotADirectoryError):
            data = b""
        except OSError as exc:
            findings.append(Finding(distribution, version, "", f"entry_points.txt: {exc}"))
            continue
        if len(data) > _MAX_BYTES:
            findings.append(
                Finding(distribution, version, "", f"entry_points.txt exceeds {_MAX_BYTES} bytes")
            )
            continue
        yield distribution, version, data


def _foreign_finders(findings: list[Finding]) -> Iterator[tuple[str, str, bytes]]:
    """Yield what finders other than the import system's own know, if there are such."""
    own = {"PathFinder", "BuiltinImporter", "FrozenImporter"}
    if any(
        hasattr(finder, "find_distributions")
        for finder in sys.meta_path
        if getattr(finder, "__name__", "") not in own
    ):
        yield from _metadata(findings)


def _metadata(
    findings: list[Finding], path: list[str] | None = None
) -> Iterator[tuple[str, str, bytes]]:
    """Yield what importlib.metadata knows (it is imported here and nowhere else)."""
    import importlib.metadata

    where = path[0] if path else "a finder on sys.meta_path"
    try:
        distributions = list(
            importlib.metadata.distributions(path=path)
            if path is not None
            else importlib.metadata.distributions()
        )
        for distribution in distributions:
            text = distribution.read_text("entry_points.txt") or ""
            name = distribution.metadata["Name"]
            if name:
                yield name, distribution.version, text.encode("utf-8", "surrogateescape")
    except Exception as exc:  # noqa: BLE001 (a foreign finder may raise anything)
        findings.append(Finding("", "", where, f"cannot be looked through: {exc!r}"))


def _parse(
    data: bytes,
    distribution: str,
    version: str,
    entries: list[EntryPoint],
    findings: list[Finding],
) -> None:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as exc:
        findings.append(Finding(distribution, version, "", f"entry_points.txt: {exc}"))
        return
    for number, group, line in _lines(text.splitlines()):
        name, equals, value = (part.strip() for part in line.partition("="))
        match = _VALUE.fullmatch(value)
        if not equals or not name or match is None:
            problem = f"entry_points.txt:{number}: not NAME = MODULE:OBJECT: {line[:200]!r}"
            findings.append(Finding(distribution, version, name, problem))
            continue
        target = match[1] + (f":{match[2]}" if match[2] else "")
        entries.append(EntryPoint(group, name, target, distribution, version))


def _lines(lines: Iterable[str]) -> Iterator[tuple[int, str, str]]:
    """Yield (line number, group, line) of the two groups."""
    group = ""
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if line[0] == "[" and line[-1] == "]":
            group = line[1:-1].strip()
        elif group in (PLUGIN_GROUP, SCHEME_GROUP):
            yield number, group, line
