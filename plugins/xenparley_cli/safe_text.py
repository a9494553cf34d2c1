"""Text for terminals: no control character of a guest reaches one, and columns line up."""

from __future__ import annotations

from xenparley.domain.identity import printable

__all__ = ["document_for_terminal", "fitted", "width"]


def width(text: str) -> int:
    """Return how many columns a terminal gives to the text."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(
        0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text
    )


def fitted(text: str, columns: int, mark: str) -> str:
    """Return the text cut to so many columns; ``mark`` ends one that was cut."""
    if width(text) <= columns:
        return text
    if columns <= width(mark):
        return mark[:columns]
    room = columns - width(mark)
    text = text[:room]
    while width(text) > room:
        text = text[:-1]
    return text + mark


def document_for_terminal(text: str, *, references: bool) -> str:
    """Return a document with what could steer a terminal escaped; line ends and tabs stay.

    ``references`` writes XML's ``&#xNN;``, which means the same character; else ``\\xNN``.
    """

    def escaped(char: str) -> str:
        if char in "\n\t" or printable(char) == char:
            return char
        return f"&#x{ord(char):x};" if references else printable(char)

    return "\n".join(
        line
        if printable(line.replace("\t", "")) == line.replace("\t", "")
        else "".join(map(escaped, line))
        for line in text.split("\n")
    )
