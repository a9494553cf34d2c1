"""The simulated XenD's HTTP server: paths, forms and its many ways to say that something failed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, unquote_to_bytes

from xenparley.domain.errors import ParseError, XenparleyError
from xenparley_sim.xend_errors import Missing, UnknownGuest, XendFailure
from xenparley_sim.xend_linger import left_open
from xenparley_sim.xend_ops import OPS, carry_out, restore
from xenparley_wire.sxp import Sexp, loads_all
from xenparley_wire.sxp_show import show

if TYPE_CHECKING:
    from xenparley_sim.xend_host import Guest, XendHost

__all__ = ["BAD", "MAX_FORM", "Reply", "Request", "answer"]

MAX_FORM = 10_000
#: The method of what is no HTTP.
BAD = "?"
#: These run in a thread, so that their failures come with a status of success.
_THREADED = frozenset({"save", "dump", "migrate", "restore"})
#: Operations that only XML-RPC has.
_NOT_HERE = frozenset({"send_trigger"})
_SXP = "application/sxp"
_LOG = "[2030-01-01 00:00:00 1] INFO (SrvDaemon:331) Xend Daemon started\n"
_DMESG = "Xen version {}\n(XEN) simulated\n"


class Request(NamedTuple):
    """A request as far as it arrived; ``path`` is decoded, without its query."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


class Reply(NamedTuple):
    """What is answered; ``open``: the connection is left open behind it, and not read."""

    status: int
    reason: str
    body: bytes = b""
    kind: str | None = _SXP
    location: str | None = None
    open: bool = False


def arguments(request: Request) -> dict[str, list[str]]:
    """Return the parameters: a query drops empty ones, a form keeps them."""
    # Python 2 parts at semicolons too.
    query = request.query.replace(";", "&")
    given = parse_qs(query, errors="surrogateescape")
    kind = request.headers.get("content-type", "")
    if request.method == "POST" and kind.startswith("application/x-www-form-urlencoded"):
        body = request.body.decode("latin-1").replace(";", "&")
        form = parse_qs(body, keep_blank_values=True, errors="surrogateescape")
        for name, values in form.items():
            given.setdefault(name, []).extend(values)
    return given


def answer(host: XendHost, request: Request) -> Reply:
    """Answer a request. Raises NeverAnswers."""
    host.requests += 1
    if request.method == BAD:
        return Reply(400, "Bad request", b"", None)
    if request.method == "HEAD":
        return answer(host, request._replace(method="GET"))._replace(body=b"")
    if request.method not in ("GET", "POST"):
        words = f"Request method not supported ({request.method})"
        return Reply(501, "Not implemented", words.encode(), "text/plain")
    if len(request.body) > MAX_FORM:
        return Reply(413, "Request entity too large")
    # It drops the first character, and takes it for the slash.
    parts = [part for part in request.path[1:].split("/") if part]
    given = arguments(request)
    if parts == ["xend", "node"] and request.method == "GET":
        return _shown(host, lambda: host.node(), trailing=False)
    if parts == ["xend", "node"]:
        refused = _op(host, given, ())
        assert isinstance(refused, Reply)
        return refused
    if parts == ["xend", "vnet"] and request.method == "GET":
        return _shown(host, list, trailing=False)
    if parts == ["xend", "node", "log"] and request.method == "GET":
        return Reply(200, "OK", _LOG.encode(), "text/plain")
    if parts == ["xend", "node", "dmesg"] and request.method == "GET":
        ring = _DMESG.format(host.made_as.release)
        return Reply(200, "OK", ring.encode(), "text/plain")
    if parts == ["xend", "domain"]:
        if request.method == "GET":
            return _listing(host, given)
        return _directory(host, request, given)
    if parts[:2] == ["xend", "domain"] and len(parts) == 3:
        return _guest(host, parts[2], request, given)
    if not parts or parts == ["xend"]:
        return _shown(host, lambda: ["ls", *(["node", "domain", "vnet"] if parts else [])])
    known = (["xend"], ["xend", "domain"], ["xend", "node"], ["xend", "vnet"])
    strange = next((p for n, p in enumerate(parts) if parts[: n + 1] not in known), parts[-1])
    missing = f"Not found: {strange}".encode("utf-8", "surrogateescape")
    return Reply(404, "Not found", missing, "text/plain")


def _shown(host: XendHost, make: Any, *, trailing: bool = True) -> Reply:
    try:
        with host.request():
            tree = make()
    except XendFailure as exc:
        return _failed(host, "list", str(exc))
    body = show(tree, release=host.made_as.shown)
    if trailing and host.made_as.trailing:
        body += "''"
    return Reply(200, "OK", body.encode("utf-8", "surrogateescape"))


def _listing(host: XendHost, given: dict[str, list[str]]) -> Reply:
    state = given.get("state", [None])[0] if host.made_as.managed else None
    if given.get("detail"):
        return _shown(host, lambda: [host.shown(guest) for guest in host.listed()])
    return _shown(host, lambda: [host.title(guest) for guest in host.listed(state)], trailing=False)


def _one(host: XendHost, given: dict[str, list[str]], names: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, values in given.items():
        if name == "op":
            continue
        if len(values) > 1:
            raise XendFailure(f"Too many values for {name}")
        found[name] = values[0]
    for name in names:
        if name not in found:
            raise Missing(name)
    return found


def _op(host: XendHost, given: dict[str, list[str]], known: Any) -> str | Reply:
    ops = given.get("op", [])
    if len(ops) != 1:
        return Reply(406, "Invalid request", b"''" if host.made_as.trailing else b"")
    host.arrived[ops[0]] += 1
    if ops[0] not in known:
        words = f"Operation not implemented: {ops[0]}"
        ending = "''" if host.made_as.trailing else ""
        return Reply(501, words, (words + ending).encode("utf-8", "surrogateescape"))
    return ops[0]


def _config(value: str) -> Sexp:
    try:
        values = loads_all(value)
    except ParseError as exc:
        raise XendFailure("Configuration error list index out of range") from exc
    if not values:
        raise XendFailure("Configuration error list index out of range")
    return values[0]


def _directory(host: XendHost, request: Request, given: dict[str, list[str]]) -> Reply:
    known = ["list", "create", "restore"] + (["new"] if host.made_as.managed else [])
    op = _op(host, given, known)
    if isinstance(op, Reply):
        return op
    if op == "list":
        return _listing(host, {"detail": ["1"]})
    at = f"http://{request.headers.get('host', 'localhost:8080')}/xend/domain"
    try:
        with host.request():
            values = _one(host, given, ("file",) if op == "restore" else ("config",))
            if op == "restore":
                try:
                    guest = restore(host, values["file"], paused=False)
                except XenparleyError as exc:
                    raise XendFailure(str(exc)) from exc
                where = f"{at}/{host.title(guest)}"
                return _kept(host, op, Reply(201, "Created", b"", None, where))
            config = _config(values["config"])
            try:
                if op == "new":
                    host.define(config)
                    return Reply(200, "OK", b"")
                guest = host.create(config)
            except XenparleyError as exc:
                raise XendFailure(f"Error creating domain: {exc}") from exc
            made: Any = host.shown(guest, new=True)
            shown = show(made, release=host.made_as.shown)
            where = f"{at}/{host.title(guest)}"
            body = shown.encode("utf-8", "surrogateescape")
            return _kept(host, op, Reply(201, "created", body, _SXP, where))
    except XendFailure as exc:
        return _failed(host, op, str(exc))


def _guest(host: XendHost, name: str, request: Request, given: dict[str, list[str]]) -> Reply:
    try:
        with host.request():
            guest = host.find(name)
            if request.method == "POST" or given.get("op"):
                return _operate(host, guest, given, request)
            return _shown(host, lambda: host.shown(guest))
    except UnknownGuest as exc:
        return _unknown(host, exc.key)
    except XendFailure as exc:
        return _failed(host, "domain", str(exc))


def _operate(host: XendHost, guest: Guest, given: dict[str, list[str]], request: Request) -> Reply:
    managed = {"start", "delete"} if not host.made_as.managed else set()
    known = set(OPS) - _NOT_HERE - managed
    op = _op(host, given, known)
    if isinstance(op, Reply):
        return op
    _, names, accepted = OPS[op]
    living = guest.domain is not None
    title = host.title(guest)
    try:
        values = _one(host, given, names)
        if "config" in values and op.startswith("device_"):
            values["config"] = _device(values["config"])
        result = carry_out(host, guest, op, values)
    except XendFailure as exc:
        return _failed(host, op, str(exc), accepted=accepted, living=living)
    body = _said(result, host.made_as.shown)
    where = f"http://{request.headers.get('host', 'localhost:8080')}/xend/domain/{title}/.."
    if accepted:
        return _kept(host, op, Reply(202, "Accepted", body, None, where), living=living)
    return _kept(host, op, Reply(200, "OK", body), living=living)


def _kept(
    host: XendHost, op: str, reply: Reply, *, living: bool = True, failed: bool = False
) -> Reply:
    return reply._replace(
        open=left_open(host.made_as, op, reply.status, living=living, failed=failed)
    )


def _device(value: str) -> Sexp:
    try:
        values = loads_all(value)
    except ParseError as exc:
        raise XendFailure("Coercion to sxpr failed") from exc
    if not values:
        raise XendFailure("Coercion to sxpr failed")
    return values[0]


def _said(result: Any, release: tuple[int, ...]) -> bytes:
    if result is None:
        return b""
    if isinstance(result, dict):
        # A dictionary is printed as Python does, then quoted.
        return show(repr(result), release=release).encode()
    return show(result, release=release).encode("utf-8", "surrogateescape")


def _failed(
    host: XendHost, op: str, words: str, *, accepted: bool = False, living: bool = True
) -> Reply:
    body = show(["xend.err", words], release=host.made_as.shown)
    raw = body.encode("utf-8", "surrogateescape")
    if op in _THREADED or host.made_as.fails_inside:
        inside = accepted and op != "migrate"
        told = Reply(202 if inside else 200, "Accepted" if inside else "OK", raw)
    else:
        told = Reply(500, f"Request failed: {op}", raw)
    return _kept(host, op, told, living=living, failed=True)


def _unknown(host: XendHost, key: str) -> Reply:
    way = host.made_as.unknown
    if way == "empty":
        return Reply(500, "Internal server error", b"", None)
    words = f"<Fault 3: {key!r}>" if way == "fault" else f"Not found: {key}"
    return Reply(404, "Not found", words.encode("utf-8", "surrogateescape"), "text/plain")


def parse(head: bytes, body: bytes) -> Request:
    """Read a request's head; the method is BAD for what is no HTTP."""
    lines = head.split(b"\n")
    words = lines[0].strip().split()
    version = words[2] if len(words) == 3 else b"HTTP/0.9"
    if len(words) not in (2, 3) or not re.fullmatch(rb"HTTP/\d+(\.\d+)?", version):
        return Request(BAD, "/", "", {}, b"")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.strip().partition(b":")
        if colon:
            headers[name.strip().lower().decode("latin-1")] = value.strip().decode("latin-1")
    target, _, query = words[1].partition(b"?")
    path = unquote_to_bytes(target).decode("utf-8", "surrogateescape")
    return Request(words[0].decode("latin-1"), path, query.decode("latin-1"), headers, body)
