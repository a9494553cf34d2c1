"""Changing an existing file so that only what changed changes.

The file's guest and the wanted one are both put into keys and values. A key whose value is the
same in both stays as it is written, whatever its spelling; in a list, so does each item.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from xenparley_formats.text_document import TextDocument, Value

__all__ = ["patch"]


def patch(
    document: TextDocument,
    before: Mapping[str, Value],
    after: Mapping[str, Value],
    kept: frozenset[str],
    right: Callable[[], bool],
) -> None:
    """Change ``document``, which says ``before``, so that it says ``after``.

    Keys of ``kept`` are pieces that no model knows: they are changed when the wanted guest has
    them, too, but never taken out. ``right`` says whether the document now reads as the guest:
    one that left something to a default which has changed gets it said, too.
    """
    for key in before:
        if key not in after and key not in kept:
            document.remove(key)
    for key, value in after.items():
        if key not in before or before[key] != value:
            held = document.get(key)
            document.set(key, _items(held, before.get(key), value) if key in before else value)
    if right():
        return
    for key, value in after.items():
        if key not in document:
            document.set(key, value)
    if right():
        return
    for key in document.keys:
        if key not in after and key not in kept:
            document.remove(key)
    for key, value in after.items():
        document.set(key, value)


def _items(written: Value, before: Value, after: Value) -> Value:
    """Return the list with those items as they are written that stay the same."""
    if not (isinstance(written, list) and isinstance(before, list) and isinstance(after, list)):
        return after
    if len(written) != len(before):
        return after
    spelled: dict[str, list[Value]] = {}
    for said, item in zip(written, before, strict=True):
        spelled.setdefault(repr(item), []).append(said)
    result: list[Value] = []
    for item in after:
        found = spelled.get(repr(item))
        result.append(found.pop(0) if found else item)
    return result
