"""Where XenD may listen, which of these doors open, and what the host's own files say."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from xenparley.domain.errors import (
    AccessRefused,
    DeadlineExceeded,
    OperationFailed,
    ProtocolError,
    Unavailable,
    Unsupported,
    XenparleyError,
)
from xenparley_wire.sxp import Sexp
from xenparley_xend.endpoint import Endpoint

if TYPE_CHECKING:
    from xenparley_xend.doors import Door
    from xenparley_xend.http_door import HttpDoor
    from xenparley_xend.xmlrpc_door import XmlRpcDoor

__all__ = ["DEFINITIONS", "HTTP_SOCKET", "XMLRPC_SOCKET", "Place", "Places"]

HTTP_SOCKET: Final = "/var/lib/xend/xend-socket"
XMLRPC_SOCKET: Final = "/var/run/xend/xmlrpc.sock"
#: XenD's folder of definitions (xend-domains-path): UUID/config.sxp.
DEFINITIONS: Final = "/var/lib/xend/domains"
_UUID = re.compile(r"[0-9a-f-]{36}")


@frozen
class Place:
    """A place where XenD may listen, and the protocol: ``http``, ``xmlrpc`` or ``auto``."""

    endpoint: Endpoint
    protocol: str = "auto"


@frozen(kw_only=True)
class Places:
    """Where to look, in this order. ``definitions``: XenD's folder, when this machine is the host.

    ``refusal`` words why none may be used (policy).
    """

    places: tuple[Place, ...]
    definitions: str | None = None
    #: Whether paths of the host are paths of this machine.
    local_files: bool = False
    refusal: str | None = None
    insecure: bool = False
    _opened: list[HttpDoor | XmlRpcDoor] = field(factory=list, init=False)

    def open(self, deadline: float) -> tuple[Door, Door | None, Sexp]:
        """Return the first door that opens, an XML-RPC door beside it, and the node.

        Raises Unavailable with each place and its reason; a place that refuses access, or does
        not answer in time, is told as such when it is the only one.
        """
        reasons: list[str] = []
        errors: list[XenparleyError] = []
        door: Door | None = None
        node: Sexp = []
        for place in self.places:
            try:
                place.endpoint.look()
            except Unavailable as exc:
                errors.append(exc)
                reasons.append(exc.message)
                continue
            for make in _makers(place.protocol):
                if door is not None and make.kind != "xmlrpc":
                    continue
                made = make(place.endpoint)
                self._opened.append(made)
                # The second door is an extra: it may take half of the time that is left.
                now = time.monotonic()
                until = deadline if door is None else now + (deadline - now) / 2
                try:
                    told = made.node(until)
                except XenparleyError as exc:
                    self._drop(made)
                    if door is not None:
                        continue
                    errors.append(exc)
                    reasons.append(exc.message)
                    if not isinstance(exc, (ProtocolError, Unsupported, OperationFailed)):
                        break
                    continue
                if door is None:
                    door, node = made, told
                elif made.kind == "xmlrpc":
                    self._opened.remove(made)
                    self._forget(door)
                    return door, made, node
                break
        if door is not None:
            self._forget(door)
            return door, None, node
        if len(errors) == 1:
            raise errors[0]
        late = next((e for e in errors if isinstance(e, DeadlineExceeded)), None)
        if late is not None:
            raise late
        if any(isinstance(e, AccessRefused) for e in errors):
            raise AccessRefused("; ".join(reasons)) from errors[-1]
        raise Unavailable("; ".join(reasons) or "no place to look for XenD", retry_safe=True) from (
            errors[-1] if errors else None
        )

    def _drop(self, made: HttpDoor | XmlRpcDoor) -> None:
        made.close()
        self._forget(made)

    def _forget(self, made: Door) -> None:
        if made in self._opened:
            self._opened.remove(made)

    def close(self) -> None:
        """End a look that is under way."""
        for made in [*self._opened]:
            made.close()

    def is_defined(self, uuid: str | None) -> bool | None:
        """Say whether XenD keeps a definition with this UUID; None when that can't be seen."""
        if self.definitions is None or uuid is None or not _UUID.fullmatch(uuid):
            return None
        folder = Path(self.definitions)
        try:
            return (folder / uuid / "config.sxp").is_file() if folder.is_dir() else None
        except OSError:
            return None

    def sees_definitions(self) -> bool:
        """Say whether XenD's folder of definitions is there to be looked at."""
        return self.definitions is not None and Path(self.definitions).is_dir()


def _makers(protocol: str) -> tuple[type[HttpDoor] | type[XmlRpcDoor], ...]:
    from xenparley_xend.http_door import HttpDoor
    from xenparley_xend.xmlrpc_door import XmlRpcDoor

    if protocol == "http":
        return (HttpDoor,)
    if protocol == "xmlrpc":
        return (XmlRpcDoor,)
    return (HttpDoor, XmlRpcDoor)
