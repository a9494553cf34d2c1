"""Names that a guest may have and that careless code gets wrong."""

from __future__ import annotations

from xenparley.domain.identity import MAX_NAME_BYTES

__all__ = ["ODD_NAMES"]

#: All of them pass :func:`xenparley.domain.identity.check_name`.
ODD_NAMES: tuple[str, ...] = (
    "two words",
    "it's",
    'say "hi"',
    "a(b)c",
    "((name",
    "1e5",
    "0123",
    "-rf",
    "--all",
    "100%",
    "%2e%2e",
    "a&b=c",
    "a?b#c",
    "a;b",
    "$HOME `id`",
    "back\\slash",
    "<b>&amp;",
    "nil",
    "None",
    "domain-0x",
    "Gäste-übung",
    "客人",
    "🐧",
    "e\u0301",
    "*",
    "name.with.dots",
    "UPPER",
    "upper",
    "x" * MAX_NAME_BYTES,
    "é" * (MAX_NAME_BYTES // 2),
)
