"""XenD's XML-RPC server, /var/run/xend/xmlrpc.sock: the only door of a stock XenD from 3.0.2 on.

The same S-expressions travel as nested arrays. A request that is cut is no XML, so it does
nothing; there is no limit of 10,000 bytes; faults are typed.
"""

from __future__ import annotations

import re
import xmlrpc.client
from typing import TYPE_CHECKING, Any, Final
from xml.parsers.expat import ExpatError

from xenparley.domain.errors import (
    AccessRefused,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    ProtocolError,
    Unsupported,
    XenparleyError,
)
from xenparley.domain.identity import printable
from xenparley_wire.sxp import Sexp
from xenparley_xend.doors import READS, Op
from xenparley_xend.errors import said
from xenparley_xend.exchange import Line
from xenparley_xend.xmlrpc_calls import METHODS

if TYPE_CHECKING:
    from xenparley_xend.endpoint import Endpoint
    from xenparley_xend.exchange import Answer
    from xenparley_xend.release import Release

__all__ = ["XmlRpcDoor", "sexp_of"]

_HEADERS: Final = {"Content-Type": "text/xml"}
_ENTITY: Final = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)
#: XML 1.0 has no place for these.
_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPE: Final = re.compile(r"\\(?:x([0-9a-f]{2})|([nrt\\'\"]))")
_NAMED: Final = {"n": "\n", "r": "\r", "t": "\t"}
#: XenD's own answers stay below 20.
_MAX_DEPTH: Final = 64
#: XendClient's fault codes.
_INVALID_DOMAIN: Final = 3


class XmlRpcDoor:
    """Asks by XML-RPC. ``release`` is set once the node is known: signatures differ by it."""

    kind = "xmlrpc"

    def __init__(self, endpoint: Endpoint) -> None:
        self.line = Line(endpoint, {"Accept": "text/xml"})
        self.release: Release | None = None

    def learn(self, release: Release) -> None:
        """Keep the host's release."""
        self.release = release

    def node(self, deadline: float) -> Sexp:
        """Return the node."""
        return _tree(self._read("xend.node.info", (), deadline), "node")

    def names(self, state: str | None, deadline: float) -> list[str]:
        """Return names."""
        if state is None:
            found = self._read("xend.domains", (0,), deadline)
        else:
            found = self._read("xend.domains_with_state", (False, state, 0), deadline)
        return [name for name in _list(found) if isinstance(name, str) and name]

    def running(self, deadline: float) -> list[Sexp]:
        """Return details."""
        return _list(self._read("xend.domains", (1,), deadline))

    def everything(self, deadline: float) -> list[Sexp] | None:
        """Return details of all of them: ``domains_with_state`` came with 3.0.4."""
        if self.release is None or not self.release.manages:
            return None
        return _list(self._read("xend.domains_with_state", (True, "all", 0), deadline))

    def domain(self, key: str, deadline: float) -> Sexp:
        """Return a guest."""
        return _tree(self._read("xend.domain", (key,), deadline, guest=True), "domain")

    def ask(self, key: str, op: Op, deadline: float) -> Sexp | None:
        """Ask about a guest."""
        assert op.name in READS
        method, arguments = self._method(op)
        return self._read(method, (key, *arguments), deadline, guest=True)

    def command(self, key: str, op: Op, deadline: float) -> Sexp | None:
        """Change something about a guest."""
        method, arguments = self._method(op)
        return self._command(method, (key, *arguments), deadline, guest=True)

    def create(self, config: list[Sexp], deadline: float) -> Sexp:
        """Make a guest."""
        tree = self._command("xend.domain.create", (config,), deadline)
        if not isinstance(tree, list):
            raise OutcomeUnknown("create: XenD took it, but did not say what it made")
        return tree

    def new(self, config: list[Sexp], deadline: float) -> None:
        """Register a definition."""
        self._command("xend.domain.new", (config,), deadline)

    def restore(self, path: str, paused: bool, deadline: float) -> str | Sexp | None:
        """Restore a guest."""
        if paused and (self.release is None or self.release.format < 2):
            raise Unsupported("this XenD starts a restored guest at once")
        arguments = (path, True) if paused else (path,)
        return self._command("xend.domain.restore", arguments, deadline)

    def dmesg(self, deadline: float) -> str:
        """Return the console ring; XenD sends it with Python's escapes (3.0.3 and later)."""
        found = self._read("xend.node.dmesg.info", (), deadline)
        if not isinstance(found, str):
            raise ProtocolError("XenD, dmesg: not a text", retry_safe=True)
        if self.release is None or self.release.format < 2:
            return found
        return _ESCAPE.sub(_unescaped, found)

    def close(self) -> None:
        """Close the line."""
        self.line.close()

    def _method(self, op: Op) -> tuple[str, tuple[Any, ...]]:
        entry = METHODS.get(op.name)
        if entry is None:
            raise Unsupported(f"XenD's XML-RPC server has no {op.name}")
        method, arguments = entry
        return method, arguments(dict(op.parameters), self.release)

    def _read(
        self, method: str, arguments: tuple[Any, ...], deadline: float, *, guest: bool = False
    ) -> Sexp | None:
        body = _request(method, arguments)
        answer = self.line.read("POST", "/RPC2", body, _HEADERS, deadline)
        return _result(answer, method, command=False, guest=guest)

    def _command(
        self, method: str, arguments: tuple[Any, ...], deadline: float, *, guest: bool = False
    ) -> Sexp | None:
        body = _request(method, arguments)
        answer = self.line.command("POST", "/RPC2", body, _HEADERS, deadline)
        return _result(answer, method, command=True, guest=guest)


def _request(method: str, arguments: tuple[Any, ...]) -> bytes:
    try:
        _check_texts(arguments)
        text = xmlrpc.client.dumps(arguments, method, allow_none=True)
    except (OverflowError, TypeError, RecursionError) as exc:
        raise InvalidInput(f"{method}: can't be said in XML-RPC: {exc}") from exc
    return text.encode("utf-8")


def _check_texts(value: object) -> None:
    if isinstance(value, str):
        if (found := _NOT_XML.search(value)) is not None:
            raise InvalidInput(f"XML-RPC can't carry the character {ord(found[0]):#04x}")
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check_texts(item)


def _result(answer: Answer, method: str, *, command: bool, guest: bool) -> Sexp | None:
    if answer.status in (401, 403, 407):
        raise AccessRefused(f"XenD, {method}: {answer.status} {printable(answer.reason)}")
    if answer.status != 200:
        raise _nonsense(f"{method}: {answer.status} {printable(answer.reason)}", command=command)
    if _ENTITY.search(answer.body):
        raise _nonsense(f"{method}: an answer with a document type", command=command)
    try:
        values, _ = xmlrpc.client.loads(answer.body)
        found = values[0]
    except xmlrpc.client.Fault as exc:
        raise _fault(exc, method, guest=guest) from exc
    except (
        ExpatError,
        xmlrpc.client.Error,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        ArithmeticError,
    ) as exc:
        raise _nonsense(f"{method}: {printable(str(exc), limit=200)}", command=command) from exc
    try:
        return sexp_of(found)
    except ValueError as exc:
        raise _nonsense(f"{method}: {exc}", command=command) from exc


def _fault(exc: xmlrpc.client.Fault, method: str, *, guest: bool) -> XenparleyError:
    text = str(exc.faultString)
    if guest and exc.faultCode == _INVALID_DOMAIN:
        return NotFound(f"XenD knows no such guest ({method}: {printable(text, limit=200)})")
    if "is not supported" in text and "method" in text:
        return Unsupported(f"XenD, {method}: {printable(text, limit=200)}")
    return said(text, method)


def _nonsense(message: str, *, command: bool) -> XenparleyError:
    if command:
        return OutcomeUnknown(f"the command was sent, XenD's answer makes no sense: {message}")
    return ProtocolError(f"XenD's answer makes no sense: {message}", retry_safe=True)


def sexp_of(value: object, depth: int = 0) -> Sexp | None:
    """Return an XML-RPC value as an S-expression; atoms are strings. Raises ValueError."""
    if depth > _MAX_DEPTH:
        raise ValueError("nested too deep")
    if value is None:
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        items = (sexp_of(item, depth + 1) for item in value)
        return ["" if item is None else item for item in items]
    if isinstance(value, dict):
        return [[str(key), sexp_of(item, depth + 1) or ""] for key, item in value.items()]
    if isinstance(value, xmlrpc.client.Binary):
        return value.data.decode("utf-8", "surrogateescape")
    raise ValueError(f"a value of type {type(value).__name__}")


def _unescaped(match: re.Match[str]) -> str:
    code, name = match.groups()
    return chr(int(code, 16)) if code is not None else _NAMED.get(name, name)


def _tree(found: Sexp | None, what: str) -> Sexp:
    if not isinstance(found, list) or not found or found[0] != what:
        raise ProtocolError(f"XenD, {what}: not a ({what} ...)", retry_safe=True)
    return found


def _list(found: Sexp | None) -> list[Sexp]:
    if not isinstance(found, list):
        raise ProtocolError("XenD's answer is not a list", retry_safe=True)
    return found
