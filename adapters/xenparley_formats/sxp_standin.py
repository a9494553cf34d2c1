"""Odd spellings that were read are written again, as long as they still say the same.

``(vcpu_avail 5)`` has two virtual CPUs online like ``(vcpu_avail 3)``; ``(soundhw all)`` is more
than the cards that libvirt names. Such a piece takes the place of what the writer would say, if
the document then reads as the same guest; when the guest was changed, the piece is out of date.
"""

from __future__ import annotations

from attrs import evolve

from xenparley.domain.config import GuestConfig
from xenparley.domain.errors import ConfigError
from xenparley_formats.native_run import ReadLog
from xenparley_formats.sxp_read import config_from_sxp
from xenparley_wire.sxp import Sexp
from xenparley_wire.sxp_tree import key_of

__all__ = ["stand_in"]

# pieces that are tried one by one when not all fit together: each costs a reading
_MOST = 16


def _read(tree: list[Sexp], version: int) -> GuestConfig | None:
    try:
        config = config_from_sxp(tree, version=version, log=ReadLog(""), as_libvirt=False)
    except ConfigError:
        # what makes the document unreadable can't stand in for anything
        return None
    return evolve(config, extras=())


def _replaced(tree: list[Sexp], pieces: list[tuple[str, Sexp]]) -> list[Sexp]:
    """Return the tree with the pieces in place of the parts with their paths."""
    whole = {key: piece for key, piece in pieces if "/" not in key}
    inner = {key.removeprefix("image/"): piece for key, piece in pieces if "/" in key}
    found: list[Sexp] = []
    for node in tree:
        key = key_of(node)
        said = node[1] if key == "image" and len(node) > 1 else None
        if isinstance(node, list) and isinstance(said, list):
            image = [inner.get(key_of(part) or "", part) for part in said]
            found.append(["image", image, *node[2:]])
        else:
            found.append(whole.get(key or "", node))
    return found


def stand_in(tree: list[Sexp], pieces: list[tuple[str, Sexp]], version: int) -> list[Sexp]:
    """Return the tree with those pieces in it that change nothing of its meaning."""
    if not pieces:
        return tree
    meant = _read(tree, version)
    if meant is None:
        return tree
    every = _replaced(tree, pieces)
    if _read(every, version) == meant:
        return every
    for piece in pieces[:_MOST]:
        tried = _replaced(tree, [piece])
        if _read(tried, version) == meant:
            tree = tried
    return tree
