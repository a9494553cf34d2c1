"""The simulated XenD's HTTP server: paths, forms and its many ways to say that something failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, unquote_to_bytes

from xenparley.domain.errors import ParseError, XenparleyError
from xenparley_sim.xend_errors import Missing, UnknownGuest, XendFailure
from xenparley_sim.xend_ops import OPS, carry_out, restore
from xenparley_wire.sxp import Sexp, loads_all
from xenparley_wire.sxp_show import show

if TYPE_CHECKING:
    from xenparley_sim.xend_host import Guest, XendHost

__all__ = ["MAX_FORM", "Reply", "Request", "answer"]

MAX_FORM = 10_000
#: These run in a thread, so that their failures come with a status of success.
_THREADED = frozenset({"save", "dump", "migrate", "restore"})
#: Operations that only XML-RPC has.
_NOT_HERE = frozenset({"send_trigger"})
_SXP = "application/sxp"
_DMESG = "Xen version {}\n(XEN) simulated\n"


class Request(NamedTuple):
    """A request as far as it arrived; ``path`` is decoded, without its query."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


class Reply(NamedTuple):
    """What is answered. ``close``: without an answer the connection is reset (True)."""

    status: int
    reason: str
    body: bytes = b""
    kind: str | None = _SXP
    location: str | None = None


def arguments(request: Request) -> dict[str, list[str]]:
    """Return the parameters: a query drops empty ones, a form keeps them."""
    given = parse_qs(request.query, errors="surrogateescape")
    kind = request.headers.get("content-type", "")
    if request.method == "POST" and kind.startswith("application/x-www-form-urlencoded"):
        body = request.body.decode("latin-1")
        form = parse_qs(body, keep_blank_values=True, errors="surrogateescape")
        for name, values in form.items():
            given.setdefault(name, []).extend(values)
    return given


def answer(host: XendHost, request: Request) -> Reply:
    """Answer a request. Raises NeverAnswers."""
    host.requests += 1
    if request.method not in ("GET", "HEAD", "POST"):
        words = f"Request method not supported ({request.method})"
        return Reply(501, "Not implemented", words.encode(), "text/plain")
    if len(request.body) > MAX_FORM:
        return Reply(413, "Request entity too large")
    parts = [part for part in request.path.split("/") if part]
    given = arguments(request)
    if parts == ["xend", "node"] and request.method == "GET":
        return _shown(host, lambda: host.node(), trailing=False)
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
    return Reply(404, "Not found", f"Not found: {parts[-1]}".encode(), "text/plain")


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
                return Reply(201, "Created", b"", None, f"{at}/{host.title(guest)}")
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
            return Reply(201, "created", shown.encode("utf-8", "surrogateescape"), _SXP, where)
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
    title = host.title(guest)
    try:
        values = _one(host, given, names)
        if "config" in values and op.startswith("device_"):
            values["config"] = _device(values["config"])
        result = carry_out(host, guest, op, values)
    except XendFailure as exc:
        return _failed(host, op, str(exc), accepted=accepted)
    body = _said(result, host.made_as.shown)
    where = f"http://{request.headers.get('host', 'localhost:8080')}/xend/domain/{title}/.."
    if accepted:
        return Reply(202, "Accepted", body, None, where)
    return Reply(200, "OK", body)


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


def _failed(host: XendHost, op: str, words: str, *, accepted: bool = False) -> Reply:
    body = show(["xend.err", words], release=host.made_as.shown)
    raw = body.encode("utf-8", "surrogateescape")
    if op in _THREADED or host.made_as.fails_inside:
        inside = accepted and op != "migrate"
        return Reply(202 if inside else 200, "Accepted" if inside else "OK", raw)
    return Reply(500, f"Request failed: {op}", raw)


def _unknown(host: XendHost, key: str) -> Reply:
    way = host.made_as.unknown
    if way == "empty":
        return Reply(500, "Internal server error", b"", None)
    words = f"<Fault 3: {key!r}>" if way == "fault" else f"Not found: {key}"
    return Reply(404, "Not found", words.encode("utf-8", "surrogateescape"), "text/plain")


def parse(head: bytes, body: bytes) -> Request | None:
    """Read a request's head; None for what is no HTTP."""
    lines = head.split(b"\n")
    words = lines[0].strip().split()
    if len(words) not in (2, 3) or not words[1].startswith(b"/"):
        return None
    if len(words) == 3 and not words[2].startswith(b"HTTP/"):
        return None
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.strip().partition(b":")
        if colon:
            headers[name.strip().lower().decode("latin-1")] = value.strip().decode("latin-1")
    target, _, query = words[1].partition(b"?")
    path = unquote_to_bytes(target).decode("utf-8", "surrogateescape")
    return Request(words[0].decode("latin-1"), path, query.decode("latin-1"), headers, body)
