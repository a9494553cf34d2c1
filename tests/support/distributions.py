"""Real distributions in a temporary folder: a module, and a dist-info that declares it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

__all__ = ["ADAPTER", "install", "plugin_source"]

#: An adapter's declaration, for a plugin's source; NAME and SCHEME are replaced.
ADAPTER = """\
registrar.adapter(
    AdapterSpec(
        name="NAME", factory="nowhere:factory", offers=(), schemes=frozenset({"SCHEME"}),
        summary="a test's adapter",
    )
)
"""


def plugin_source(body: str = ADAPTER, *, spi: str = "(1, 0)", head: str = "", **names: str) -> str:
    """Return a plugin's source, whose hook has this body; ``names`` replace words in it."""
    for word, value in {"NAME": "some", "SCHEME": "test", **names}.items():
        body = body.replace(word, value)
    lines = textwrap.indent(body, "    ")
    return (
        f"{head}\n"
        "from xenparley.plugin.hooks import hookimpl\n"
        "from xenparley.plugin.spi import AdapterSpec, CommandSpec, FormatSpec, SchemeSpec\n"
        f"xenparley_spi = {spi}\n"
        "@hookimpl\n"
        "def xenparley_register(registrar):\n"
        f"{lines}"
    )


def install(
    folder: Path,
    distribution: str,
    plugins: Mapping[str, str] = {},
    *,
    schemes: Mapping[str, str] = {},
    sources: Mapping[str, str] = {},
    version: str = "1.0",
    raw: str | bytes | None = None,
) -> Path:
    """Write a distribution into ``folder`` as an installer would; return its dist-info folder.

    ``plugins`` and ``schemes`` map entry-point names to values, ``sources`` modules to their
    text. ``raw`` is written as entry_points.txt instead.
    """
    folder.mkdir(parents=True, exist_ok=True)
    info = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
    )
    groups = {"xenparley.plugins": plugins, "xenparley.schemes": schemes}
    text = "".join(
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in groups.items()
        if entries
    )
    data = text if raw is None else raw
    (info / "entry_points.txt").write_bytes(data if isinstance(data, bytes) else data.encode())
    for module, source in sources.items():
        (folder / f"{module}.py").write_text(source)
    return info
