"""Reading XenD's HTTP answers: what status and body together say.

Failures come in many clothes (recorded from 3.0.4, 3.1.0 and 4.1.6): a status of 500 with an
error expression; the same expression inside a 200 or 202 for what runs in a thread (save, dump,
restore, migrate) and, up to 3.0.2, for everything; an empty 500 for an unknown guest (3.1 to
3.3); 404 with a text. So the body is always looked at.
"""

from __future__ import annotations

from xenparley.domain.errors import (
    AccessRefused,
    InvalidInput,
    NotFound,
    OperationFailed,
    OutcomeUnknown,
    ParseError,
    ProtocolError,
    Unsupported,
    XenparleyError,
)
from xenparley.domain.identity import printable
from xenparley_wire.sxp import Sexp, loads_all
from xenparley_xend.errors import said
from xenparley_xend.exchange import Answer

__all__ = ["expression", "value", "words"]

#: Atoms with which a command is answered that was carried out.
_DONE = frozenset({"", "0", "1", "None", "True"})


def words(body: bytes) -> str:
    """Return a body as text; bytes that are no UTF-8 become escapes."""
    return body.decode("utf-8", "backslashreplace")


def expression(body: bytes) -> Sexp | None:
    """Return the first expression of a body; None for an empty one. Raises ParseError.

    From 4.1 on many answers have an empty atom behind the expression.
    """
    if not body.strip():
        return None
    values = loads_all(body)
    return values[0] if values else None


def value(answer: Answer, what: str, *, command: bool, guest: bool) -> Sexp | None:
    """Return what an answer says, or raise what it tells of.

    ``guest``: the path names a guest, so that a 404 or an empty 500 means that there is none.
    """
    try:
        tree = expression(answer.body)
    except ParseError as exc:
        if 400 <= answer.status < 600:
            tree = None
        else:
            raise _nonsense(f"XenD, {what}: {exc.message}", command=command) from exc
    failure = _failure(tree)
    if failure is not None:
        raise said(failure, what)
    if 200 <= answer.status < 300:
        if command and isinstance(tree, str) and tree not in _DONE:
            raise _nonsense(f"XenD, {what}: {printable(tree, limit=60)}", command=True)
        return tree
    raise _refusal(answer, what, command=command, guest=guest)


def _failure(tree: Sexp | None) -> str | None:
    """Return the text of ``(xend.err 'text')``."""
    if isinstance(tree, list) and tree and tree[0] == "xend.err":
        return " ".join(part for part in tree[1:] if isinstance(part, str)) or "no reason given"
    return None


def _refusal(answer: Answer, what: str, *, command: bool, guest: bool) -> XenparleyError:
    status = answer.status
    text = printable(words(answer.body[:400]).strip().removesuffix("''"), limit=300)
    about = f"XenD, {what}: {status} {printable(answer.reason, limit=100)}"
    about = f"{about}: {text}" if text else about
    if guest and (status == 404 or (status == 500 and not answer.body.strip(b"' "))):
        return NotFound(f"XenD knows no such guest ({what}: {status})")
    if status in (401, 403, 407):
        return AccessRefused(about)
    if status == 413:
        return InvalidInput(f"{about}: XenD takes 10000 bytes at most")
    if status in (404, 501):
        return Unsupported(about)
    if status in (400, 406, 500):
        return OperationFailed(about)
    return _nonsense(about, command=command)


def _nonsense(message: str, *, command: bool) -> XenparleyError:
    if command:
        return OutcomeUnknown(f"the command was sent, the answer makes no sense: {message}")
    return ProtocolError(message, retry_safe=True)
