"""Exit codes, by class of error: what a script may rely on."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["BROKEN_PIPE", "BUG", "EXIT_CODES", "INTERRUPTED", "OK", "USAGE", "ExitCode", "code_of"]


class ExitCode(NamedTuple):
    """A code, the kinds of errors (``XenparleyError.kind``) that it stands for, and its meaning."""

    code: int
    kinds: tuple[str, ...]
    meaning: str


OK = 0
BUG = 1
USAGE = 2
INTERRUPTED = 130
BROKEN_PIPE = 141

EXIT_CODES = (
    ExitCode(0, (), "done; the guest is in the state that was asked for"),
    ExitCode(BUG, ("error",), "an error of no other class, or a bug in xenparley or a plugin"),
    ExitCode(USAGE, (), "the command line itself is wrong"),
    ExitCode(
        3,
        ("invalid-input", "parse-error", "config-error", "unrepresentable"),
        "a value, document or configuration is wrong",
    ),
    ExitCode(4, ("not-found",), "no such guest, file or device"),
    ExitCode(5, ("ambiguous",), "several guests answer to this name or UUID"),
    ExitCode(6, ("already-exists", "conflict"), "the name or UUID is taken, or changed meanwhile"),
    ExitCode(7, ("invalid-state",), "the guest's state does not allow the command"),
    ExitCode(8, ("unsupported",), "the host or its channels can't do it"),
    ExitCode(9, ("access-refused",), "permission denied"),
    ExitCode(
        10,
        ("unavailable", "no-channel", "channel-lost", "protocol-error"),
        "no channel can be reached; nothing was done",
    ),
    ExitCode(11, ("deadline-exceeded",), "the time ran out"),
    ExitCode(12, ("outcome-unknown",), "sent, but whether it took effect is not known: look again"),
    ExitCode(13, ("operation-failed",), "the host tried, and says that it failed"),
    ExitCode(14, ("plugin-error",), "a plugin is broken"),
    ExitCode(INTERRUPTED, (), "interrupted (Ctrl-C); what was sent is not taken back"),
    ExitCode(BROKEN_PIPE, (), "whoever read the output went away"),
)

_BY_KIND = {kind: entry.code for entry in EXIT_CODES for kind in entry.kinds}


def code_of(exc: BaseException) -> int:
    """Return the exit code for an error: its own kind's, else that of the class it derives from."""
    for cls in type(exc).__mro__:
        code = _BY_KIND.get(getattr(cls, "kind", ""))
        if code is not None:
            return code
    return BUG
