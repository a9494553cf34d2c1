"""What a document held that the model has no word for."""

from __future__ import annotations

from attrs import field, frozen

__all__ = ["Extra"]


def _hidden(text: str) -> str:
    return f"<{len(text)} characters>"


@frozen
class Extra:
    """A piece of a document that travels along untouched, so that redefining loses nothing.

    ``format`` names the notation it is written in (``xml``, ``sxp``, ``xm``, ``xl``), ``key``
    says what it is there (an element's or attribute's name, an atom, a key), ``text`` is the
    piece itself. Another notation can't express it. Vendors put secrets into such places, so a
    ``repr`` shows only its size.

    In XML the key is a path below the owner's element: ``driver/@io`` an attribute,
    ``cpu`` or ``{namespace}name`` an element, ``devices/!comment`` a comment, ``?`` a processing
    instruction, ``#text`` stray text, and ``source/`` an element that holds nothing.
    """

    format: str
    key: str
    text: str = field(repr=_hidden)
