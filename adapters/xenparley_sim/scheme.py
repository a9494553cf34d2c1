"""The scheme ``sim:``, a host in memory, and ``sim:PATH``, one that lives in a file."""

from __future__ import annotations

import os

from xenparley.domain.errors import InvalidInput
from xenparley.domain.identity import printable
from xenparley.plugin.spi import Connection
from xenparley.plugin.uri import Uri

__all__ = ["connect"]


def connect(uri: Uri) -> Connection:
    """Say where the simulated host is. InvalidInput: a host name, or an impossible path.

    ``?fault=KIND:CAPABILITY,...`` has it misbehave (see xenparley_sim.faults). Other words of
    the query are the application's.
    """
    if uri.host is not None or uri.port is not None:
        raise InvalidInput(f"a simulated host is in a file or in memory: sim:PATH, not {uri}")
    settings = {}
    if uri.path:
        if "\0" in uri.path:
            raise InvalidInput(f"a NUL byte in the path of {uri}")
        try:
            os.fsencode(uri.path)
        except UnicodeEncodeError as exc:
            raise InvalidInput(f"not a file's path: {uri}") from exc
        settings["path"] = os.path.abspath(uri.path)  # noqa: PTH100 - links are not followed
    if "fault" in uri.query:
        settings["fault"] = uri.query["fault"]
    label = "simulated host" if not uri.path else f"simulated host in {printable(uri.path)}"
    return Connection(label=label, local=True, settings={"sim": settings})
