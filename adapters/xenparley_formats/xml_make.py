"""Objects of the model, made quickly.

The model's classes are frozen: their own ``__init__`` sets each field by a call of
``object.__setattr__``, which is most of what an object costs (GuestConfig has 37 fields). An
object in the making is of a subclass that adds nothing and isn't frozen; what comes out is of
the model's own class, and as frozen as any.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Generic, TypeVar

import attrs

__all__ = ["Maker", "maker"]

_T = TypeVar("_T")

#: So many objects of a class are made the usual way: the subclass costs half a millisecond.
FEW = 50


class Maker(Generic[_T]):
    """Makes objects of one class of attrs, with slots."""

    __slots__ = ("_made", "_unfrozen", "kind")

    def __init__(self, kind: type[_T]) -> None:
        self.kind = kind
        self._made = 0
        self._unfrozen: Any = None

    def make(self, values: dict[str, Any]) -> _T:
        """Return ``kind(**values)``."""
        unfrozen = self._unfrozen
        if unfrozen is None:
            self._made += 1
            if self._made <= FEW:
                return self.kind(**values)
            unfrozen = self._unfrozen = _unfrozen(self.kind)
        thing: _T = unfrozen(**values)
        thing.__class__ = self.kind
        return thing


def _unfrozen(kind: type) -> Any:
    """Return a subclass with the same fields, defaults and checks, whose fields can be set."""
    # with both methods object's own, Python sets an attribute without calling either
    body = {
        "__slots__": (),
        "__module__": kind.__module__,
        "__setattr__": object.__setattr__,
        "__delattr__": object.__delattr__,
    }
    loose = type(kind.__name__, (kind,), body)
    return attrs.define(loose, slots=False, eq=False, repr=False, match_args=False)


@cache
def maker(kind: type[_T]) -> Maker[_T]:
    """Return the class's maker, one for all."""
    return Maker(kind)
