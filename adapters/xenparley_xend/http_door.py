"""XenD's HTTP server with S-expressions: TCP port 8000 or the UNIX socket.

``op`` is the last parameter of every form: XenD acts on what it got of a request that was cut,
and one without an operation does nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from xenparley.domain.errors import OutcomeUnknown, ProtocolError, Unsupported
from xenparley_wire.sxp import Sexp, dumpb
from xenparley_xend.answers import value, words
from xenparley_xend.doors import Op, Value
from xenparley_xend.exchange import Answer, Line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xenparley_xend.endpoint import Endpoint
    from xenparley_xend.release import Release

__all__ = ["MAX_FORM", "HttpDoor", "form"]

#: Longest form that XenD takes, in bytes (every release; 413 beyond).
MAX_FORM: Final = 10_000
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
#: Up to 3.0.2 a domain id is looked for before a name; the rest is the same everywhere.
_DOMAINS: Final = "/xend/domain"
_SAFE: Final = "-._~"


def form(op: str, parameters: Iterable[tuple[str, Value]]) -> bytes:
    """Return the form of an operation. Raises Unsupported when it is longer than XenD takes."""
    pairs = [f"{name}={quote(_text(given), safe=_SAFE)}" for name, given in parameters]
    body = "&".join([*pairs, f"op={op}"]).encode("ascii")
    if len(body) > MAX_FORM:
        raise Unsupported(
            f"{op}: a form of {len(body)} bytes, XenD takes {MAX_FORM} over HTTP; "
            "its XML-RPC socket takes more"
        )
    return body


def _text(given: Value) -> bytes:
    if isinstance(given, bool):
        return b"1" if given else b"0"
    if isinstance(given, int):
        return str(given).encode("ascii")
    if isinstance(given, str):
        return given.encode("utf-8", "surrogateescape")
    return dumpb(given)


class HttpDoor:
    """Asks over HTTP."""

    kind = "http"

    def __init__(self, endpoint: Endpoint) -> None:
        self.line = Line(endpoint, {"Accept": "application/sxp"})

    def learn(self, release: Release) -> None:
        """Every release takes the same forms."""

    def node(self, deadline: float) -> Sexp:
        """Return the node."""
        return _tree(self._get("/xend/node", "node", deadline), "node")

    def names(self, state: str | None, deadline: float) -> list[str]:
        """Return names."""
        path = _DOMAINS if state is None else f"{_DOMAINS}?state={quote(state)}"
        found = _list(self._get(path, "list", deadline), "list")
        return [name for name in found if isinstance(name, str) and name]

    def running(self, deadline: float) -> list[Sexp]:
        """Return details."""
        return _list(self._get(f"{_DOMAINS}?detail=1", "list", deadline), "list")

    def everything(self, deadline: float) -> list[Sexp] | None:
        """HTTP has no such request from 3.0.4 on."""
        return None

    def domain(self, key: str, deadline: float) -> Sexp:
        """Return a guest."""
        path = f"{self._path(key)}?detail=1"
        return _tree(self._get(path, "domain", deadline, guest=True), "domain")

    def ask(self, key: str, op: Op, deadline: float) -> Sexp | None:
        """Ask about a guest."""
        body = form(op.name, op.parameters)
        answer = self.line.read("POST", self._path(key), body, _FORM, deadline)
        return value(answer, op.name, command=False, guest=True)

    def command(self, key: str, op: Op, deadline: float) -> Sexp | None:
        """Change something about a guest."""
        body = form(op.name, op.parameters)
        answer = self.line.command("POST", self._path(key), body, _FORM, deadline)
        return value(answer, op.name, command=True, guest=True)

    def create(self, config: list[Sexp], deadline: float) -> Sexp:
        """Make a guest."""
        tree = value(
            self._post("create", (("config", config),), deadline),
            "create",
            command=True,
            guest=False,
        )
        if not isinstance(tree, list):
            raise OutcomeUnknown("create: XenD took it, but did not say what it made")
        return tree

    def new(self, config: list[Sexp], deadline: float) -> None:
        """Register a definition."""
        answer = self._post("new", (("config", config),), deadline)
        value(answer, "new", command=True, guest=False)

    def restore(self, path: str, paused: bool, deadline: float) -> str | Sexp | None:
        """Restore a guest; the Location tells its name, unquoted."""
        if paused:
            raise Unsupported(
                "XenD's HTTP server starts a restored guest at once; its XML-RPC socket need not"
            )
        answer = self._post("restore", (("file", path),), deadline)
        value(answer, "restore", command=True, guest=False)
        _, found, name = (answer.location or "").partition("/xend/domain/")
        return name if found and name else None

    def dmesg(self, deadline: float) -> str:
        """Return the console ring."""
        answer = self.line.read("GET", "/xend/node/dmesg", None, {}, deadline)
        if answer.status != 200 or answer.body.lstrip().startswith(b"(xend.err"):
            value(answer, "dmesg", command=False, guest=False)
            raise ProtocolError(f"XenD, dmesg: {answer.status}", retry_safe=True)
        return words(answer.body)

    def close(self) -> None:
        """Close the line."""
        self.line.close()

    def _get(self, path: str, what: str, deadline: float, *, guest: bool = False) -> Sexp | None:
        answer = self.line.read("GET", path, None, {}, deadline)
        return value(answer, what, command=False, guest=guest)

    def _post(self, op: str, parameters: tuple[tuple[str, Value], ...], deadline: float) -> Answer:
        return self.line.command("POST", _DOMAINS, form(op, parameters), _FORM, deadline)

    @staticmethod
    def _path(key: str) -> str:
        return f"{_DOMAINS}/{quote(key.encode('utf-8', 'surrogateescape'), safe=_SAFE)}"


def _tree(found: Sexp | None, what: str) -> Sexp:
    if not isinstance(found, list) or not found or found[0] != what:
        raise ProtocolError(f"XenD, {what}: not a ({what} ...)", retry_safe=True)
    return found


def _list(found: Sexp | None, what: str) -> list[Sexp]:
    if not isinstance(found, list):
        raise ProtocolError(f"XenD, {what}: not a list", retry_safe=True)
    return found
