"""Nodes: the table that says which element and attribute of domain XML is which field.

One table serves the reader and the writer, so that what one knows the other knows too. The
order of the children is the order in which they are written, libvirt's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from attrs import fields_dict

from xenparley_formats.xml_make import Maker, maker
from xenparley_formats.xml_words import TEXT, Word

if TYPE_CHECKING:
    from xenparley_formats.xml_run import ReadRun

__all__ = [
    "EXTRA",
    "FLAG",
    "FLAT",
    "MANY",
    "NAMED",
    "NAMESPACE",
    "ONE",
    "SCALARS",
    "SETTINGS",
    "Entry",
    "Node",
    "own",
    "values_of",
]

#: Namespace of what xenparley says in XML and libvirt has no word for. libvirt skips it.
NAMESPACE = "urn:xenparley:domain:1"

#: The element's attributes, text and children are fields of its owner.
FLAT = 0
#: The element's presence is a field that is true.
FLAG = 1
#: Each such element holds one word of a tuple.
SCALARS = 2
#: The element is an object of its own, or one of several.
ONE = 3
MANY = 4
#: Each child of the element is an object whose name is its tag.
NAMED = 5

#: Field and word.
Entry = tuple[str, Word]
Values = dict[str, Any]


def own(name: str) -> str:
    """Return a name in xenparley's namespace, in lxml's notation."""
    return f"{{{NAMESPACE}}}{name}"


#: What has no place in libvirt's document, and pieces of other notations.
SETTINGS = own("settings")
EXTRA = own("extra")


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(fields_dict(kind))


def values_of(thing: Any) -> Values:
    """Return the object's fields by their names."""
    kind: type = type(thing)
    return {name: getattr(thing, name) for name in _names(kind)}


def _entries(table: Mapping[str, str | Entry]) -> dict[str, Entry]:
    return {name: (e, TEXT) if isinstance(e, str) else e for name, e in table.items()}


class Node:
    """What an element is.

    ``attrs`` and ``text`` map to (field, word), a bare string means text. ``cls`` and ``field``
    are for objects: built from the fields that were found, after ``hook`` has put the raw ones
    (with ``_``) into shape; ``dump`` is the way back. ``switch`` names a field of the owner by
    whose value one of ``cases`` stands in for this node. ``only`` maps the element's ``type``
    to the node, None for a type that is carried along. ``required`` fields have a message.
    ``opaque`` names what libvirt knows and Xen has no use for: carried along, also when strict.
    ``always``: written even if it is empty.
    """

    __slots__ = (
        "always",
        "attrs",
        "cases",
        "children",
        "cls",
        "dump",
        "dynamic",
        "field",
        "hook",
        "kind",
        "leaf",
        "lists",
        "maker",
        "only",
        "opaque",
        "owns_extras",
        "parsers",
        "prefix",
        "required",
        "says",
        "step",
        "switch",
        "table",
        "tag",
        "text",
        "word",
    )

    def __init__(
        self,
        tag: str,
        kind: int = FLAT,
        *,
        attrs: Mapping[str, str | Entry] | None = None,
        text: str | Entry | None = None,
        children: Sequence[Node] = (),
        cls: type | None = None,
        field: str = "",
        hook: Callable[[Any, Values, ReadRun], None] | None = None,
        dump: Callable[[Any], Values] | None = None,
        switch: str | None = None,
        cases: Mapping[str, Node] | None = None,
        only: Mapping[str, Node] | None = None,
        required: Mapping[str, str] | None = None,
        opaque: Sequence[str] = (),
        always: bool = False,
    ) -> None:
        self.tag = tag
        self.step = tag.replace(f"{{{NAMESPACE}}}", "xenparley:")
        self.kind = kind
        self.attrs = _entries(attrs or {})
        self.parsers = {name: (f, word.parse) for name, (f, word) in self.attrs.items()}
        self.text: Entry | None = (text, TEXT) if isinstance(text, str) else text
        self.word = None if self.text is None else (self.text[0], self.text[1].parse)
        self.children = tuple(children)
        self.table: dict[Any, Node] = {child.tag: child for child in children}
        self.cls = cls
        self.maker: Maker[Any] | None = None if cls is None else maker(cls)
        self.field = field
        self.hook = hook
        self.dump = dump
        self.switch = switch
        self.cases = cases or {}
        self.only = only
        self.dynamic = switch is not None or only is not None
        self.required = tuple((required or {}).items())
        self.opaque = frozenset(opaque)
        self.always = always
        self.lists = tuple(self._lists(self))
        self.owns_extras = cls is not None and "extras" in fields_dict(cls)
        #: The owner's fields that this element says.
        self.says = frozenset(self._fields())

        self.prefix = ""
        # a flat element without children: the reader takes a short way
        self.leaf = kind == FLAT and not (children or switch or only or always)

    def place(self, prefix: str = "") -> None:
        """Tell the node, and those below, its path below the element that owns the extras."""
        self.prefix = prefix
        for child in self.children:
            for case in (child, *child.cases.values(), *(child.only or {}).values()):
                owner = case.kind in (ONE, MANY) and case.owns_extras
                case.place("" if owner else f"{prefix}{case.step}/")

    def _lists(self, node: Node) -> list[str]:
        """Name the owner's fields that collect several elements."""
        found = []
        for child in node.children:
            for case in (child, *child.cases.values(), *(child.only or {}).values()):
                if case.kind in (SCALARS, MANY, NAMED):
                    found.append(case.field)
                elif case.kind == FLAT:
                    found += self._lists(case)
        return list(dict.fromkeys(f for f in found if f))

    def _fields(self) -> set[str]:
        """Name the owner's fields that this element says."""
        names = {self.field} if self.kind in (MANY, ONE, FLAG) else set()
        if self.kind == FLAT:
            names |= {name for name, _ in self.attrs.values()}
            for child in self.children:
                names |= child.says
        return names

    def resolve(self, values: Values, element: Any) -> Node | None:
        """Return the node that this one stands for here; None: what the model doesn't know."""
        if self.switch is not None:
            return self.cases.get(values.get(self.switch, ""), self)
        if self.only is not None:
            return self.only.get(element.get("type"))
        return self

    def take_apart(self, thing: Any) -> Values:
        """Return the fields of an object as the writer needs them."""
        if self.dump is not None:
            return self.dump(thing)
        return values_of(thing)
